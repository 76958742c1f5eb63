"""Corners of the core that no other test turns round: each was found as a change of the code that no test minded."""

from __future__ import annotations

from typing import Any, cast

import pytest

from regrow.actors.child_spec import ChildSpec, Restart, Start
from regrow.protocol.exits import NORMAL, Crash
from regrow.supervision import core_events as ev
from regrow.supervision import errors as err
from regrow.supervision import events as fact
from regrow.supervision import requests as ask
from regrow.supervision.backoff import Backoff
from regrow.supervision.commands import BackoffReset, CancelTimer, GroupDue, WaveDeadline
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.results import Children, Done
from regrow.supervision.states import ChildState
from tests.supervision.stage import BOOM, Stage, child

SLOW = Backoff(initial=2.0, jitter="none", reset_after=10.0)


def test_a_start_that_asks_to_be_left_out_while_it_is_being_stopped() -> None:
    stage = Stage(child("a"), child("b")).boot()
    stage.starts["c"], stage.stops["c"] = ["hang"], "hang"
    started = stage.request(ask.StartChild(child("c")))
    ended = stage.request(ask.TerminateChild("c"))
    stage.feed(ev.LifeIgnored("c", stage.lives.pop("c")))
    assert stage.answers[ended] == Done()
    assert isinstance(stage.answers[started], err.ChildWithdrawn)
    assert (stage.info("c").state, stage.info("c").last_reason) == (ChildState.STOPPED, str(NORMAL))


@pytest.mark.parametrize("added", [True, False])
def test_a_start_whose_name_is_taken_says_by_whom(added: bool) -> None:
    holder: Any = "the ref of somebody else"
    stage = Stage(child("a")).boot()
    stage.ask(ask.TerminateChild("a"))
    name = "b" if added else "a"
    stage.starts[name] = ["hang"]
    number = stage.request(ask.StartChild(child("b")) if added else ask.RestartChild("a"))
    stage.feed(ev.LifeFailed(name, stage.lives.pop(name), Crash("NameTaken", ""), holder=holder))
    refused = stage.answers[number]
    assert isinstance(refused, err.AlreadyStarted)
    assert (refused.child_id, refused.ref) == (name, holder)


def test_the_time_of_an_earlier_wait_of_a_group_starts_nothing() -> None:
    stage = Stage(child("a"), child("b"), strategy="one_for_all", backoff=SLOW).boot()
    stage.crash("a")
    stage.feed(ev.TimerFired(GroupDue(999)))
    stage.feed(ev.TimerFired(WaveDeadline(1)))
    assert stage.states() == {"a": "backoff", "b": "backoff"}
    stage.pass_time(2.0)
    stage.feed(ev.TimerFired(GroupDue(1)))
    assert stage.states() == {"a": "running", "b": "running"}


def test_the_time_of_a_group_that_is_still_stopping_starts_nothing() -> None:
    stage = Stage(child("a"), child("b"), strategy="one_for_all").boot()
    stage.stops["b"] = "hang"
    stage.crash("a")
    stage.feed(ev.TimerFired(GroupDue(1)))
    assert stage.states() == {"a": "backoff", "b": "stopping"}


def test_a_list_says_when_a_group_is_due() -> None:
    stage = Stage(child("a"), child("b"), strategy="one_for_all", backoff=SLOW).boot()
    stage.crash("a")
    listed = stage.ask(ask.WhichChildren())
    assert isinstance(listed, Children)
    assert [info.next_restart_in for info in listed.children] == [2.0, 2.0]


def test_a_child_that_ended_during_the_boot_is_about_to_be_started_and_another_one_is_not() -> None:
    stage = Stage(child("a"), child("b"), child("c"))
    stage.starts |= {"b": ["ignore"], "c": ["hang"]}
    stage.boot()
    stage.crash("a")
    assert isinstance(stage.ask(ask.DeleteChild("a")), err.ChildRestarting)
    assert stage.ask(ask.DeleteChild("b")) == Done()


def test_what_is_told_of_restarts_names_the_life_that_ended_and_why() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(1, 60.0)).boot()
    stage.crash("a")
    stage.crash("a")
    (scheduled,), (reached,) = stage.saw(fact.RestartScheduled), stage.saw(fact.IntensityReached)
    assert (scheduled.life, scheduled.reason, scheduled.restarts) == (1, BOOM, 0)
    assert (reached.life, reached.reason, reached.restarts) == (2, BOOM, 1)


def test_a_reset_that_fires_twice_is_told_once() -> None:
    stage = Stage(child("a"), backoff=SLOW).boot()
    stage.crash("a")
    stage.pass_time(12.0)
    stage.feed(ev.TimerFired(BackoffReset("a", 2)))
    assert len(stage.saw(fact.BackoffWasReset)) == 1


def test_whose_end_an_answer_waits_for() -> None:
    stage = Stage(child("a"), child("w"), backoff=SLOW).boot()
    stage.crash("w")
    core = stage.core
    assert core.awaited_end(ask.TerminateChild("a")) == cast("Any", stage.info("a").ref)
    assert core.awaited_end(ask.TerminateChild("w")) is None
    assert core.awaited_end(ask.TerminateChild("x")) is None
    assert core.awaited_end(ask.RestartChild("a")) is None


def test_what_a_supervisor_of_fixed_children_does_not_offer() -> None:
    stage = Stage(child("a")).boot()
    refused = stage.ask(ask.StartChildWith((1,)))
    assert isinstance(refused, err.NotOffered)
    assert str(refused) == str(err.NotOffered("top", "start_child_with", "it has no template"))
    wrong = stage.ask(ask.Reconfigure(DynamicSpec()))
    assert isinstance(wrong, err.InvalidSpec)
    assert wrong.problems == (err.SpecProblem("supervisor", "a SupervisorSpec", repr(DynamicSpec())),)


def test_the_boot_goes_on_without_a_child_that_was_terminated_before_its_turn() -> None:
    stage = Stage(child("a"), child("b"), child("c"))
    stage.starts["a"] = ["hang"]
    stage.boot()
    assert stage.ask(ask.TerminateChild("b")) == Done()
    stage.become_ready("a")
    assert stage.states() == {"a": "running", "b": "stopped", "c": "running"}


def test_a_temporary_child_keeps_nothing_of_its_arguments() -> None:
    start = Start(object, ("large",), {"larger": 1})
    stage = Stage(ChildSpec(id="t", start=start, restart=Restart.TEMPORARY)).boot()
    spec = stage.ask(ask.GetChildSpec("t"))
    assert isinstance(spec, ChildSpec)
    assert (spec.start.args, spec.start.kwargs) == ((), {})


def test_the_end_cancels_the_time_of_a_group() -> None:
    stage = Stage(child("a"), strategy="one_for_all", backoff=SLOW).boot()
    stage.crash("a")
    stage.stop()
    assert CancelTimer(GroupDue(1)) in stage.commands
    assert stage.timers == {}


def test_a_start_that_fails_while_it_is_being_stopped_says_why() -> None:
    stage = Stage(child("a")).boot()
    stage.starts["b"], stage.stops["b"] = ["hang"], "hang"
    stage.request(ask.StartChild(child("b")))
    stage.request(ask.TerminateChild("b"))
    stage.fail_start("b")
    assert stage.info("b").last_reason == str(BOOM)


def test_a_member_whose_start_is_under_way_belongs_to_the_next_group() -> None:
    stage = Stage(child("a"), child("b"), child("c"), strategy="rest_for_one").boot()
    stage.starts["b"] = ["hang", "ready"]
    stage.crash("a")
    assert stage.states() == {"a": "running", "b": "starting", "c": "backoff"}
    stage.feed(ev.LifeFailed("b", stage.lives.pop("b"), BOOM))
    assert stage.saw(fact.RestartScheduled)[-1].group == ("b", "c")
    assert stage.states() == {"a": "running", "b": "running", "c": "running"}


def test_a_member_that_is_the_last_to_start_belongs_to_the_next_group() -> None:
    stage = Stage(child("a"), child("b"), strategy="rest_for_one").boot()
    stage.starts["b"] = ["hang", "ready"]
    stage.crash("b")
    stage.ask(ask.StartChild(child("c")))
    stage.crash("c")
    assert stage.saw(fact.RestartScheduled)[-1].group == ("b", "c")
    assert stage.states() == {"a": "running", "b": "running", "c": "running"}
