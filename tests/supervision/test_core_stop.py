"""Termination of one child and of the supervisor. Significant children."""

from __future__ import annotations

import pytest

from regrow.actors.child_spec import BrutalKill, ChildType, Grace, Infinity
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, Shutdown
from regrow.supervision import requests as ask
from regrow.supervision.child import is_shutdown_error
from regrow.supervision.core_state import KILL_WAIT
from regrow.supervision.errors import SupervisorStopping
from regrow.supervision.events import ShutdownError, SignificantChildEnded, Unstopped
from regrow.supervision.results import Done
from tests.supervision.stage import BOOM, Stage, child


def test_children_are_stopped_in_reverse_one_after_the_other() -> None:
    stage = Stage(*map(child, "abc"))
    stage.stops["b"] = "hang"
    stage.boot()
    stage.take_log()
    stage.stop()
    assert stage.take_log() == ["stop c", "stop b"]
    stage.pass_time(4.9)
    assert stage.take_log() == []
    stage.pass_time(0.2)
    assert stage.take_log() == ["kill b", "stop a"]
    assert stage.exited == SHUTDOWN


def test_a_worker_gets_five_seconds_and_a_supervisor_as_long_as_it_takes() -> None:
    stage = Stage(child("worker"), child("supervisor", type=ChildType.SUPERVISOR))
    stage.stops.update(worker="hang", supervisor="hang")
    stage.boot()
    stage.stop()
    stage.pass_time(10_000.0)
    assert stage.lives.keys() == {"worker", "supervisor"}
    stage.crash("supervisor", SHUTDOWN)
    stage.pass_time(5.0)
    assert stage.exited == SHUTDOWN


def test_infinity_is_allowed_for_a_worker_and_no_time_at_all_too() -> None:
    stage = Stage(child("a", shutdown=Infinity()), child("b", shutdown=Grace(0)))
    stage.stops.update(a="hang", b="hang")
    stage.boot()
    stage.stop()
    stage.pass_time(0.0)
    assert stage.lives.keys() == {"a"}
    stage.crash("a", SHUTDOWN)
    assert stage.exited == SHUTDOWN


def test_what_nobody_can_kill_is_given_up_and_reported() -> None:
    stage = Stage(child("a", shutdown=BrutalKill()), child("b", shutdown=Grace(1.0)))
    stage.stops.update(a="immortal", b="immortal")
    stage.boot()
    stage.stop()
    stage.pass_time(1.0 + KILL_WAIT)
    assert [fact.child_id for fact in stage.saw(Unstopped)] == ["b"]
    stage.pass_time(KILL_WAIT)
    assert [fact.child_id for fact in stage.saw(Unstopped)] == ["b", "a"]
    assert stage.exited == SHUTDOWN


def test_a_life_that_was_given_up_and_ends_after_all_is_a_ghost() -> None:
    stage = Stage(child("a", shutdown=BrutalKill()))
    stage.stops["a"] = "immortal"
    stage.boot()
    stage.request(ask.TerminateChild("a"))
    stage.pass_time(KILL_WAIT)
    del stage.lives["a"]
    stage.stops["a"] = "obey"
    stage.ask(ask.RestartChild("a"))
    assert stage.states() == {"a": "running"}


@pytest.mark.parametrize(
    ("restart", "shutdown", "reason", "is_error"),
    [
        ("permanent", Grace(1), SHUTDOWN, False),
        ("permanent", Infinity(), SHUTDOWN, False),
        ("permanent", Grace(1), NORMAL, True),
        ("permanent", Grace(1), Shutdown("x"), True),
        ("transient", Grace(1), NORMAL, False),
        ("temporary", Grace(1), Shutdown("x"), False),
        ("temporary", Grace(1), KILLED, True),
        ("transient", Infinity(), BOOM, True),
        ("permanent", BrutalKill(), KILLED, False),
        ("permanent", BrutalKill(), SHUTDOWN, True),
        ("transient", BrutalKill(), SHUTDOWN, False),
        ("temporary", BrutalKill(), NORMAL, False),
        ("temporary", BrutalKill(), BOOM, True),
    ],
)
def test_which_ends_of_a_stopped_child_are_worth_a_report(
    restart: str, shutdown: object, reason: ExitReason, is_error: bool
) -> None:
    assert is_shutdown_error(child("a", restart, shutdown=shutdown), reason) is is_error


def test_an_unclean_stop_is_reported_and_still_succeeds() -> None:
    stage = Stage(child("a"))
    stage.stops["a"] = BOOM
    stage.boot()
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert [fact.reason for fact in stage.saw(ShutdownError)] == [BOOM]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, Shutdown("x"), BOOM], ids=str)
def test_children_that_end_on_their_own_during_the_stop_are_not_restarted(restart: str, reason: ExitReason) -> None:
    stage = Stage(child("a", restart), child("b", restart), child("slow"))
    stage.stops["slow"] = "hang"
    stage.boot()
    stage.stop()
    stage.crash("a", reason)
    stage.crash("b", reason)
    stage.take_log()
    stage.pass_time(5.0)
    assert stage.take_log() == ["kill slow"]
    assert stage.exited == SHUTDOWN


def test_a_child_that_is_starting_when_the_supervisor_stops_is_stopped_too() -> None:
    stage = Stage(child("a")).boot()
    stage.starts["b"] = ["hang"]
    asked = stage.request(ask.StartChild(child("b")))
    stage.take_log()
    stage.stop()
    assert stage.log == ["stop b", "stop a"]
    assert isinstance(stage.answers[asked], SupervisorStopping)


def test_a_start_that_was_faster_than_the_stop_is_still_stopped() -> None:
    stage = Stage(child("a"))
    stage.starts["a"] = ["hang"]
    stage.stops["a"] = "hang"
    stage.boot()
    stage.stop()
    stage.become_ready("a")
    assert stage.states() == {"a": "stopping"}
    stage.crash("a", SHUTDOWN)
    assert stage.exited == SHUTDOWN


def test_a_second_wish_to_stop_changes_nothing() -> None:
    stage = Stage(child("a"))
    stage.stops["a"] = "hang"
    stage.boot()
    stage.stop()
    stage.take_log()
    stage.stop(Shutdown("again"))
    assert stage.log == []
    stage.pass_time(5.0)
    assert stage.exited == SHUTDOWN


# Significant children


def sig(child_id: str, restart: str) -> object:
    return child(child_id, restart, significant=True)


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, Shutdown("x"), BOOM, KILLED], ids=str)
def test_any_end_of_a_significant_temporary_child_ends_the_supervisor(reason: ExitReason) -> None:
    stage = Stage(child("a"), sig("b", "temporary"), auto_shutdown="any_significant").boot()  # type: ignore[arg-type]
    stage.take_log()
    stage.crash("b", reason)
    assert stage.log == ["forget b", "stop a"]
    assert stage.exited == Shutdown("auto_shutdown")
    assert [fact.child_id for fact in stage.saw(SignificantChildEnded)] == ["b"]


def test_only_a_clean_end_of_a_significant_transient_child_ends_the_supervisor() -> None:
    stage = Stage(child("a"), sig("b", "transient"), auto_shutdown="any_significant").boot()  # type: ignore[arg-type]
    stage.crash("b")
    assert not stage.over
    stage.finish("b")
    assert stage.exited == Shutdown("auto_shutdown")


def test_all_significant_waits_for_the_last_of_them() -> None:
    stage = Stage(
        child("plain"),
        sig("a", "temporary"),  # type: ignore[arg-type]
        sig("b", "transient"),  # type: ignore[arg-type]
        auto_shutdown="all_significant",
    ).boot()
    stage.crash("a")
    assert not stage.over
    stage.finish("b")
    assert stage.exited == Shutdown("auto_shutdown")


def test_a_significant_child_that_waits_for_its_restart_counts_as_alive() -> None:
    from regrow.supervision.backoff import Backoff

    stage = Stage(
        child("a", "transient", significant=True, backoff=Backoff(initial=1.0)),
        child("b", "transient", significant=True),
        auto_shutdown="all_significant",
    ).boot()
    stage.crash("a")
    stage.finish("b")
    assert not stage.over
    stage.pass_time(1.0)
    stage.finish("a")
    assert stage.exited == Shutdown("auto_shutdown")


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_a_significant_child_that_is_terminated_by_hand_ends_nothing(mode: str) -> None:
    stage = Stage(child("a"), child("b", "temporary", significant=True), auto_shutdown=mode).boot()
    stage.ask(ask.TerminateChild("b"))
    assert not stage.over


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("restart", ["temporary", "transient"])
def test_a_significant_bystander_that_its_group_takes_down_ends_nothing(mode: str, strategy: str, restart: str) -> None:
    stage = Stage(child("a"), child("b", restart, significant=True), auto_shutdown=mode, strategy=strategy).boot()
    stage.crash("a")
    assert not stage.over


@pytest.mark.parametrize("mode", ["never", "any_significant", "all_significant"])
@pytest.mark.parametrize("restart", ["temporary", "transient"])
@pytest.mark.parametrize("reason", [NORMAL, BOOM, KILLED], ids=str)
def test_a_child_that_is_not_significant_never_ends_the_supervisor(mode: str, restart: str, reason: ExitReason) -> None:
    stage = Stage(child("a", restart), child("b"), auto_shutdown=mode).boot()
    stage.crash("a", reason)
    assert not stage.over


def test_a_significant_child_that_asks_to_be_ignored_ends_nothing() -> None:
    stage = Stage(child("a", "transient", significant=True), child("b"), auto_shutdown="any_significant")
    stage.starts["a"] = ["ignore"]
    stage.boot()
    assert not stage.over
