from __future__ import annotations

import pytest
import tenacity

from regrow.actors.child_spec import (
    BrutalKill,
    ChildSpec,
    ChildType,
    Grace,
    Infinity,
    Isolation,
    Limits,
    Restart,
    Start,
)
from regrow.protocol.codec import decode, encode
from regrow.protocol.errors import CodecError
from regrow.supervision import (
    AkkaBackoff,
    AutoShutdown,
    Backoff,
    ChildCounts,
    ChildInfo,
    Children,
    ChildState,
    ConstantBackoff,
    DecorrelatedBackoff,
    Done,
    FailureDecay,
    LadderBackoff,
    RestartIntensity,
    StartedChild,
    Strategy,
    SupervisorSpec,
    TenacityBackoff,
    requests,
)

CHILD = ChildSpec(
    id="a",
    start=Start("app.db:Pool", ("main",), {"size": 3}),
    restart=Restart.TRANSIENT,
    shutdown=Grace(2.0),
    isolation=Isolation.PROCESS,
    limits=Limits(nice=5),
    backoff=Backoff(base=1.0),
)
INFO = ChildInfo(
    id="a",
    ref=None,
    state=ChildState.BACKOFF,
    restarting=True,
    type=ChildType.WORKER,
    restart=Restart.PERMANENT,
    significant=False,
    life=3,
    incarnation=2,
    restarts=1,
    next_restart_in=0.5,
    last_reason="killed",
)


@pytest.mark.parametrize(
    "value",
    [
        CHILD,
        ChildSpec(id="b", start=Start("app:make"), shutdown=Infinity()),
        ChildSpec(id="c", start=Start("app:make"), shutdown=BrutalKill()),
        SupervisorSpec(
            strategy=Strategy.REST_FOR_ONE,
            children=[CHILD],
            intensity=RestartIntensity(7, 2.0),
            backoff=Backoff(jitter="none"),
            auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
            name="top",
        ),
        SupervisorSpec(intensity=FailureDecay(2.5, 10.0), backoff=ConstantBackoff(3.0, initial=None)),
        SupervisorSpec(backoff=LadderBackoff([0, 1, 5], reset_after=3.0)),
        SupervisorSpec(backoff=DecorrelatedBackoff(1.0, 9.0)),
        SupervisorSpec(backoff=AkkaBackoff(1.0, 9.0, 0.5)),
        SupervisorSpec(backoff=TenacityBackoff("shop.waits:slow", cap=9.0)),
        requests.StartChild(CHILD),
        requests.TerminateChild("a"),
        requests.RestartChild("a"),
        requests.DeleteChild("a"),
        requests.GetChildSpec("a"),
        requests.WhichChildren(),
        requests.CountChildren(),
        Children((INFO,)),
        ChildCounts(1, 2, 3, 4),
        StartedChild("a", None, {"port": 1}),
        Done(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_comes_back_as_it_was(value: object) -> None:
    assert decode(encode(value)) == value


def test_a_spec_with_a_class_for_its_target_cannot_cross_and_says_where() -> None:
    with pytest.raises(CodecError, match=r"start\.target"):
        encode(SupervisorSpec(children=[ChildSpec(id="a", start=Start(object))]))


def test_a_wait_that_is_no_import_path_cannot_cross_and_says_where() -> None:
    with pytest.raises(CodecError, match=r"backoff\.wait"):
        encode(SupervisorSpec(backoff=TenacityBackoff(tenacity.wait_fixed(1))))
