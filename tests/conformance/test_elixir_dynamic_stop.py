"""Elixir's dynamic_supervisor_test.exs: how a DynamicSupervisor stops its children, one of them or all."""

from __future__ import annotations

import pytest

from regrow.actors import ActorExited, ActorRef, ActorSystem, Grace, Restart
from regrow.actors.child_spec import BrutalKill, Infinity
from regrow.actors.child_spec import Shutdown as HowToStop
from regrow.actors.testing import Hold, ManualClock, Script, crash, exit_with
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, Shutdown
from regrow.supervision import (
    Backoff,
    ChildNotFound,
    ChildStartFailed,
    ChildTerminated,
    DynamicSupervisorHandle,
    InvalidSpec,
    ShutdownErrors,
    Unstopped,
)
from tests.conformance import crowd
from tests.conformance.case import case
from tests.conformance.crowd import add, counts, turns, well
from tests.conformance.tree import BOOM
from tests.supervision.facts import Facts

KILL = BrutalKill()
FOREVER = Infinity()


def stop_all(handle: DynamicSupervisorHandle, facts: Facts, *refs: ActorRef) -> list[ExitReason]:
    """Stop the supervisor; give the reasons of these, and see that its own is the one it was told."""
    handle.stop()
    assert facts.wait(ActorExited, ref=handle.ref).reason == SHUTDOWN
    return [facts.wait(ActorExited, ref=ref).reason for ref in refs]


def complaints(facts: Facts) -> dict[ExitReason, int]:
    return {event.reason: event.children for event in facts.all(ShutdownErrors)}


@case("ED-29")
@pytest.mark.parametrize("seconds", [0, 1, 0.0, 2.5])
def test_ed_29_any_number_of_seconds_will_do(system: ActorSystem, seconds: float) -> None:
    handle = crowd.start(system)
    assert add(handle, shutdown=Grace(seconds)).is_alive()


@case("ED-30")
@pytest.mark.parametrize("shutdown", [Grace(-1), Grace(float("inf")), Grace(float("nan")), -1, "soon"])
def test_ed_30_other_times_are_refused(system: ActorSystem, shutdown: HowToStop) -> None:
    handle = crowd.start(system)
    with pytest.raises(InvalidSpec, match=r"child \('child'\)\.shutdown"):
        add(handle, shutdown=shutdown)
    assert counts(handle) == (0, 0, 0, 0)


@case("ED-32")
@pytest.mark.parametrize("restart", Restart)
def test_ed_32_with_infinity_all_end_with_shutdown(system: ActorSystem, facts: Facts, restart: Restart) -> None:
    handle = crowd.start(system)
    refs = [add(handle, shutdown=FOREVER, restart=restart) for _ in range(3)]
    assert stop_all(handle, facts, *refs) == [SHUTDOWN] * 3
    assert complaints(facts) == {}


@case("ED-33")
def test_ed_33_with_infinity_an_end_of_its_own_is_tolerated(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system)
    own = Script(on_stop_request=exit_with(Shutdown("oops")))
    refs = [add(handle, own, shutdown=FOREVER, restart=Restart.TRANSIENT) for _ in range(3)]
    assert stop_all(handle, facts, *refs) == [Shutdown("oops")] * 3
    assert complaints(facts) == {}


@case("ED-34")
@pytest.mark.parametrize("restart", Restart)
def test_ed_34_within_their_time_all_end_with_shutdown(system: ActorSystem, facts: Facts, restart: Restart) -> None:
    handle = crowd.start(system)
    refs = [add(handle, shutdown=Grace(1.0), restart=restart) for _ in range(3)]
    assert stop_all(handle, facts, *refs) == [SHUTDOWN] * 3
    assert complaints(facts) == {}


@case("ED-35")
@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
def test_ed_35_within_their_time_an_end_of_its_own_is_tolerated(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    handle = crowd.start(system)
    own = Script(on_stop_request=exit_with(Shutdown("oops")))
    refs = [add(handle, own, shutdown=Grace(1.0), restart=restart) for _ in range(3)]
    assert stop_all(handle, facts, *refs) == [Shutdown("oops")] * 3
    assert complaints(facts) == {}


@case("ED-36")
def test_ed_36_who_does_not_yield_in_time_is_killed_and_the_others_are_not(
    system: ActorSystem, facts: Facts, clock: ManualClock
) -> None:
    handle, hold = crowd.start(system), Hold()
    first = add(handle, shutdown=Grace(1.0))
    stubborn = add(handle, Script(on_stop=hold), shutdown=Grace(1.0))
    last = add(handle, shutdown=Grace(1.0))
    handle.ref.shutdown()
    hold.wait_reached()
    assert [facts.wait(ActorExited, ref=ref).reason for ref in (first, last)] == [SHUTDOWN, SHUTDOWN]
    assert counts(handle) == (1, 1, 0, 1)
    clock.advance(1.0)
    assert facts.wait(ActorExited, ref=stubborn).reason == KILLED
    assert facts.wait(ActorExited, ref=handle.ref).reason == SHUTDOWN
    assert complaints(facts) == {KILLED: 1}
    assert facts.ids(Unstopped) == [stubborn.name]
    hold.release()


@case("ED-37")
def test_ed_37_a_permanent_child_that_ends_normally_does_not_hold_the_end_up(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system)
    own = Script(on_stop_request=exit_with(NORMAL))
    refs = [add(handle, own, shutdown=FOREVER) for _ in range(3)]
    assert stop_all(handle, facts, *refs) == [NORMAL] * 3
    assert complaints(facts) == {NORMAL: 3}


@case("ED-38")
def test_ed_38_every_child_ends_in_its_own_way(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system)
    ways = [FOREVER, KILL, FOREVER, KILL, Grace(1.0)]
    scripts = [Script() for _ in ways]
    refs = [add(handle, script, shutdown=way) for way, script in zip(ways, scripts, strict=True)]
    assert stop_all(handle, facts, *refs) == [SHUTDOWN, KILLED, SHUTDOWN, KILLED, SHUTDOWN]
    assert complaints(facts) == {}
    assert [script.hooks()[-1] for script in scripts] == ["on_stop", "on_start", "on_stop", "on_start", "on_stop"]


@case("ED-40")
@pytest.mark.parametrize("by", ["ref", "id"])
def test_ed_40_a_child_is_terminated_within_its_time(system: ActorSystem, facts: Facts, by: str) -> None:
    handle = crowd.start(system)
    ref = add(handle, shutdown=Grace(1.0))
    handle.terminate_child(ref if by == "ref" else ref.name)
    assert facts.wait(ChildTerminated, child_id=ref.name).reason == SHUTDOWN
    with pytest.raises(ChildNotFound):
        handle.terminate_child(ref)
    assert counts(handle) == (0, 0, 0, 0)


@case("ED-41")
def test_ed_41_terminating_a_child_that_is_restarting_cancels_that(
    system: ActorSystem, facts: Facts, clock: ManualClock
) -> None:
    handle = crowd.start(system, backoff=Backoff(base=60.0, cap=60.0, jitter="none"))
    script = Script(on_start=turns(well, crash(ValueError("not yet"))))
    ref = add(handle, script)
    crowd.end(facts, ref, BOOM)
    facts.wait(ChildStartFailed, child_id=ref.name)
    crowd.settle(handle, lambda found: found == (1, 0, 0, 1))
    handle.terminate_child(ref)
    with pytest.raises(ChildNotFound):
        handle.terminate_child(ref)
    assert counts(handle) == (0, 0, 0, 0)
    clock.advance(3600.0)
    assert counts(handle) == (0, 0, 0, 0)
    assert script.hooks().count("on_start") == 2
