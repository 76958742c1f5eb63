"""Bugs that other supervisors had around the start of a child, and the rules that keep them out."""

from __future__ import annotations

import threading

import pytest

from regrow.actors import ActorDeadError, ActorExited, ActorRef, ActorSystem, NameTaken, SpawnOptions
from regrow.actors.testing import Hold, ManualClock, Puppet, Script, crash
from regrow.protocol.exits import KILLED
from regrow.supervision import (
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    FailedToStartChild,
    IntensityReached,
    RestartIntensity,
    Strategy,
    Unstopped,
)
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.errors import ChildRestarting, ChildRunning
from regrow.supervision.requests import StartChild
from tests.conformance.case import case
from tests.conformance.tree import BOOM, crash_child, end_child, info_of, lives, puppet, ref_of, start
from tests.supervision.facts import Facts
from tests.supervision.stage import Stage, child


@case("B-25")
def test_b_25_an_end_that_comes_with_the_start_is_an_end() -> None:
    stage = Stage(child("a"))
    stage.starts["a"] = ["hang", "ready"]
    stage.boot()
    life = stage.lives.pop("a")
    stage.feed(ev.LifeEnded("a", life, BOOM))  # ahead of the news that it was ready
    stage.feed(ev.LifeReady("a", life))
    assert stage.states() == {"a": "running"}
    assert stage.info("a").restarts == 1


@case("B-25")
def test_b_25_one_that_dies_right_after_its_start_is_restarted_every_time(system: ActorSystem, facts: Facts) -> None:
    def die_soon(doll: object) -> None:
        assert isinstance(doll, Puppet)
        if doll.incarnation < 20:
            doll.continue_with(crash())

    handle = start(system, puppet("a", Script(on_start=die_soon)))
    facts.wait(ChildStarted, child_id="a", times=20)
    assert ref_of(handle, "a").ask("ping", timeout=5.0) == "ping"
    assert len(facts.all(ChildTerminated)) == 19


@case("B-26")
def test_b_26_a_late_exit_of_an_earlier_life_changes_nothing() -> None:
    stage = Stage(child("a")).boot()
    first = stage.lives["a"]
    stage.crash("a")
    before = stage.states(), stage.lives["a"]
    for ghost in (ev.LifeEnded("a", first, BOOM), ev.LifeFailed("a", first, BOOM), ev.LifeIgnored("a", first)):
        stage.feed(ghost)
    assert (stage.states(), stage.lives["a"]) == before
    assert stage.info("a").restarts == 1


@case("B-26")
def test_b_26_an_abandoned_life_that_comes_to_its_end_does_not_touch_the_one_after_it(
    system: ActorSystem, facts: Facts
) -> None:
    hold = Hold()
    handle = start(system, puppet("a"))
    ref = ref_of(handle, "a")
    ref.tell(hold)
    hold.wait_reached()
    ref.kill()
    facts.wait(ChildStarted, child_id="a", times=2)
    assert facts.wait(Unstopped).life == 1
    hold.release()
    assert ref.ask("ping", timeout=5.0) == "ping"
    assert lives(handle) == {"a": 2}
    assert len(facts.all(ChildTerminated)) == 1


@case("B-27")
def test_b_27_a_restart_by_hand_and_one_by_itself_do_not_meet() -> None:
    stage = Stage(child("a"))
    stage.starts["a"] = ["ready", "hang", "ready"]
    stage.boot().crash("a")
    assert isinstance(stage.ask(ask.RestartChild("a")), ChildRestarting)
    stage.become_ready("a")
    assert isinstance(stage.ask(ask.RestartChild("a")), ChildRunning)
    stage.ask(ask.TerminateChild("a"))
    stage.request(ask.RestartChild("a"))
    stage.feed(ev.TimerFired(do.RestartDue("a", 1)))
    assert stage.log.count("start a") == 3
    assert stage.states() == {"a": "running"}


@case("B-28")
def test_b_28_a_start_that_never_returns_is_a_failed_start_in_time_and_blocks_nobody(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    hold, handle = Hold(), start(system)
    answer = handle.ref.ask(StartChild(puppet("a", Script(on_start=hold), start_timeout=2.0)), block=False)
    hold.wait_reached()
    assert str(info_of(handle, "a").state) == "starting"
    clock.advance(2.0)
    with pytest.raises(FailedToStartChild, match=r"within 2\.0 seconds"):
        answer.get(timeout=5.0)
    assert facts.wait(ChildStartFailed).child_id == "a"
    assert facts.all(ChildTerminated) == []  # and its end is not told a second time
    assert handle.ref.is_alive()
    hold.release()


@case("B-29")
def test_b_29_a_first_start_that_fails_is_not_tried_again(system: ActorSystem, facts: Facts) -> None:
    script = Script(on_start=crash(ValueError("no")))
    with pytest.raises(FailedToStartChild):
        start(system, puppet("a", script), intensity=RestartIntensity(1000, 1.0))
    assert script.hooks().count("on_start") == 1
    assert facts.all(IntensityReached) == []


@case("B-30")
@pytest.mark.parametrize("end", ["crash", "kill", "exit"])
def test_b_30_the_name_is_free_for_the_next_life_whatever_ended_the_last(
    system: ActorSystem, facts: Facts, end: str
) -> None:
    handle = start(system, puppet("a", name="name"), intensity=RestartIntensity(1000, 1.0))
    ref = ref_of(handle, "a")
    for turn in range(10):
        if end == "kill":
            ref.kill()
        elif end == "crash":
            ref.tell(crash())
        else:
            end_child(handle, facts, "a")
        facts.wait(ChildStarted, child_id="a", times=turn + 2)
        assert system.whereis("name") is ref
    assert facts.all(ChildStartFailed) == []


@case("B-30")
def test_b_30_a_failed_start_gives_its_name_back(system: ActorSystem) -> None:
    with pytest.raises(ValueError, match="no"):
        system.spawn(Puppet, Script(on_start=crash(ValueError("no"))), options=SpawnOptions(name="name"))
    assert system.spawn(Puppet, options=SpawnOptions(name="name")).is_alive()


@case("B-31")
def test_b_31_the_dead_are_not_found(system: ActorSystem) -> None:
    found: list[ActorRef | None] = []
    system.bus.subscribe(lambda _event: found.append(system.whereis("name")), ActorExited)
    hold = Hold()
    holder = system.spawn(Puppet, Script(on_stop=hold), options=SpawnOptions(name="name"))
    stopping = holder.stop(block=False)
    hold.wait_reached()
    assert system.whereis("name") is None  # from the moment that it takes no messages
    with pytest.raises(NameTaken):
        system.spawn(Puppet, options=SpawnOptions(name="name"))
    hold.release()
    stopping.get(timeout=5.0)
    assert found[-1] is None


@case("B-32")
def test_b_32_a_stop_before_a_start_is_over_and_calls_after_it_return() -> None:
    stage = Stage(child("a"))
    stage.stop()
    assert stage.over
    system = ActorSystem("never used")
    assert system.shutdown() == ()
    assert system.shutdown() == ()


@case("B-32")
def test_b_32_every_call_that_waits_for_a_supervisor_ends_with_it(system: ActorSystem) -> None:
    hold, handle = Hold(), start(system)
    errors: list[BaseException] = []

    def add() -> None:
        try:
            handle.start_child(puppet("a", Script(on_start=hold)))
        except ActorDeadError as error:
            errors.append(error)

    waiting = threading.Thread(target=add, daemon=True)
    waiting.start()
    hold.wait_reached()
    handle.ref.kill()
    waiting.join(5.0)
    assert [getattr(error, "reason", None) for error in errors] == [KILLED]
    with pytest.raises(ActorDeadError):
        handle.start_child(puppet("b"))
    hold.release()


@case("B-30")
def test_b_30_a_crash_loop_of_a_named_child_is_never_its_own_rival(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a", name="name"), puppet("b", name="other"), strategy=Strategy.ONE_FOR_ALL)
    for _ in range(5):
        crash_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="b", times=6)
    assert facts.all(ChildStartFailed) == []
