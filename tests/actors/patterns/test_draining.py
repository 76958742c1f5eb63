"""The graceful end: all that waits is handled, or it is said what was not."""

from __future__ import annotations

import contextlib
import threading

import pytest

from regrow.actors import ActorDeadError, ActorSystem, CallingSelf, DeadLetter, SpawnOptions
from regrow.actors.patterns import Drained, drain, drain_all, waiting_messages
from regrow.actors.testing import Hold, Puppet, Script, crash, exit_with, hang
from regrow.protocol import KILLED, NOPROC, NORMAL, Crash, ExitReason, Shutdown

SHORT = 0.05


def test_what_waits_is_handled_and_then_it_ends(system: ActorSystem) -> None:
    hold = Hold()
    handled: list[int] = []
    script = Script()
    ref = system.spawn(Puppet, script)
    ref.tell(hang(hold))
    hold.wait_reached()
    for number in range(5):
        ref.tell(lambda _puppet, number=number: handled.append(number))
    answer = ref.ask("?", block=False)
    hold.release()
    assert drain(ref) == Drained(ref=ref, in_time=True, reason=NORMAL)
    assert handled == [0, 1, 2, 3, 4]
    assert answer.get(timeout=0) == "?"
    assert script.hooks() == ("on_start", "on_stop_request", "on_stop")


def test_it_is_complete_if_nothing_was_lost(system: ActorSystem) -> None:
    assert drain(system.spawn(Puppet)).complete


def test_at_the_deadline_it_is_killed_and_what_was_left_is_reported(system: ActorSystem) -> None:
    hold = Hold()
    ref = system.spawn(Puppet)
    ref.tell(hang(hold))
    hold.wait_reached()
    ref.tell("left")
    ask = ref.ask("asked", block=False)
    report = drain(ref, SHORT)
    hold.release()
    assert (report.in_time, report.reason, report.waiting, report.lost, report.left) == (False, KILLED, 2, 1, ("left",))
    assert not report.complete
    with pytest.raises(ActorDeadError):
        ask.get(timeout=0)


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_a_crash_on_the_way_is_reported_with_what_it_left(system: ActorSystem) -> None:
    hold = Hold()
    ref = system.spawn(Puppet)
    ref.tell(hang(hold))
    hold.wait_reached()
    ref.tell(crash())
    ref.tell("left")
    hold.release()
    report = drain(ref)
    assert report.in_time
    assert isinstance(report.reason, Crash)
    assert report.left == ("left",)
    assert not report.complete


def test_who_ends_for_another_reason_says_so(system: ActorSystem) -> None:
    ref = system.spawn(Puppet, Script(on_stop_request=exit_with(Shutdown("my way"))))
    assert drain(ref).reason == Shutdown("my way")


def test_who_has_a_name_is_drained_by_it(system: ActorSystem) -> None:
    ref = system.spawn(Puppet, options=SpawnOptions(name="db"))
    assert drain(system.named("db")) == Drained(ref=ref, in_time=True, reason=NORMAL)
    assert drain(system.named("db")).reason == NOPROC


def test_the_dead_are_drained(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    ref.stop()
    assert drain(ref) == Drained(ref=ref, in_time=True, reason=NOPROC)


def test_many_are_drained_at_the_same_time_under_one_deadline(system: ActorSystem) -> None:
    hold = Hold()
    refs = [system.spawn(Puppet) for _ in range(3)]
    refs[1].tell(hang(hold))
    hold.wait_reached()
    reports = drain_all(refs, SHORT)
    hold.release()
    assert [report.in_time for report in reports] == [True, False, True]
    assert [report.ref for report in reports] == refs
    assert drain_all([]) == []


def test_an_actor_cannot_wait_for_its_own_end(system: ActorSystem) -> None:
    def drain_self(puppet: Puppet) -> str:
        with pytest.raises(CallingSelf):
            drain(puppet.ref)
        return "refused"

    assert system.spawn(Puppet).ask(drain_self) == "refused"


def test_while_others_send_every_message_is_handled_or_a_dead_letter(system: ActorSystem) -> None:
    letters = system.bus.collect(DeadLetter, maxlen=1_000_000)
    handled: list[object] = []
    started = threading.Barrier(5)

    class Counts(Puppet):
        def on_receive(self, message: object) -> object:
            handled.append(message)
            return None

    ref = system.spawn(Counts)
    sent: list[list[object]] = [[] for _ in range(4)]

    def produce(which: int) -> None:
        started.wait(5.0)
        with contextlib.suppress(ActorDeadError):
            for number in range(100_000):
                sent[which].append((which, number))
                ref.tell((which, number))

    producers = [threading.Thread(target=produce, args=(which,)) for which in range(4)]
    for producer in producers:
        producer.start()
    started.wait(5.0)
    report = drain(ref, 20.0)
    for producer in producers:
        producer.join(5.0)
    dead = [letter.message for letter in letters.drain() if isinstance(letter, DeadLetter)]
    assert sorted([*handled, *dead], key=repr) == sorted((message for each in sent for message in each), key=repr)
    assert report.in_time
    for which in range(4):
        mine = [message for message in handled if isinstance(message, tuple) and message[0] == which]
        assert mine == sent[which][: len(mine)]


def test_a_life_that_can_refuse_new_messages_is_told_to_when_the_request_to_stop_is_in(
    system: ActorSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold()
    ref = system.spawn(Puppet)
    ref.tell(hang(hold))
    hold.wait_reached()
    told: list[tuple[ExitReason, int]] = []

    def refuse_new(_life: object, reason: ExitReason) -> None:
        told.append((reason, waiting_messages(ref)))
        hold.release()

    monkeypatch.setattr(type(ref.cell), "refuse_new", refuse_new, raising=False)
    assert drain(ref).complete
    assert told == [(NOPROC, 1)]


def test_it_leaves_no_subscription_behind(system: ActorSystem) -> None:
    before = len(system.bus._subscriptions)
    drain(system.spawn(Puppet))
    assert len(system.bus._subscriptions) == before
