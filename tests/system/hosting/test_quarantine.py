"""Messages that processes die of again and again: refused from then on, and nothing else is."""

from __future__ import annotations

import os
import queue
import signal

import pytest
from dying_actors import Doomed
from hosted_actors import Order
from hosting_bench import WAIT, Bench, settle

from regrow.actors import ActorDeadError, ActorExited, ActorRef, Blob, DeadLetter, Limits
from regrow.actors.hosting import MessageQuarantined, ProcessReplaced, Quarantined
from regrow.protocol.exits import ExitStatus
from regrow.protocol.remote_error import RemoteError
from regrow.supervision import ChildStarted, RestartIntensity, SupervisorHandle, SupervisorSpec


def start(bench: Bench, **limits: object) -> tuple[SupervisorHandle, ActorRef]:
    child = bench.spec(target=Doomed, limits=Limits(**limits))  # type: ignore[arg-type]
    spec = SupervisorSpec(children=(child,), intensity=RestartIntensity(20, 3600.0))
    handle = SupervisorHandle.start(bench.system, spec)
    ref = handle.which_children()[0].ref
    assert ref is not None
    bench.events.wait(ChildStarted)
    return handle, ref


def die_of(bench: Bench, ref: ActorRef, message: object) -> None:
    ref.tell(message)
    bench.events.wait(ActorExited, lambda event: event.ref is ref)
    bench.events.wait(ChildStarted)


@pytest.mark.parametrize("poison", [Order("os_exit", 3), Order("raise_error", "x" * 100_000), b"bytes" * 50_000])
def test_a_message_that_three_have_died_of_is_refused(bench: Bench, poison: object) -> None:
    handle, ref = start(bench)
    for number in range(3):
        assert ref.ask(Order("pid"), timeout=WAIT)
        ref.ask(Order("dies_of_bytes", True), timeout=WAIT)
        die_of(bench, ref, poison)
        quarantined = [event for event in bench.events.all() if isinstance(event, MessageQuarantined)]
        assert len(quarantined) == (number == 2)
    (event,) = quarantined
    assert (event.ref, len(event.reports)) == (ref, 3)
    assert len({report.pid for report in event.reports}) == 3
    assert [report.in_hand for report in event.reports] == [event.in_hand] * 3
    with pytest.raises(Quarantined):
        ref.tell(poison)
    letter = bench.events.wait(DeadLetter, lambda letter: letter.message == poison)
    assert letter.to is ref
    with pytest.raises(Quarantined):
        ref.ask(poison, timeout=WAIT)
    assert ref.ask(Order("echo_back", 5), timeout=WAIT) == 5
    handle.stop(timeout=WAIT)


def test_what_is_released_gets_through_and_is_counted_anew(bench: Bench) -> None:
    handle, ref = start(bench, deaths_before_quarantine=2)
    poison = Order("os_exit", 3)
    for _ in range(2):
        die_of(bench, ref, poison)
    (held,) = bench.system.hosting.quarantine.held()
    assert (held.ref, held.in_hand) == (ref, "Order")
    assert bench.system.hosting.quarantine.release(ref, held.digest) == 1
    die_of(bench, ref, poison)
    die_of(bench, ref, poison)
    with pytest.raises(Quarantined):
        ref.tell(poison)
    handle.stop(timeout=WAIT)


def test_other_messages_of_the_same_type_are_not_refused(bench: Bench) -> None:
    handle, ref = start(bench)
    for code in range(1, 7):
        die_of(bench, ref, Order("os_exit", code))
    assert bench.system.hosting.quarantine.held() == ()
    assert ref.ask(Order("pid"), timeout=WAIT)
    handle.stop(timeout=WAIT)


def test_a_message_with_a_blob_in_it_is_never_refused(bench: Bench) -> None:
    handle, ref = start(bench, deaths_before_quarantine=1)
    for _ in range(3):
        with Blob(b"abc") as blob:
            die_of(bench, ref, Order("raise_error", blob))
    assert bench.system.hosting.quarantine.held() == ()
    assert not [event for event in bench.events.all() if isinstance(event, MessageQuarantined)]
    handle.stop(timeout=WAIT)


def test_it_can_be_switched_off(bench: Bench) -> None:
    handle, ref = start(bench, deaths_before_quarantine=0)
    for _ in range(5):
        die_of(bench, ref, Order("os_exit", 3))
    assert bench.system.hosting.quarantine.held() == ()
    handle.stop(timeout=WAIT)


def test_a_kill_by_the_host_is_no_fault_of_the_message_and_one_from_outside_is(bench: Bench) -> None:
    handle, ref = start(bench, deaths_before_quarantine=2)
    for _ in range(3):
        asked = ref.ask(Order("block", 60.0), block=False)
        ref.kill()
        with pytest.raises(ActorDeadError):
            asked.get(timeout=WAIT)
        bench.events.wait(ChildStarted)
    assert bench.system.hosting.quarantine.held() == ()
    for _ in range(2):
        ref.tell(Order("kill_self", int(signal.SIGKILL)))
        bench.events.wait(ChildStarted)
    assert len(bench.system.hosting.quarantine.held()) == 1
    handle.stop(timeout=WAIT)


def test_who_hears_of_a_refusal_may_send_to_the_same_child_at_once(bench: Bench) -> None:
    handle, ref = start(bench, deaths_before_quarantine=1, max_messages=1000)
    poison = Order("os_exit", 3)
    die_of(bench, ref, poison)  # without a digest: the first of all
    die_of(bench, ref, poison)
    heard: queue.SimpleQueue[object] = queue.SimpleQueue()

    def hear(letter: DeadLetter) -> None:
        ref.tell(Order("pid"))
        heard.put(letter.message)

    bench.system.bus.subscribe(hear, DeadLetter)  # type: ignore[arg-type]
    with pytest.raises(Quarantined):
        ref.tell(poison)
    assert heard.get(timeout=WAIT) == poison
    with pytest.raises(Quarantined):  # who asks gets the error, and no letter
        ref.ask(poison, timeout=WAIT)
    assert heard.empty()
    handle.stop(timeout=WAIT)


def test_a_sibling_that_sends_it_on_gets_an_error_and_not_the_poison(bench: Bench) -> None:
    handle, ref = start(bench, deaths_before_quarantine=1)
    poison = Order("os_exit", 3)
    die_of(bench, ref, poison)  # without a digest: the first of all
    die_of(bench, ref, poison)
    sibling = bench.start(target=Doomed)
    with pytest.raises(RemoteError, match="Quarantined"):
        sibling.ask(Order("ask_other", (ref, poison)), timeout=WAIT)
    assert ref.ask(Order("pid"), timeout=WAIT)
    handle.stop(timeout=WAIT)


def test_one_that_died_of_what_it_had_to_finish_counts_and_its_successor_is_spared(bench: Bench) -> None:
    handle, ref = start(bench, deaths_before_quarantine=2, max_messages=1)
    poison = Order("os_exit", 3)
    with pytest.raises(Quarantined):
        for _ in range(4):  # a successor that was begun before the first death has not been asked for digests
            ref.tell(poison)
            if isinstance(bench.events.wait(object, died_of_it), ActorExited):  # before its successor was ready
                bench.events.wait(ChildStarted)
    assert ref.ask(Order("pid"), timeout=WAIT) != os.getpid()
    handle.stop(timeout=WAIT)


def died_of_it(event: object) -> bool:
    return isinstance(event, ActorExited | ProcessReplaced) and event.reason == ExitStatus(3)


def test_a_death_in_a_stop_is_no_fault_of_the_message(bench: Bench) -> None:
    ref = bench.start(target=Doomed, limits=Limits(deaths_before_quarantine=1))
    for _ in range(2):
        ref.tell(Order("block", 60.0))
        settle(lambda: ref.black_box is not None and ref.black_box.in_hand is not None)
        ref.shutdown(deadline=bench.system.clock.now())
        bench.events.wait(ActorExited, lambda event: event.ref is ref)
        assert not bench.system.hosting.quarantine.suspects(ref)
        bench.begin(bench.spec(target=Doomed), ref=ref).get(timeout=WAIT)
