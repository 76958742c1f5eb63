from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

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
from regrow.actors.functions import FunctionActor
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
    supervise,
    supervisor_child,
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


def crossed(spec: object) -> object:
    return decode(encode(spec))


def run(*_args: object) -> None:
    """A function that has an import path."""


class Holder:
    class Inner:
        """A class that has one, too."""

    def method(self) -> None:
        """A method of an object has none."""


def test_what_a_start_names_goes_by_its_import_path() -> None:
    assert crossed(Start(Holder.Inner, (1,), {"a": 2})) == Start(f"{__name__}:Holder.Inner", (1,), {"a": 2})
    assert crossed(Start(run)) == Start(f"{__name__}:run")
    inner = SupervisorSpec(children=[supervise(run, 3)])
    tree = crossed(SupervisorSpec(children=[supervisor_child("pool", inner)]))
    assert isinstance(tree, SupervisorSpec)
    start = tree.children[0].start
    assert start.target == "regrow.supervision.supervisor:Supervisor"
    (below,) = start.args
    assert isinstance(below, SupervisorSpec)
    assert below.children[0].start == Start("regrow.actors.functions:FunctionActor", (f"{__name__}:run", 3))


def test_what_has_no_import_path_is_refused_where_it_stands_with_what_to_do() -> None:
    class Local:
        pass

    def spec(start: Start) -> SupervisorSpec:
        return SupervisorSpec(children=[CHILD, ChildSpec(id="b", start=start)])

    for start, path, why, got in (
        (Start(Local), "start.target", "it is defined inside a function (a closure)", Local),
        (Start(FunctionActor, (len_of := lambda: 3,)), "start.args[0]", "a lambda has no name", len_of),
        (Start(Holder().method), "start.target", "is another object", None),
    ):
        with pytest.raises(CodecError) as caught:
            encode(spec(start))
        assert caught.value.path == f"message.children[1].{path}"
        assert caught.value.expected.startswith('an import path "package.module:name", or what has one (')
        assert why in caught.value.expected
        assert got is None or caught.value.got is got


def test_a_function_among_other_arguments_is_refused_as_code_in_any_message() -> None:
    with pytest.raises(CodecError, match=r"message\.args\[1\]: expected data, not code"):
        encode(Start(run, (1, run)))
    with pytest.raises(CodecError, match=r"message\.args\[1\]: expected data, not code"):
        encode(Start(FunctionActor, (run, run)))


def test_what_is_defined_in_a_script_has_no_import_path_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Main:
        __module__ = "__main__"
        __qualname__ = "Main"

    script = ModuleType("__main__")
    script.__dict__.update(Main=Main, __file__=str(tmp_path / "shop.py"))
    (tmp_path / "shop.py").touch()
    monkeypatch.setitem(sys.modules, "__main__", script)
    text = r"message\.target: expected what is defined in a module, not in a script \(shop:Main\), got type <class"
    with pytest.raises(CodecError, match=text):
        encode(Start(Main))


def test_a_wait_that_is_no_import_path_cannot_cross_and_says_where() -> None:
    with pytest.raises(CodecError, match=r"backoff\.wait"):
        encode(SupervisorSpec(backoff=TenacityBackoff(tenacity.wait_fixed(1))))
