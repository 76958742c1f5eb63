"""Bugs that other supervisors had with what outlives a restart, and the rules that keep them out."""

from __future__ import annotations

import asyncio
import concurrent.futures

import pytest

from regrow.actors import ActorDeadError, ActorExited, ActorSystem, Down
from regrow.actors.child_spec import Grace
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, crash, exit_with
from regrow.supervision import (
    Backoff,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    RestartIntensity,
    RestartScheduled,
    SupervisorSpec,
    supervisor_child,
)
from regrow.supervision.requests import TerminateChild
from tests.conformance.case import case
from tests.conformance.letters import dead_letters
from tests.conformance.tree import BOOM, below, crash_child, end_child, info_of, puppet, ref_of, start
from tests.supervision.facts import Facts

STEADY = Backoff(initial=1.0, base=1.0, cap=8.0, jitter="none")


@case("B-45")
def test_b_45_a_message_is_handled_or_known_to_be_lost_and_never_kept_for_a_life_that_may_not_come(
    system: ActorSystem, facts: Facts
) -> None:
    letters = dead_letters(system)
    handle = start(system, puppet("a"), backoff=STEADY)
    ref, hold = ref_of(handle, "a"), Hold()
    ref.tell(hold)
    hold.wait_reached()
    ref.tell(crash())
    ref.tell("behind the crash")
    hold.release()
    facts.wait(ChildTerminated, child_id="a")
    with pytest.raises(ActorDeadError):
        ref.tell("in the wait")
    assert letters == ["behind the crash", "in the wait"]


@case("B-46")
def test_b_46_no_timer_of_an_earlier_life_reaches_a_later_one(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    def arm(doll: Puppet) -> None:
        doll.send_after(1.0, f"from life {doll.incarnation}")
        doll.every(1.0, f"again from life {doll.incarnation}")

    handle = start(system, puppet("a", Script(on_start=arm)))
    for _ in range(3):
        crash_child(handle, facts, "a")
    ref = ref_of(handle, "a")
    clock.advance(1.0)
    seen: list[object] = ref.ask(lambda doll: list(doll.seen), timeout=5.0)
    assert sorted(map(str, seen)) == ["again from life 4", "from life 4"]
    handle.terminate_child("a")
    assert clock.pending == 0


@case("B-47")
def test_b_47_a_monitor_of_ones_own_does_not_meet_the_supervisors_link(system: ActorSystem, facts: Facts) -> None:
    probe, handle = Probe(system), start(system, puppet("a"))
    ref = ref_of(handle, "a")
    numbers = [probe.monitor(ref) for _ in range(2)]
    handle.ref.ask(lambda *_: None, block=False)  # nonsense for a supervisor, which it drops
    end_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="a", times=2)
    assert [probe.expect(Down).monitor for _ in numbers] == numbers
    system.demonitor(probe.monitor(ref))
    end_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="a", times=3)
    probe.expect_nothing()


@case("B-48")
def test_b_48_a_supervisor_survives_its_own_restart_though_an_old_child_still_has_the_name(
    system: ActorSystem, facts: Facts
) -> None:
    hold = Hold()
    inner = SupervisorSpec(children=[puppet("a", Script(on_stop=hold), name="name")])
    top = start(system, supervisor_child("inner", inner), intensity=RestartIntensity(1, 60.0))
    old = ref_of(below(top, "inner"), "a")
    ref_of(top, "inner").kill()
    hold.wait_reached()
    facts.wait(ChildStarted, child_id="inner", times=2)  # the old one is ending, so that its name can be taken over
    assert facts.all(ChildStartFailed) == []
    new = system.whereis("name")
    assert new is not None
    assert new is not old
    hold.release()
    facts.wait(ActorExited, ref=old)
    assert system.whereis("name") is new
    assert len([ref for ref in system.relations.living() if ref.name == "name"]) == 1


@case("B-49")
def test_b_49_requests_about_a_child_that_is_still_ending_are_served(system: ActorSystem, facts: Facts) -> None:
    hold = Hold()
    handle = start(system, puppet("a", Script(on_failure=hold), shutdown=Grace(60.0)))
    ref_of(handle, "a").tell(crash())
    hold.wait_reached()
    stopping = handle.ref.ask(TerminateChild("a"), block=False)
    assert str(info_of(handle, "a").state) == "stopping"
    hold.release()
    stopping.get(timeout=5.0)
    assert str(info_of(handle, "a").state) == "stopped"
    assert facts.all(RestartScheduled) == []


@case("B-50")
def test_b_50_after_an_escalation_the_names_lead_to_the_new_lives(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[puppet("a", name="worker")], intensity=RestartIntensity(0, 1.0))
    top = start(system, supervisor_child("inner", inner, name="inner"))
    for turn in range(3):
        ref_of(below(top, "inner"), "a").tell(crash())
        facts.wait(ChildStarted, child_id="inner", times=turn + 2)
        worker, supervisor = system.whereis("worker"), system.whereis("inner")
        assert worker is not None
        assert worker.ask("ping", timeout=5.0) == "ping"
        assert supervisor is ref_of(top, "inner")


@case("B-51")
@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
        TimeoutError(),
        KeyboardInterrupt(),
        GeneratorExit(),
        StopIteration(),
    ],
    ids=lambda error: type(error).__module__ + "." + type(error).__name__,
)
def test_b_51_somebody_elses_cancellation_is_a_crash_like_any_other(
    system: ActorSystem, facts: Facts, error: BaseException
) -> None:
    handle = start(system, puppet("a"))
    ref_of(handle, "a").tell(crash(error))
    assert facts.wait(ChildTerminated, child_id="a").expected is False
    facts.wait(ChildStarted, child_id="a", times=2)


@case("B-52")
def test_b_52_the_dead_get_no_name_one_end_is_one_notice_and_who_hears_of_it_may_do_anything(
    system: ActorSystem,
) -> None:
    probe, done = Probe(system), []

    def hear(event: object) -> None:
        assert isinstance(event, ActorExited)
        with pytest.raises(ActorDeadError):
            system.registry.register("name", event.ref)
        system.registry.names()
        probe.monitor(event.ref)
        done.append(event.ref)

    ref = system.spawn(Puppet)
    first = probe.monitor(ref)
    unsubscribe = system.bus.subscribe(hear, ActorExited)
    ref.tell(exit_with(BOOM))
    told = {probe.expect(Down).monitor, probe.expect(Down).monitor}
    unsubscribe()
    assert first in told
    assert done == [ref]
    probe.expect_nothing()
    assert len(system.relations._monitors) == 0
