"""Timers of actors on a clock that the test moves."""

from __future__ import annotations

import math
import threading
import weakref
from types import SimpleNamespace
from typing import cast

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorRef,
    ActorSystem,
    Cell,
    ChildSpec,
    DeadLetter,
    Down,
    Envelope,
    SpawnOptions,
    Start,
    Timer,
)
from regrow.actors.mailbox import Mailbox
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, hang
from regrow.actors.timers import TimerSet


class Nobody:
    """Whose mailbox it is does not matter here."""

    def overflowed(self, item: object, error: Exception) -> None: ...

    def came_late(self, items: object) -> None: ...

    def woken(self) -> None: ...

    def water(self, waiting: int, *, high: bool) -> None: ...


def start(ref: ActorRef[Puppet], delay: float, message: object, *, every: bool = False) -> Timer:
    timers: list[Timer] = []
    ref.ask(lambda puppet: timers.append((puppet.every if every else puppet.send_after)(delay, message)))
    return timers[0]


def seen(ref: ActorRef[Puppet]) -> list[object]:
    messages: list[object] = ref.ask(lambda puppet: list(puppet.seen))
    return messages


def test_send_after_sends_once_when_it_is_due(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    timer = start(ref, 2.0, "tick")
    clock.advance(1.9)
    assert seen(ref) == []
    assert timer.remaining() is not None
    clock.advance(0.1)
    assert seen(ref) == ["tick"]
    clock.advance(10)
    assert seen(ref) == ["tick"]
    assert not timer.active
    assert not timer.cancel()


def test_a_cancelled_timer_says_nothing(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    timer = start(ref, 1.0, "tick")
    assert timer.cancel()
    assert not timer.cancel()
    clock.advance(2)
    assert seen(ref) == []


def test_cancel_takes_back_a_message_that_waits_already(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    timer = start(ref, 1.0, "tick")
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    clock.advance(1)
    assert timer.cancel()
    hold.release()
    assert seen(ref) == []


def test_every_repeats_until_it_is_cancelled(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    timer = start(ref, 1.0, "tick", every=True)
    for _ in range(3):
        clock.advance(1)
        ref.ask(lambda _puppet: None)
    assert timer.cancel()
    clock.advance(5)
    assert seen(ref) == ["tick"] * 3


def test_every_leaves_out_ticks_that_find_the_last_one_unhandled(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    start(ref, 1.0, "tick", every=True)
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    clock.advance(5)
    hold.release()
    assert seen(ref) == ["tick"]
    clock.advance(1)
    assert seen(ref) == ["tick", "tick"]


def test_timers_end_with_their_life(system: ActorSystem, clock: ManualClock, probe: Probe) -> None:
    ref = system.spawn(Puppet)
    before = clock.pending
    once, often = start(ref, 1.0, "once"), start(ref, 1.0, "often", every=True)
    letters = system.bus.collect(DeadLetter)
    ref.stop()
    assert clock.pending == before
    assert not once.active
    assert not often.active
    clock.advance(3)
    assert letters.drain() == ()


def test_a_ticking_timer_does_not_drift_when_it_fires_late(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    timer = start(ref, 1.0, "tick", every=True)
    late = clock.call_at(0.5, lambda: clock.advance(1.25))  # a callback that takes its time, over the first tick
    dues = []
    for second in (2.0, 3.0, 4.0):
        clock.advance(second - clock.now())
        ref.ask(lambda _puppet: None)
        dues.append(timer.due)
    assert dues == [3.0, 4.0, 5.0]
    assert not late.cancel()


def test_it_says_how_long_it_has_still_to_go(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    once, often, taken_back = start(ref, 2.0, "x"), start(ref, 2.0, "y", every=True), start(ref, 2.0, "z")
    clock.advance(0.5)
    assert (once.remaining(), often.remaining(), taken_back.remaining()) == (1.5, 1.5, 1.5)
    taken_back.cancel()
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    clock.advance(2.0)
    assert (once.remaining(), often.remaining(), taken_back.remaining()) == (0.0, 1.5, None)
    hold.release()
    ref.ask(lambda _puppet: None)
    assert once.remaining() is None


def test_a_cancelled_timer_lets_go_of_the_actor_and_its_message(clock: ManualClock) -> None:
    class Kept:
        """A message."""

    kept = Kept()
    gone = weakref.ref(kept)
    timers = TimerSet(clock, Mailbox(Nobody(), threading.Lock()))
    timer = timers.start(5.0, kept)
    assert (len(timers), timer in timers, clock.pending) == (1, True, 1)
    timer.cancel()
    del timer, kept
    assert gone() is None
    assert (len(timers), clock.pending) == (0, 0)


def test_a_timer_set_after_the_end_is_over_at_once(clock: ManualClock) -> None:
    timers = TimerSet(clock, Mailbox(Nobody(), threading.Lock()))
    assert len(timers) == 0
    timers.close()
    timer = timers.start(1.0, "x")
    assert (timer.active, timer.cancel(), timer.remaining(), clock.pending) == (False, False, None, 0)


IMPOSSIBLE = (-1.0, math.inf, math.nan)


@pytest.mark.parametrize(
    ("delay", "every"),
    [(0.0, True), *[(delay, every) for delay in IMPOSSIBLE for every in (False, True)]],
)
def test_impossible_times_are_refused_in_the_actor(system: ActorSystem, delay: float, every: bool) -> None:
    ref = system.spawn(Puppet)
    with pytest.raises(ValueError, match="expected delay"):
        start(ref, delay, "x", every=every)


def test_a_start_that_is_ready_leaves_no_timer_behind(system: ActorSystem, clock: ManualClock) -> None:
    system.spawn(Puppet)
    assert clock.pending == 0


def test_from_outside_a_message_goes_to_the_life_that_the_ref_has_now(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    timer, taken_back = system.send_after(ref, 1.0, "tick"), system.send_after(ref, 1.0, "never")
    assert (timer.active, timer.remaining(), clock.pending) == (True, 1.0, 2)
    assert taken_back.cancel()
    clock.advance(1.0)
    assert seen(ref) == ["tick"]
    assert (timer.active, timer.cancel(), clock.pending) == (False, False, 0)


def test_from_outside_cancel_takes_back_a_message_that_waits_already(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    timer = system.send_after(ref, 1.0, "tick")
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    clock.advance(1.0)
    assert (timer.active, timer.remaining()) == (True, 0.0)
    assert timer.cancel()
    hold.release()
    assert seen(ref) == []


def test_from_outside_the_next_life_gets_nothing_meant_for_the_one_before(
    system: ActorSystem, clock: ManualClock, probe: Probe
) -> None:
    ref = system.spawn(Puppet)
    timer = system.send_after(ref, 1.0, "for the first")
    letters = system.bus.collect(DeadLetter)
    probe.monitor(ref)
    ref.kill()
    probe.expect(Down)
    again = ChildSpec(id="again", start=Start(Puppet))
    system.begin(again, parent=None, ref=ref, on_outcome=probe.outcome)
    assert (ref.incarnation, seen(ref)) == (2, [])
    clock.advance(2.0)
    assert seen(ref) == []
    assert not timer.active
    assert letters.drain() == ()


def test_from_outside_the_dead_are_refused_at_once(system: ActorSystem, clock: ManualClock) -> None:
    ref = system.spawn(Puppet)
    ref.stop()
    with pytest.raises(ActorDeadError):
        system.send_after(ref, 1.0, "x")
    assert clock.pending == 0


@pytest.mark.parametrize("delay", IMPOSSIBLE)
def test_from_outside_impossible_times_are_refused(system: ActorSystem, delay: float) -> None:
    ref = system.spawn(Puppet)
    with pytest.raises(ValueError, match="expected delay >= 0"):
        system.send_after(ref, delay, "x")


def test_a_message_for_a_name_goes_to_who_has_it_then(system: ActorSystem, clock: ManualClock) -> None:
    early, late = system.named("db"), system.named("nobody")
    timer, vain = system.send_after(early, 1.0, "tick"), system.send_after(late, 1.0, "tock")
    ref = system.spawn(Puppet, options=SpawnOptions(name="db"))
    clock.advance(1.0)
    assert seen(ref) == ["tick"]
    assert not timer.active
    assert not vain.active


def test_what_has_gone_to_another_process_cannot_be_taken_back(system: ActorSystem, clock: ManualClock) -> None:
    class Away(ActorRef[Puppet]):
        @property
        def lives_elsewhere(self) -> bool:
            return True

    sent: list[Envelope] = []
    there = cast("Cell", SimpleNamespace(incarnation=0, alive=True, put=sent.append))
    ref = Away(system, name="away", actor_class=Puppet)
    ref.bind(there)
    timer, taken_back = system.send_after(ref, 1.0, "tick"), system.send_after(ref, 1.0, "never")
    assert taken_back.cancel()
    clock.advance(1.0)
    assert [(envelope.message, envelope.timer) for envelope in sent] == [("tick", None)]
    assert not timer.cancel()
