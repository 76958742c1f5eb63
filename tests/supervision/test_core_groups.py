"""Restarts of several children together."""

from __future__ import annotations

import pytest

from regrow.actors.child_spec import BrutalKill, Grace
from regrow.protocol.exits import NORMAL, SHUTDOWN, Shutdown
from regrow.supervision import requests as ask
from regrow.supervision.backoff import Backoff
from regrow.supervision.errors import ChildRestarting, ChildWithdrawn
from regrow.supervision.events import ChildTerminated as Terminated
from regrow.supervision.events import IntensityReached, RestartScheduled, ShutdownError
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.results import Done, StartedChild
from tests.supervision.stage import BOOM, Stage, child

PLAIN = Backoff(jitter="none")
SLOW = Backoff(initial=1.0, base=2.0, jitter="none")


def test_rest_for_one_stops_later_ones_in_reverse_and_starts_in_order() -> None:
    stage = Stage(*map(child, "35214"), strategy="rest_for_one").boot()
    assert stage.take_log() == ["start 3", "start 5", "start 2", "start 1", "start 4"]
    stage.crash("2")
    assert stage.take_log() == ["stop 4", "stop 1", "start 2", "start 1", "start 4"]
    stage.stop()
    assert stage.take_log() == ["stop 4", "stop 1", "stop 2", "stop 5", "stop 3"]


def test_each_sibling_is_stopped_only_when_the_one_before_has_ended() -> None:
    stage = Stage(child("a"), child("b", shutdown=Grace(3.0)), child("c", shutdown=Grace(2.0)), strategy="one_for_all")
    stage.stops.update(b="hang", c="hang")
    stage.boot()
    stage.take_log()
    stage.crash("a")
    assert stage.take_log() == ["stop c"]
    stage.pass_time(2.0)
    assert stage.take_log() == ["kill c", "stop b"]
    stage.pass_time(3.0)
    assert stage.take_log() == ["kill b", "start a", "start b", "start c"]


def test_siblings_are_stopped_in_their_own_way() -> None:
    stage = Stage(child("a"), child("b", shutdown=BrutalKill()), strategy="one_for_all").boot()
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["kill b", "start a", "start b"]
    assert not stage.saw(ShutdownError)


def test_temporary_siblings_are_dropped_for_good() -> None:
    stage = Stage(child("a"), child("b", "temporary"), child("c"), strategy="one_for_all").boot()
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["stop c", "stop b", "forget b", "start a", "start c"]
    assert stage.counts() == (2, 2, 0, 2)


def test_children_that_were_down_come_back_with_the_group() -> None:
    stage = Stage(*map(child, "ab"), child("c", "transient"), child("d"), strategy="one_for_all")
    stage.starts["d"] = ["ignore", "ready"]
    stage.boot()
    stage.ask(ask.TerminateChild("b"))
    stage.finish("c", NORMAL)
    assert stage.states() == {"a": "running", "b": "stopped", "c": "stopped", "d": "stopped"}
    stage.crash("a")
    assert set(stage.states().values()) == {"running"}


def test_earlier_children_that_are_down_stay_down_under_rest_for_one() -> None:
    stage = Stage(*map(child, "abc"), strategy="rest_for_one").boot()
    stage.ask(ask.TerminateChild("a"))
    stage.crash("b")
    assert stage.states() == {"a": "stopped", "b": "running", "c": "running"}


def test_dynamically_added_children_belong_to_the_group() -> None:
    stage = Stage(child("a"), strategy="rest_for_one").boot()
    stage.ask(ask.StartChild(child("b")))
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["stop b", "start a", "start b"]


def test_one_for_all_redoes_everything_when_a_later_child_fails_to_start() -> None:
    stage = Stage(child("a"), child("b"), strategy="one_for_all")
    stage.starts["b"] = ["ready", BOOM, "ready"]
    stage.boot()
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["stop b", "start a", "start b", "stop a", "start a", "start b"]
    assert [fact.reason for fact in stage.saw(Terminated)] == [BOOM, SHUTDOWN, SHUTDOWN]


def test_rest_for_one_goes_on_from_the_child_that_failed_to_start() -> None:
    stage = Stage(*map(child, "abc"), strategy="rest_for_one")
    stage.starts["b"] = ["ready", BOOM, "ready"]
    stage.boot()
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["stop c", "stop b", "start a", "start b", "start b", "start c"]


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_retries_of_a_group_count_until_the_supervisor_gives_up(strategy: str) -> None:
    stage = Stage(child("a"), child("b"), strategy=strategy, intensity=RestartIntensity(3, 5.0))
    stage.starts["b"] = ["ready", BOOM]
    stage.boot()
    stage.crash("a")
    assert stage.exited == Shutdown("reached_max_restart_intensity")
    assert stage.log.count("start b") == 4
    assert stage.lives == {}
    assert len(stage.saw(IntensityReached)) == 1


def test_deaths_of_siblings_caused_by_the_strategy_never_count() -> None:
    stage = Stage(*map(child, "abcdef"), strategy="one_for_all", intensity=RestartIntensity(1, 5.0))
    stage.stops.update(dict.fromkeys("bcdef", BOOM))
    stage.boot()
    stage.crash("a")
    assert not stage.over
    assert len(stage.saw(ShutdownError)) == 5


def test_a_sibling_that_crashes_while_its_group_is_being_stopped_changes_nothing() -> None:
    stage = Stage(*map(child, "abc"), strategy="one_for_all", intensity=RestartIntensity(1, 5.0))
    stage.stops["c"] = "hang"
    stage.boot()
    stage.take_log()
    stage.crash("a")
    stage.crash("b")
    assert stage.take_log() == ["stop c"]
    stage.pass_time(5.0)
    assert stage.take_log() == ["kill c", "start a", "start b", "start c"]
    assert not stage.over
    assert len(stage.saw(RestartScheduled)) == 1


def test_a_group_stops_at_once_and_waits_as_a_group() -> None:
    stage = Stage(*map(child, "abc"), strategy="one_for_all", backoff=SLOW).boot()
    stage.take_log()
    stage.crash("b")
    assert stage.take_log() == ["stop c", "stop a"]
    assert set(stage.states().values()) == {"backoff"}
    assert stage.info("a").next_restart_in == pytest.approx(1.0)
    stage.pass_time(1.0)
    assert stage.take_log() == ["start a", "start b", "start c"]
    [fact] = stage.saw(RestartScheduled)
    assert (fact.child_id, fact.delay, fact.group) == ("b", 1.0, ("a", "b", "c"))


def test_the_stopping_of_siblings_is_part_of_the_wait() -> None:
    stage = Stage(child("a"), child("b", shutdown=Grace(3.0)), strategy="one_for_all", backoff=SLOW)
    stage.stops["b"] = "hang"
    stage.boot()
    stage.take_log()
    stage.crash("a")
    stage.pass_time(3.0)
    assert stage.take_log() == ["stop b", "kill b", "start a", "start b"]


def test_a_second_crash_while_waiting_merges_and_the_later_time_counts() -> None:
    slow = Backoff(initial=9.0, jitter="none")
    stage = Stage(child("a", backoff=slow), child("b"), child("c", backoff=SLOW), strategy="rest_for_one").boot()
    stage.take_log()
    stage.crash("c")
    stage.pass_time(0.5)
    stage.crash("a")
    assert stage.take_log() == ["stop b"]
    stage.pass_time(8.9)
    assert stage.take_log() == []
    stage.pass_time(0.1)
    assert stage.take_log() == ["start a", "start b", "start c"]


def test_merging_keeps_a_later_time_that_was_already_set() -> None:
    slow = Backoff(initial=9.0, jitter="none")
    stage = Stage(child("a", backoff=SLOW), child("b", backoff=slow), strategy="rest_for_one").boot()
    stage.crash("b")
    stage.crash("a")
    stage.take_log()
    stage.pass_time(8.9)
    assert stage.take_log() == []
    stage.pass_time(0.2)
    assert stage.take_log() == ["start a", "start b"]


def test_merged_crashes_are_one_entry() -> None:
    stage = Stage(*map(child, "ab"), strategy="rest_for_one", backoff=SLOW, intensity=RestartIntensity(1, 60.0)).boot()
    stage.crash("b")
    stage.crash("a")
    stage.pass_time(1.0)
    assert not stage.over
    assert stage.states() == {"a": "running", "b": "running"}


def test_the_intensity_looks_ahead_to_the_time_of_the_whole_group() -> None:
    late = child("b", backoff=Backoff(base=10.0, jitter="none"))
    stage = Stage(child("a"), late, strategy="rest_for_one", intensity=RestartIntensity(1, 5.0)).boot()
    stage.crash("b")
    stage.crash("b")
    stage.pass_time(1.0)
    stage.crash("a")  # on its own it would come back at once, and be one too many
    assert not stage.over
    stage.pass_time(9.0)
    assert stage.states() == {"a": "running", "b": "running"}


def test_a_member_that_crashes_while_later_ones_are_starting_begins_the_group_anew() -> None:
    stage = Stage(*map(child, "abc"), strategy="one_for_all")
    stage.starts["b"] = ["ready", "hang", "ready"]
    stage.boot()
    stage.crash("c")
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["stop b", "start a", "start b", "start c"]


def test_an_earlier_child_that_crashes_during_a_group_start_widens_it() -> None:
    stage = Stage(*map(child, "abcd"), strategy="rest_for_one")
    stage.starts["c"] = ["ready", "hang", "ready"]
    stage.boot()
    stage.crash("b")
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["stop c", "stop b", "start a", "start b", "start c", "start d"]


def test_a_member_terminated_while_the_group_waits_is_left_out_and_the_others_come_back() -> None:
    stage = Stage(*map(child, "abc"), strategy="one_for_all", backoff=SLOW).boot()
    stage.crash("b")
    assert isinstance(stage.ask(ask.RestartChild("b")), ChildRestarting)
    assert isinstance(stage.ask(ask.DeleteChild("a")), ChildRestarting)
    assert stage.ask(ask.TerminateChild("b")) == Done()
    stage.pass_time(1.0)
    assert stage.states() == {"a": "running", "b": "stopped", "c": "running"}


def test_a_group_of_which_everyone_was_terminated_is_no_attempt() -> None:
    stage = Stage(child("a"), strategy="one_for_all", backoff=SLOW, intensity=RestartIntensity(1, 60.0)).boot()
    stage.crash("a")
    stage.ask(ask.TerminateChild("a"))
    stage.pass_time(1.0)
    assert stage.states() == {"a": "stopped"}
    stage.ask(ask.RestartChild("a"))
    stage.crash("a")
    stage.pass_time(2.0)
    assert not stage.over


def test_a_member_terminated_while_it_is_being_stopped_for_the_group_is_left_out() -> None:
    stage = Stage(*map(child, "abc"), strategy="one_for_all")
    stage.stops["c"] = "hang"
    stage.boot()
    stage.crash("a")
    asked = stage.request(ask.TerminateChild("c"))
    assert asked not in stage.answers
    stage.pass_time(5.0)
    assert stage.answers[asked] == Done()
    assert stage.states() == {"a": "running", "b": "running", "c": "stopped"}


def test_a_child_added_while_a_group_restarts_starts_at_once() -> None:
    stage = Stage(*map(child, "ab"), strategy="one_for_all", backoff=SLOW).boot()
    stage.crash("a")
    assert isinstance(stage.ask(ask.StartChild(child("new"))), StartedChild)
    stage.pass_time(1.0)
    assert stage.states() == {"a": "running", "b": "running", "new": "running"}


def test_a_child_that_was_being_added_joins_the_group_and_its_asker_is_answered_then() -> None:
    stage = Stage(child("a"), strategy="one_for_all").boot()
    stage.starts["new"] = ["hang", "ready"]
    asked = stage.request(ask.StartChild(child("new")))
    stage.take_log()
    stage.crash("a")
    assert stage.log == ["stop new", "start a", "start new"]
    assert isinstance(stage.answers[asked], StartedChild)


def test_a_child_that_was_being_added_and_then_fails_with_the_group_is_not_kept() -> None:
    stage = Stage(child("a"), child("b"), strategy="one_for_all").boot()
    stage.starts["new"] = ["hang", BOOM]
    asked = stage.request(ask.StartChild(child("new")))
    stage.crash("a")
    assert "boom" in str(stage.answers[asked])
    assert stage.states() == {"a": "running", "b": "running"}


def test_a_temporary_child_that_was_being_added_is_dropped_with_the_group() -> None:
    stage = Stage(child("a"), strategy="one_for_all").boot()
    stage.starts["new"] = ["hang"]
    asked = stage.request(ask.StartChild(child("new", "temporary")))
    stage.crash("a")
    assert isinstance(stage.answers[asked], ChildWithdrawn)
    assert stage.states() == {"a": "running"}


def test_a_stop_during_every_phase_of_a_group_restart_ends_the_supervisor() -> None:
    for phase in ("stopping", "waiting", "starting"):
        stage = Stage(*map(child, "abc"), strategy="one_for_all", backoff=SLOW)
        if phase == "stopping":
            stage.stops["b"] = "hang"
        if phase == "starting":
            stage.starts["b"] = ["ready", "hang"]
        stage.boot()
        stage.crash("a")
        if phase == "starting":
            stage.pass_time(1.0)
        stage.stop()
        stage.pass_time(10.0)
        assert stage.exited == SHUTDOWN, phase
        assert stage.lives == {}, phase
        assert stage.timers == {}, phase
