"""The decision table, intensity, backoff and single restarts."""

from __future__ import annotations

import pytest

from regrow.actors.child_spec import Restart
from regrow.protocol.exits import (
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    ExitReason,
    ExitStatus,
    Hang,
    Shutdown,
    Signaled,
)
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.backoff import Backoff
from regrow.supervision.commands import BackoffReset, RestartDue
from regrow.supervision.events import BackoffWasReset, ChildTerminated, IntensityReached, RestartScheduled
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.results import Done
from regrow.supervision.strategy import Strategy
from tests.supervision.stage import BOOM, Stage, child

CLEAN = [NORMAL, SHUTDOWN, Shutdown("because")]
UNCLEAN = [BOOM, KILLED, NOPROC, ExitStatus(0), ExitStatus(3), Signaled(9), Hang("blocked")]
PLAIN = Backoff(jitter="none")


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("reason", [*CLEAN, *UNCLEAN], ids=str)
@pytest.mark.parametrize("restart", Restart)
def test_what_follows_from_an_end(restart: Restart, reason: ExitReason, strategy: Strategy) -> None:
    stage = Stage(child("first"), child("it", restart), child("last"), strategy=strategy).boot()
    lives = dict(stage.lives)
    stage.take_log()
    stage.crash("it", reason)
    restarted = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and reason in UNCLEAN)
    group = {
        Strategy.ONE_FOR_ONE: ["it"],
        Strategy.REST_FOR_ONE: ["it", "last"],
        Strategy.ONE_FOR_ALL: ["first", "it", "last"],
    }[strategy]
    if restarted:
        assert stage.lives.keys() == lives.keys()
        assert [name for name in lives if stage.lives[name] != lives[name]] == group
        assert stage.log == [
            *[f"stop {name}" for name in reversed(group) if name != "it"],
            *[f"start {name}" for name in group],
        ]
    elif restart is Restart.TRANSIENT:
        assert stage.states() == {"first": "running", "it": "stopped", "last": "running"}
        assert stage.log == []
    else:
        assert stage.states() == {"first": "running", "last": "running"}
        assert stage.log == ["forget it"]
    [report] = [fact for fact in stage.saw(ChildTerminated) if fact.child_id == "it"]
    assert (report.reason, report.expected) == (reason, False)


def test_an_exit_of_an_unknown_child_or_an_earlier_life_is_ignored() -> None:
    stage = Stage(child("a")).boot()
    old = stage.lives["a"]
    stage.crash("a")
    stage.take_log()
    stage.feed(ev.LifeEnded("a", old, BOOM))
    stage.feed(ev.LifeFailed("a", old, BOOM))
    stage.feed(ev.LifeReady("a", old))
    stage.feed(ev.LifeIgnored("a", old))
    stage.feed(ev.LifeEnded("nobody", 1, BOOM))
    assert stage.log == []
    assert stage.states() == {"a": "running"}


def test_an_end_is_believed_only_once() -> None:
    stage = Stage(child("a", "transient")).boot()
    life = stage.lives["a"]
    stage.finish("a")
    stage.feed(ev.LifeEnded("a", life, BOOM))
    assert stage.states() == {"a": "stopped"}


# Intensity


@pytest.mark.parametrize("strategy", Strategy)
def test_one_restart_too_many_ends_the_supervisor_with_shutdown(strategy: Strategy) -> None:
    stage = Stage(child("a"), child("b"), strategy=strategy, intensity=RestartIntensity(2, 5.0)).boot()
    stage.crash("a")
    stage.crash("a")
    assert not stage.over
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["stop b"]
    assert stage.exited == Shutdown("reached_max_restart_intensity")
    [fact] = stage.saw(IntensityReached)
    assert (fact.child_id, fact.max_restarts, fact.max_seconds) == ("a", 2, 5.0)


def test_crashes_that_are_far_apart_never_trip_the_limit() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(1, 1.0)).boot()
    for _ in range(20):
        stage.crash("a")
        stage.pass_time(1.001)
    assert not stage.over


def test_the_far_end_of_the_window_still_counts() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(1, 1.0)).boot()
    stage.crash("a")
    stage.pass_time(1.0)
    stage.crash("a")
    assert stage.over


def test_the_limit_is_one_for_all_children() -> None:
    stage = Stage(child("a"), child("b"), child("c"), intensity=RestartIntensity(2, 5.0)).boot()
    for name in "abc":
        stage.crash(name)
    assert stage.over


def test_a_group_restart_is_one_entry() -> None:
    stage = Stage(*map(child, "abcdef"), strategy="one_for_all", intensity=RestartIntensity(1, 5.0)).boot()
    stage.crash("c")
    assert not stage.over
    stage.crash("c")
    assert stage.over


def test_clean_ends_of_permanent_children_count() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(1, 5.0)).boot()
    stage.finish("a")
    stage.finish("a")
    assert stage.over


def test_zero_restarts_means_the_first_crash_is_the_end() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(0, 5.0)).boot()
    stage.crash("a")
    assert stage.log == ["start a"]
    assert stage.over


def test_what_is_asked_for_by_hand_does_not_count() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(0, 5.0)).boot()
    for _ in range(5):
        stage.ask(ask.TerminateChild("a"))
        stage.ask(ask.RestartChild("a"))
    assert not stage.over


def test_failed_restarts_alone_exhaust_the_limit() -> None:
    stage = Stage(child("a"), child("b"), intensity=RestartIntensity(3, 5.0))
    stage.starts["a"] = ["ready", BOOM]
    stage.boot()
    stage.crash("a")
    assert stage.log == ["start a", "start b", "start a", "start a", "start a", "stop b"]
    assert stage.exited == Shutdown("reached_max_restart_intensity")


def test_a_failed_restart_is_tried_again_and_may_succeed() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(3, 5.0))
    stage.starts["a"] = ["ready", BOOM, BOOM, "ready"]
    stage.boot()
    stage.crash("a")
    assert stage.states() == {"a": "running"}
    assert not stage.over


def test_a_restart_that_asks_to_be_ignored_is_a_success_without_a_life() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(1, 5.0))
    stage.starts["a"] = ["ready", "ignore"]
    stage.boot()
    stage.crash("a")
    assert stage.states() == {"a": "stopped"}
    assert stage.counts() == (1, 0, 0, 1)


# Backoff


def test_restarts_wait_nothing_then_base_then_twice_that() -> None:
    stage = Stage(child("a"), backoff=PLAIN)
    stage.starts["a"] = ["ready"]
    stage.boot()
    for _ in range(5):
        stage.crash("a")
        stage.pass_time(10.0)
    waits = [fact.delay for fact in stage.saw(RestartScheduled)]
    assert waits == pytest.approx([0, 0.2, 0.4, 0.8, 1.6])
    assert [fact.failures for fact in stage.saw(RestartScheduled)] == [1, 2, 3, 4, 5]


def test_a_child_that_waits_is_in_backoff_and_listed_as_restarting() -> None:
    stage = Stage(child("a"), child("b"), backoff=PLAIN).boot()
    stage.crash("a")
    stage.crash("a")
    info = stage.info("a")
    assert (info.state, info.restarting) == ("backoff", True)
    assert info.next_restart_in == pytest.approx(0.2)
    assert info.last_reason == "crash: ValueError: boom"
    stage.pass_time(0.15)
    assert stage.info("a").next_restart_in == pytest.approx(0.05)
    assert stage.counts() == (2, 1, 0, 2)
    stage.pass_time(0.1)
    assert stage.states() == {"a": "running", "b": "running"}


def test_every_child_has_a_backoff_of_its_own() -> None:
    stage = Stage(child("a"), child("b", backoff=Backoff(initial=7.0)), backoff=PLAIN).boot()
    stage.crash("a")
    stage.crash("a")
    stage.crash("b")
    assert [fact.delay for fact in stage.saw(RestartScheduled)] == pytest.approx([0, 0.2, 7.0])


def test_a_failed_restart_waits_longer_than_the_one_before() -> None:
    stage = Stage(child("a"), backoff=PLAIN)
    stage.starts["a"] = ["ready", BOOM, BOOM, "ready"]
    stage.boot()
    stage.crash("a")
    assert stage.states() == {"a": "backoff"}
    stage.pass_time(0.2)
    assert stage.states() == {"a": "backoff"}
    stage.pass_time(0.4)
    assert stage.states() == {"a": "running"}


def test_a_life_that_stays_up_for_long_enough_resets_the_backoff() -> None:
    stage = Stage(child("a"), backoff=Backoff(jitter="none", reset_after=3.0)).boot()
    stage.crash("a")
    stage.crash("a")
    stage.pass_time(0.2)
    stage.pass_time(3.0)
    assert len(stage.saw(BackoffWasReset)) == 1
    stage.crash("a")
    assert stage.saw(RestartScheduled)[-1].delay == 0


def test_a_life_that_ends_just_before_does_not() -> None:
    stage = Stage(child("a"), backoff=Backoff(jitter="none", reset_after=3.0)).boot()
    stage.crash("a")
    stage.pass_time(2.999)
    stage.crash("a")
    assert stage.saw(RestartScheduled)[-1].delay == pytest.approx(0.2)
    stage.pass_time(2.9)
    assert not stage.saw(BackoffWasReset)


def test_a_reset_armed_for_an_earlier_life_is_ignored() -> None:
    stage = Stage(child("a"), backoff=PLAIN).boot()
    stage.crash("a")
    stale = BackoffReset("a", stage.lives["a"])
    assert stale in stage.timers
    stage.crash("a")
    assert stale not in stage.timers
    stage.pass_time(0.2)
    stage.feed(ev.TimerFired(stale))
    stage.crash("a")
    assert stage.saw(RestartScheduled)[-1].delay == pytest.approx(0.4)


def test_a_wait_that_was_cancelled_does_not_restart_when_its_timer_fires_late() -> None:
    stage = Stage(child("a"), backoff=PLAIN).boot()
    stage.crash("a")
    stage.crash("a")
    [stale] = [key for key in stage.timers if isinstance(key, RestartDue)]
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert stale not in stage.timers
    stage.feed(ev.TimerFired(stale))
    assert stage.states() == {"a": "stopped"}
    stage.ask(ask.RestartChild("a"))
    stage.crash("a")
    stage.feed(ev.TimerFired(stale))
    assert stage.states() == {"a": "backoff"}


def test_waits_and_immediate_restarts_share_one_budget() -> None:
    stage = Stage(child("a"), backoff=PLAIN, intensity=RestartIntensity(3, 5.0)).boot()
    for _ in range(3):
        stage.crash("a")
        stage.pass_time(0.5)
    assert not stage.over
    stage.crash("a")
    assert stage.over


def test_a_wait_that_outlasts_the_window_never_trips_the_limit() -> None:
    stage = Stage(child("a"), backoff=Backoff(initial=6.0, base=6.0, jitter="none"), intensity=RestartIntensity(1, 5.0))
    stage.boot()
    for _ in range(10):
        stage.crash("a")
        stage.pass_time(31.0)
    assert not stage.over


def test_the_supervisor_gives_up_at_once_when_waiting_could_not_help() -> None:
    stage = Stage(child("a"), backoff=Backoff(initial=1.0, base=1.0), intensity=RestartIntensity(0, 5.0)).boot()
    stage.crash("a")
    assert stage.over


def test_the_budget_is_looked_at_again_when_the_wait_is_over() -> None:
    slow = Backoff(initial=1.0, jitter="none")
    stage = Stage(child("a", backoff=slow), child("b"), intensity=RestartIntensity(1, 5.0)).boot()
    stage.crash("a")
    stage.crash("b")
    assert not stage.over
    stage.pass_time(1.0)
    assert stage.exited == Shutdown("reached_max_restart_intensity")
    assert stage.lives == {}


def test_the_supervisor_can_be_stopped_while_children_wait() -> None:
    stage = Stage(child("a"), child("b"), backoff=PLAIN).boot()
    stage.crash("a")
    stage.crash("a")
    stage.take_log()
    stage.stop()
    assert stage.log == ["stop b"]
    assert stage.exited == SHUTDOWN
    assert stage.timers == {}
