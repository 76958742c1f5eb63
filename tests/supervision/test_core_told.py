"""What a core tells and orders, to the last field: whole facts and whole commands, where other tests look at a few."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.actors.child_spec import BrutalKill, ChildType, Grace, Infinity, Restart
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Shutdown
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import errors as err
from regrow.supervision import events as fact
from regrow.supervision import requests as ask
from regrow.supervision.backoff import Backoff
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.results import ChildCounts, ChildInfo, Children, Done, StartedChild
from regrow.supervision.states import ChildState
from tests.supervision.stage import BOOM, Stage, child

SLOW = Backoff(initial=2.0, base=4.0, jitter="none", reset_after=10.0)
TOP: Any = {"supervisor": "top"}


def orders(stage: Stage) -> list[do.Command]:
    """The commands since the last call, without the facts."""
    taken = [command for command in stage.commands if not isinstance(command, do.Announce)]
    stage.commands.clear()
    return taken


def facts(stage: Stage) -> list[fact.SupervisionEvent]:
    taken, stage.facts = stage.facts, []
    return taken


def quiet(stage: Stage) -> Stage:
    stage.commands.clear()
    stage.facts.clear()
    return stage


def test_a_boot() -> None:
    a, b = child("a"), child("b")
    stage = Stage(a, b).boot()
    assert orders(stage) == [do.StartLife("a", 1, a), do.StartLife("b", 2, b), do.ConfirmStart()]
    assert facts(stage) == [
        fact.ChildStarted(**TOP, child_id="a", life=1, restarts=0),
        fact.ChildStarted(**TOP, child_id="b", life=2, restarts=0),
        fact.SupervisorStarted(**TOP),
    ]


def test_a_boot_that_fails() -> None:
    stage = Stage(child("a"), child("b"))
    stage.starts["b"] = [BOOM]
    stage.boot()
    assert orders(stage)[2:] == [
        do.StopLife("a", 1, 105.0, SHUTDOWN),
        do.SetTimer(do.StopDeadline("a", 1), 105.0),
        do.CancelTimer(do.StopDeadline("a", 1)),
        do.FailStart(stage.start_error),  # type: ignore[arg-type]
        do.ExitSelf(Shutdown("child 'b' failed to start")),
    ]
    assert isinstance(stage.start_error, err.FailedToStartChild)
    assert (stage.start_error.child_id, stage.start_error.reason) == ("b", BOOM)
    assert facts(stage)[1:] == [
        fact.ChildStartFailed(**TOP, child_id="b", life=2, reason=BOOM),
        fact.ChildTerminated(**TOP, child_id="a", life=1, reason=SHUTDOWN, expected=True),
    ]


def test_a_stop_before_the_boot_is_over() -> None:
    stage = Stage(child("a"))
    stage.starts["a"] = ["hang"]
    stage.boot().stop(Shutdown("no time"))
    assert isinstance(stage.start_error, err.SupervisorStopping)
    assert stage.start_error.supervisor == "top"
    assert stage.exited == Shutdown("no time")


def test_a_restart_after_a_wait_and_the_reset_of_the_backoff() -> None:
    spec = child("a")
    stage = quiet(Stage(spec, backoff=SLOW).boot())
    stage.feed(ev.LifeEnded("a", stage.lives.pop("a"), BOOM, report="last words"))
    assert orders(stage) == [do.SetTimer(do.RestartDue("a", 1), 102.0)]
    assert facts(stage) == [
        fact.ChildTerminated(**TOP, child_id="a", life=1, reason=BOOM, expected=False, report="last words"),
        fact.RestartScheduled(**TOP, child_id="a", delay=2.0, failures=1, group=("a",)),
    ]
    stage.pass_time(2.0)
    assert orders(stage) == [do.StartLife("a", 2, spec), do.SetTimer(do.BackoffReset("a", 2), 112.0)]
    assert facts(stage) == [fact.ChildStarted(**TOP, child_id="a", life=2, restarts=1)]
    stage.pass_time(10.0)
    assert orders(stage) == []
    assert facts(stage) == [fact.BackoffWasReset(**TOP, child_id="a", life=2)]
    stage.crash("a")
    assert orders(stage) == [do.SetTimer(do.RestartDue("a", 2), 114.0)]


def test_a_second_crash_before_the_reset_waits_longer_and_cancels_it() -> None:
    stage = Stage(child("a"), backoff=SLOW).boot()
    stage.crash("a")
    stage.pass_time(2.0)
    quiet(stage)
    stage.crash("a")
    assert orders(stage) == [do.CancelTimer(do.BackoffReset("a", 2)), do.SetTimer(do.RestartDue("a", 2), 106.0)]
    assert facts(stage)[1] == fact.RestartScheduled(**TOP, child_id="a", delay=4.0, failures=2, group=("a",))


def test_a_restart_that_fails() -> None:
    stage = Stage(child("a"), backoff=SLOW).boot()
    stage.starts["a"] = [BOOM]
    stage.crash("a")
    quiet(stage)
    stage.pass_time(2.0)
    assert facts(stage) == [
        fact.ChildStartFailed(**TOP, child_id="a", life=2, reason=BOOM),
        fact.RestartScheduled(**TOP, child_id="a", delay=4.0, failures=2, group=("a",)),
    ]
    assert stage.info("a").last_reason == str(BOOM)


def test_a_supervisor_that_gives_up() -> None:
    stage = quiet(Stage(child("a"), child("b"), intensity=RestartIntensity(0, 7.0)).boot())
    stage.crash("a")
    assert facts(stage)[1:] == [
        fact.IntensityReached(**TOP, child_id="a", max_restarts=0, max_seconds=7.0),
        fact.ChildTerminated(**TOP, child_id="b", life=2, reason=SHUTDOWN, expected=True),
    ]
    assert orders(stage)[-1] == do.ExitSelf(Shutdown("reached_max_restart_intensity"))


def test_a_child_that_matters() -> None:
    spec = child("a", Restart.TRANSIENT, significant=True)
    stage = quiet(Stage(spec, auto_shutdown="any_significant").boot())
    stage.finish("a")
    assert facts(stage)[1:] == [fact.SignificantChildEnded(**TOP, child_id="a", reason=NORMAL)]
    assert orders(stage) == [do.ExitSelf(Shutdown("auto_shutdown"))]


def test_a_stop_that_is_not_obeyed_and_a_kill_that_does_not_help() -> None:
    stage = quiet(Stage(child("a", shutdown=Grace(3.0))).boot())
    stage.stops["a"] = "immortal"
    stage.stop()
    assert orders(stage) == [
        do.StopLife("a", 1, 103.0, SHUTDOWN),
        do.SetTimer(do.StopDeadline("a", 1), 103.0),
    ]
    stage.pass_time(3.0)
    assert orders(stage) == [do.KillLife("a", 1), do.SetTimer(do.KillDeadline("a", 1), 108.0)]
    stage.pass_time(5.0)
    assert orders(stage)[-1] == do.ExitSelf(SHUTDOWN)
    assert facts(stage) == [
        fact.Unstopped(**TOP, child_id="a", life=1),
        fact.ShutdownError(**TOP, child_id="a", life=1, reason=KILLED),
    ]


@pytest.mark.parametrize(
    ("shutdown", "expected"),
    [
        (BrutalKill(), [do.KillLife("a", 1), do.SetTimer(do.KillDeadline("a", 1), 105.0)]),
        (Infinity(), [do.StopLife("a", 1, None, SHUTDOWN)]),
        (Grace(0.0), [do.StopLife("a", 1, 100.0, SHUTDOWN), do.SetTimer(do.StopDeadline("a", 1), 100.0)]),
    ],
)
def test_the_ways_to_stop(shutdown: Any, expected: list[do.Command]) -> None:
    stage = Stage(child("a", shutdown=shutdown)).boot()
    stage.stops["a"] = "immortal"
    quiet(stage).stop()
    assert orders(stage) == expected


def test_an_end_that_was_asked_for_but_is_not_clean() -> None:
    stage = quiet(Stage(child("a")).boot())
    stage.stops["a"] = BOOM
    stage.stop()
    assert facts(stage) == [
        fact.ChildTerminated(**TOP, child_id="a", life=1, reason=BOOM, expected=True),
        fact.ShutdownError(**TOP, child_id="a", life=1, reason=BOOM),
    ]


def test_an_end_beside_the_stop_of_the_supervisor_that_is_not_clean() -> None:
    stage = Stage(child("a"), child("b")).boot()
    stage.stops["b"] = "hang"
    stage.stop()
    quiet(stage).crash("a")
    assert facts(stage) == [
        fact.ChildTerminated(**TOP, child_id="a", life=1, reason=BOOM, expected=False),
        fact.ShutdownError(**TOP, child_id="a", life=1, reason=BOOM),
    ]


@pytest.mark.parametrize("kind", [ev.LifeEnded, ev.LifeFailed])
def test_a_life_that_was_abandoned(kind: Any) -> None:
    stage = Stage(child("a"), backoff=SLOW)
    stage.starts["a"] = ["hang"]
    stage.boot()
    life = stage.lives.pop("a")
    if kind is ev.LifeEnded:
        stage.feed(ev.LifeReady("a", life))
    quiet(stage).feed(kind("a", life, KILLED, abandoned=True))
    assert fact.Unstopped(**TOP, child_id="a", life=1) in facts(stage)


def test_an_end_that_overtakes_the_news_of_readiness() -> None:
    stage = Stage(child("a"), backoff=SLOW)
    stage.starts["a"] = ["hang"]
    stage.boot()
    stage.feed(ev.LifeEnded("a", stage.lives.pop("a"), NORMAL))
    assert facts(stage)[:2] == [
        fact.ChildStarted(**TOP, child_id="a", life=1, restarts=0),
        fact.ChildTerminated(**TOP, child_id="a", life=1, reason=NORMAL, expected=False),
    ]


def test_a_child_that_is_added_by_name() -> None:
    spec = child("b")
    stage = quiet(Stage(child("a")).boot())
    stage.starts["b"] = ["hang"]
    number = stage.request(ask.StartChild(spec))
    stage.become_ready("b", info={"port": 80})
    assert orders(stage) == [
        do.StartLife("b", 2, spec),
        do.Reply(number, StartedChild("b", stage.info("b").ref, {"port": 80})),
    ]
    assert stage.info("b").ref is not None


def test_a_child_that_is_added_and_asks_to_be_left_out() -> None:
    stage = Stage(child("a")).boot()
    stage.starts["b"] = ["ignore"]
    assert stage.ask(ask.StartChild(child("b"))) == StartedChild("b", None, None)
    assert stage.info("b").last_reason is None


@pytest.mark.parametrize(
    ("request_for", "name", "error", "text"),
    [
        (ask.StartChild(child("a")), "a", err.AlreadyStarted, "child 'a' is already started: ref of a"),
        (ask.RestartChild("a"), "a", err.ChildRunning, "child 'a' is running"),
        (ask.DeleteChild("a"), "a", err.ChildRunning, "child 'a' is running"),
        (ask.TerminateChild("x"), "x", err.ChildNotFound, "child 'x' is not known to this supervisor"),
        (ask.GetChildSpec("x"), "x", err.ChildNotFound, "child 'x' is not known to this supervisor"),
        (ask.RestartChild("w"), "w", err.ChildRestarting, "child 'w' is about to be started"),
        (
            ask.StartChild(child("w")),
            "w",
            err.AlreadyPresent,
            "child 'w' is already present, but not running; use restart_child or delete_child",
        ),
    ],
)
def test_refusals_name_the_child(request_for: Any, name: str, error: type[err.ChildError], text: str) -> None:
    stage = Stage(child("a"), child("w"), backoff=SLOW).boot()
    stage.crash("w")
    refused = stage.ask(request_for)
    assert isinstance(refused, error)
    assert (refused.child_id, str(refused)) == (name, text)


def test_a_supervisor_that_is_stopping_refuses_with_its_name() -> None:
    stage = Stage(child("a")).boot()
    stage.stops["a"] = "hang"
    stage.stop()
    refused = stage.ask(ask.StartChild(child("b")))
    assert isinstance(refused, err.SupervisorStopping)
    assert refused.supervisor == "top"


def test_a_start_by_name_that_fails_says_why() -> None:
    stage = Stage(child("a")).boot()
    stage.starts["b"] = [BOOM]
    refused = stage.ask(ask.StartChild(child("b")))
    assert isinstance(refused, err.FailedToStartChild)
    assert (refused.child_id, refused.reason) == ("b", BOOM)


def test_a_start_by_name_that_is_withdrawn_or_overtaken_by_the_end() -> None:
    stage = Stage(child("a")).boot()
    stage.starts |= {"b": ["hang"], "c": ["hang"]}
    withdrawn, overtaken = (stage.request(ask.StartChild(child(name))) for name in "bc")
    assert stage.ask(ask.TerminateChild("b")) == Done()
    stage.stop()
    first, second = stage.answers[withdrawn], stage.answers[overtaken]
    assert isinstance(first, err.ChildWithdrawn)
    assert first.child_id == "b"
    assert isinstance(second, err.SupervisorStopping)
    assert second.supervisor == "top"


def test_a_list_says_all_of_each_child() -> None:
    stage = Stage(
        child("a", type=ChildType.SUPERVISOR), child("b", Restart.TRANSIENT, significant=True), child("c"),
        backoff=SLOW, auto_shutdown="all_significant",
    ).boot()  # fmt: skip
    stage.crash("c")
    stage.pass_time(0.5)
    listed = stage.ask(ask.WhichChildren())
    assert isinstance(listed, Children)
    refs = [info.ref for info in listed.children]
    assert None not in refs
    assert listed.children == (
        ChildInfo(
            id="c", ref=refs[0], state=ChildState.BACKOFF, restarting=True, type=ChildType.WORKER,
            restart=Restart.PERMANENT, significant=False, life=3, incarnation=3, restarts=0, next_restart_in=1.5,
            last_reason="crash: ValueError: boom",
        ),
        ChildInfo(
            id="b", ref=refs[1], state=ChildState.RUNNING, restarting=False, type=ChildType.WORKER,
            restart=Restart.TRANSIENT, significant=True, life=2, incarnation=2, restarts=0, next_restart_in=None,
            last_reason=None,
        ),
        ChildInfo(
            id="a", ref=refs[2], state=ChildState.RUNNING, restarting=False, type=ChildType.SUPERVISOR,
            restart=Restart.PERMANENT, significant=False, life=1, incarnation=1, restarts=0, next_restart_in=None,
            last_reason=None,
        ),
    )  # fmt: skip
    assert stage.ask(ask.CountChildren()) == ChildCounts(specs=3, active=2, supervisors=1, workers=2)


def test_a_group_that_waits_and_is_widened() -> None:
    stage = quiet(Stage(child("a"), child("b"), child("c"), strategy="rest_for_one", backoff=SLOW).boot())
    stage.crash("b")
    assert orders(stage) == [
        do.StopLife("c", 3, 105.0, SHUTDOWN),
        do.SetTimer(do.StopDeadline("c", 3), 105.0),
        do.CancelTimer(do.StopDeadline("c", 3)),
        do.SetTimer(do.GroupDue(1), 102.0),
    ]
    assert fact.RestartScheduled(**TOP, child_id="b", delay=2.0, failures=1, group=("b", "c")) in facts(stage)
    stage.pass_time(1.0)
    stage.crash("a")
    assert orders(stage) == [do.CancelTimer(do.GroupDue(1)), do.SetTimer(do.GroupDue(2), 103.0)]
    assert facts(stage)[1] == fact.RestartScheduled(**TOP, child_id="a", delay=2.0, failures=1, group=("a", "b", "c"))
    assert stage.info("c").next_restart_in == 2.0
    stage.pass_time(2.0)
    assert [order.child_id for order in orders(stage) if isinstance(order, do.StartLife)] == ["a", "b", "c"]
    assert [event.restarts for event in facts(stage) if isinstance(event, fact.ChildStarted)] == [1, 1, 1]


def test_the_words_for_what_it_is_doing() -> None:
    stage = Stage(child("a"), strategy="one_for_all", backoff=SLOW)
    stage.starts["a"] = ["hang", "ready"]
    assert stage.boot().core.phase == "starting"
    stage.become_ready("a")
    assert stage.core.phase == "running"
    stage.crash("a")
    assert (stage.core.phase, stage.core.ended) == ("restarting", False)
    stage.pass_time(2.0)
    stage.stops["a"] = "hang"
    stage.stop()
    assert (stage.core.phase, stage.core.ended) == ("stopping", False)
    stage.pass_time(5.0)
    assert (stage.core.phase, stage.core.ended) == ("stopping", True)
    assert stage.core.receive(ev.StopRequested(), stage.now) == []


def test_how_it_is_set_up() -> None:
    stage = Stage(strategy="rest_for_one", intensity=RestartIntensity(4, 9.0), auto_shutdown="any_significant")
    assert stage.core.settings == {
        "strategy": "rest_for_one",
        "max_restarts": 4,
        "max_seconds": 9.0,
        "auto_shutdown": "any_significant",
    }
