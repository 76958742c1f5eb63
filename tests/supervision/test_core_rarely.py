"""What happens rarely: two things at once, and callers that say the wrong thing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from regrow.actors.child_spec import ChildSpec, Grace
from regrow.protocol.exits import SHUTDOWN
from regrow.supervision import Backoff, Strategy
from regrow.supervision import commands as do
from regrow.supervision import requests as ask
from regrow.supervision.errors import ChildNotFound, InvalidSpec
from regrow.supervision.events import RestartScheduled
from tests.supervision.stage import BOOM, Stage, child


def test_a_restart_that_fails_while_the_supervisor_ends_is_not_tried_again() -> None:
    stage = Stage(child("a"), child("b", shutdown=Grace(2.0)))
    stage.starts["a"] = ["ready", "hang"]
    stage.stops["b"] = "hang"
    stage.boot().crash("a")
    stage.stop()
    stage.take_log()
    stage.fail_start("a")
    assert stage.take_log() == []
    stage.pass_time(2.0)
    assert stage.exited == SHUTDOWN


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_group_restart_that_fails_while_the_supervisor_ends_does_not_call_the_end_off(strategy: str) -> None:
    stage = Stage(child("a"), child("b"), strategy=strategy)
    stage.starts["a"] = ["ready", "hang"]
    stage.stops["added"] = "hang"
    stage.boot().crash("a")
    stage.request(ask.StartChild(child("added", shutdown=Grace(2.0))))
    stage.stop()
    assert stage.states() == {"a": "starting", "b": "stopped", "added": "stopping"}
    stage.take_log()
    stage.fail_start("a")
    assert stage.core.phase == "stopping"
    stage.pass_time(2.0)
    assert stage.take_log() == ["kill added"]
    assert stage.exited == SHUTDOWN


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_temporary_child_that_ended_during_the_boot_is_not_brought_back_by_its_group(strategy: str) -> None:
    stage = Stage(child("a"), child("t", "temporary"), child("z"), strategy=strategy)
    stage.starts["z"] = ["hang", "ready"]
    stage.boot().crash("a")
    stage.crash("t")
    stage.take_log()
    stage.become_ready("z")
    assert stage.take_log() == ["forget t", "stop z", "start a", "start z"]
    assert stage.states() == {"a": "running", "z": "running"}
    assert stage.saw(RestartScheduled)[0].group == ("a", "z")


def test_a_restart_that_fails_while_its_group_is_stopped_is_no_failure_of_its_own() -> None:
    stage = Stage(child("a"), child("b"), child("c", shutdown=Grace(2.0)), strategy="rest_for_one")
    stage.starts["b"] = ["ready", "hang", "ready"]
    stage.boot().crash("b")
    stage.request(ask.StartChild(child("late", shutdown=Grace(2.0))))
    stage.stops["late"] = "hang"
    stage.crash("a")
    assert stage.states() == {"a": "backoff", "b": "starting", "c": "backoff", "late": "stopping"}
    stage.fail_start("b")
    assert [event.child_id for event in stage.saw(RestartScheduled)] == ["b", "a"]
    stage.pass_time(2.0)
    assert set(stage.states().values()) == {"running"}


def test_a_child_that_waits_alone_joins_the_group_of_a_new_strategy_and_the_later_time_counts() -> None:
    slow = Backoff(initial=5.0, base=5.0, jitter="none")
    stage = Stage(child("a", backoff=slow), child("b", backoff=Backoff(initial=1.0, base=1.0))).boot()
    stage.crash("a")
    stage.request(ask.Reconfigure(replace(stage.spec, strategy=Strategy.ONE_FOR_ALL)))
    stage.crash("b")
    assert [type(key) for key in stage.timers] == [do.GroupDue]
    stage.pass_time(4.9)
    assert stage.states() == {"a": "backoff", "b": "backoff"}
    stage.take_log()
    stage.pass_time(0.1)
    assert stage.take_log() == ["start a", "start b"]
    assert len(stage.attempts) == 2
    assert len(set(stage.attempts)) == 1


@pytest.mark.parametrize("child_id", [["a"], {"a": 1}, None, 3, ("a",)])
@pytest.mark.parametrize(
    "request_type", [ask.TerminateChild, ask.RestartChild, ask.DeleteChild, ask.GetChildSpec], ids=lambda t: t.__name__
)
def test_what_is_no_id_is_not_found(request_type: Any, child_id: Any) -> None:
    stage = Stage(child("a")).boot()
    assert isinstance(stage.ask(request_type(child_id)), ChildNotFound)
    assert stage.states() == {"a": "running"}


@pytest.mark.parametrize("spec", ["a", None, 3, {"id": "a"}])
def test_what_is_no_spec_is_refused(spec: Any) -> None:
    stage = Stage().boot()
    refused = stage.ask(ask.StartChild(spec))
    assert isinstance(refused, InvalidSpec)
    assert str(refused) == f"invalid spec: child: expected a ChildSpec, got {spec!r}"


def test_an_id_that_cannot_be_compared_is_a_mistake_like_any_other() -> None:
    bad: Any = ["x"]
    with pytest.raises(InvalidSpec, match=r"children\[0\] \(\['x'\]\)\.id: expected a printable string"):
        Stage(child(bad), child("b"))
    refused = Stage().boot().ask(ask.StartChild(ChildSpec(id=bad, start=child("x").start)))
    assert isinstance(refused, InvalidSpec)


def test_a_failed_start_of_somebody_who_was_asked_for_is_told_though_the_supervisor_ends() -> None:
    stage = Stage(child("a", shutdown=Grace(2.0))).boot()
    stage.starts["b"] = ["hang"]
    stage.stops["a"] = stage.stops["b"] = "hang"
    answer = stage.request(ask.StartChild(child("b", shutdown=Grace(1.0))))
    stage.stop()
    assert "stopping" in str(stage.answers[answer])
    stage.fail_start("b", BOOM)
    stage.pass_time(2.0)
    assert stage.exited == SHUTDOWN
