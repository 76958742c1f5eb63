"""How the core of a DynamicSupervisor ends, and what is wrong with its spec, on a stage."""

from __future__ import annotations

import random

import pytest

from regrow.actors.child_spec import BrutalKill, Grace, Infinity, Restart
from regrow.protocol.exits import NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from regrow.supervision import (
    AutoShutdown,
    Backoff,
    InvalidSpec,
    RestartIntensity,
    ShutdownError,
    ShutdownErrors,
    Strategy,
    SupervisorStopping,
    Unstopped,
)
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.dynamic_core import DynamicCore
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.results import ChildCounts, Done
from tests.supervision.dynamic_stage import DynamicStage
from tests.supervision.stage import BOOM, child

SLOW = Backoff(initial=1.0, jitter="none")


def problems(spec: DynamicSpec) -> list[str]:
    with pytest.raises(InvalidSpec) as caught:
        DynamicCore(spec, random.Random())
    return [str(problem) for problem in caught.value.problems]


def test_all_are_asked_at_once_and_share_a_timer_for_each_time() -> None:
    stage = DynamicStage()
    for shutdown in (Grace(2.0), Grace(2.0), Grace(1.0), Infinity(), BrutalKill(), BrutalKill()):
        stage.stops[stage.add(child("w", shutdown=shutdown))] = "hang"
    stage.stops["w-6"] = "immortal"
    stage.take_log()
    stage.stop()
    assert stage.take_log() == ["stop w-1", "stop w-2", "stop w-3", "stop w-4", "kill w-5", "kill w-6", "forget w-5"]
    assert sorted(at - stage.now for at in stage.timers.values()) == [1.0, 2.0, 5.0]
    stage.pass_time(1.0)
    assert stage.take_log() == ["kill w-3", "forget w-3"]
    stage.pass_time(1.0)
    assert stage.take_log() == ["kill w-1", "kill w-2", "forget w-1", "forget w-2"]
    stage.pass_time(3.0)
    assert [fact.child_id for fact in stage.saw(Unstopped)] == ["w-6"]
    assert not stage.over
    stage.crash("w-4", SHUTDOWN)
    assert stage.exited == SHUTDOWN


def test_nobodys_timer_is_left_when_all_have_ended() -> None:
    stage = DynamicStage()
    for _ in range(3):
        stage.add(child("w", shutdown=Grace(2.0)))
    stage.stop(Shutdown("done"))
    assert stage.exited == Shutdown("done")
    assert stage.timers == {}
    assert stage.lives == {}


def test_no_grace_and_no_mercy_have_timers_of_their_own() -> None:
    stage = DynamicStage()
    stage.stops[stage.add(child("w", shutdown=Grace(0.0)))] = "immortal"
    stage.stops[stage.add(child("w", shutdown=BrutalKill()))] = "immortal"
    stage.stop()
    stage.pass_time(0.0)
    assert stage.log[-3:] == ["stop w-1", "kill w-2", "kill w-1"]
    stage.pass_time(5.0)
    assert [fact.child_id for fact in stage.saw(Unstopped)] == ["w-2", "w-1"]
    assert stage.over


def test_what_went_wrong_is_told_once_a_reason() -> None:
    stage = DynamicStage()
    reasons: list[ExitReason] = [BOOM, BOOM, SHUTDOWN, Shutdown("x"), NORMAL, Crash("KeyError", "k")]
    for reason in reasons:
        stage.stops[stage.add(child("w", Restart.TRANSIENT))] = reason
    stage.stop()
    told = {str(fact.reason): fact.children for fact in stage.saw(ShutdownErrors)}
    assert told == {str(BOOM): 2, "crash: KeyError: k": 1}
    assert stage.saw(ShutdownError) == []
    assert stage.exited == SHUTDOWN


def test_a_permanent_child_may_only_end_as_it_was_told() -> None:
    stage = DynamicStage()
    for reason in (SHUTDOWN, Shutdown("x"), NORMAL):
        stage.stops[stage.add(child("w", Restart.PERMANENT))] = reason
    stage.stop()
    assert [(fact.reason, fact.children) for fact in stage.saw(ShutdownErrors)] == [(Shutdown("x"), 1), (NORMAL, 1)]


def test_who_is_being_terminated_when_it_ends_keeps_its_own_time() -> None:
    stage = DynamicStage()
    slow = stage.add(child("w", shutdown=Grace(1.0)))
    stage.stops[slow] = "hang"
    asker = stage.request(ask.TerminateChild(slow))
    stage.stop()
    assert stage.log == ["start w-1", "stop w-1"]
    stage.pass_time(1.0)
    assert stage.answers[asker] == Done()
    assert stage.over


def test_who_waits_starts_or_is_asked_for_at_the_end_comes_to_nothing() -> None:
    stage = DynamicStage(backoff=SLOW)
    stage.crash(stage.add(child("w")))
    stage.starts["w-2"] = ["hang"]
    stage.stops["w-2"] = "hang"
    starter = stage.request(ask.StartChild(child("w")))
    stage.stop()
    assert isinstance(stage.answers[starter], SupervisorStopping)
    assert stage.states() == {"w-2": "stopping"}
    assert isinstance(stage.ask(ask.StartChild(child("w"))), SupervisorStopping)
    assert isinstance(stage.ask(ask.TerminateChild("w-2")), SupervisorStopping)
    assert isinstance(stage.ask(ask.CountChildren()), ChildCounts)
    stage.fail_start("w-2")
    assert stage.exited == SHUTDOWN
    assert stage.attempts == []


def test_a_second_order_to_end_changes_nothing() -> None:
    stage = DynamicStage()
    stage.stops[stage.add(child("w"))] = "hang"
    stage.stop(Shutdown("first"))
    stage.stop(Shutdown("second"))
    stage.pass_time(5.0)
    assert stage.exited == Shutdown("first")
    assert stage.log.count("stop w-1") == 1


def test_a_deadline_that_nobody_has_set_or_that_is_over_is_nothing() -> None:
    stage = DynamicStage()
    stage.stops[stage.add(child("w", shutdown=Grace(1.0)))] = "hang"
    stage.stops[stage.add(child("w", shutdown=Infinity()))] = "hang"
    for key in (do.WaveDeadline(0), do.GroupDue(1)):
        stage.feed(ev.TimerFired(key))
    assert stage.states() == {"w-1": "running", "w-2": "running"}
    stage.stop()
    stage.feed(ev.TimerFired(do.WaveDeadline(1)))
    assert stage.states() == {"w-1": "stopping", "w-2": "stopping"}
    stage.pass_time(1.0)
    stage.feed(ev.TimerFired(do.WaveDeadline(0)))
    assert stage.states() == {"w-2": "stopping"}
    assert "kill w-2" not in stage.log


# Its spec


def test_all_mistakes_of_its_spec_are_told_at_once() -> None:
    spec = DynamicSpec(
        "often",  # type: ignore[arg-type]
        "slowly",  # type: ignore[arg-type]
        -1,
        ["a"],  # type: ignore[arg-type]
        child("t", significant=True),
        "",
        Strategy.ONE_FOR_ALL,
        AutoShutdown.ANY_SIGNIFICANT,
    )
    assert problems(spec) == [
        "intensity: expected a RestartIntensity or a FailureDecay, got 'often'",
        "backoff: expected a Backoff, or another Delays, got 'slowly'",
        "name: expected a string that is not empty, or None, got ''",
        "max_children: expected an integer >= 0, or None for no limit, got -1",
        "extra_arguments: expected a tuple, got ['a']",
        "template ('t').significant: expected False under a DynamicSupervisor, which has no auto_shutdown, got True",
        (
            "strategy: expected Strategy.ONE_FOR_ONE, the only one of a DynamicSupervisor, "
            "got <Strategy.ONE_FOR_ALL: 'one_for_all'>"
        ),
        (
            "auto_shutdown: expected AutoShutdown.NEVER, as a DynamicSupervisor has no significant children, "
            "got <AutoShutdown.ANY_SIGNIFICANT: 'any_significant'>"
        ),
    ]


@pytest.mark.parametrize("limit", [True, 1.5, "3"])
def test_max_children_is_a_number_of_children(limit: object) -> None:
    assert problems(DynamicSpec(max_children=limit)) == [  # type: ignore[arg-type]
        f"max_children: expected an integer >= 0, or None for no limit, got {limit!r}"
    ]


def test_what_is_no_spec_at_all_is_said_to_be_none() -> None:
    assert problems(7) == ["supervisor: expected a DynamicSpec, got 7"]  # type: ignore[arg-type]
    assert problems(DynamicSpec(template=7)) == [  # type: ignore[arg-type]
        "template: expected a ChildSpec, or None, got 7"
    ]


def test_it_says_how_it_is_set_up() -> None:
    core = DynamicCore(DynamicSpec(RestartIntensity(7, 2.0), max_children=5, template=child("t")), random.Random())
    assert core.settings == {
        "strategy": "dynamic",
        "max_restarts": 7,
        "max_seconds": 2.0,
        "max_children": 5,
        "template": "t",
    }
