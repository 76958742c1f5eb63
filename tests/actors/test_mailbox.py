"""Lanes, bounds, and closing."""

from __future__ import annotations

import threading

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorSystem,
    DeadLetter,
    Envelope,
    MailboxFull,
    MailboxOptions,
    Overflow,
    SpawnOptions,
)
from regrow.actors.mailbox import CLOSED, Lane, Mailbox
from regrow.actors.testing import Hold, Puppet, hang


def mailbox(
    maxsize: int | None = None, overflow: Overflow = Overflow.FAIL, block_timeout: float = 5.0
) -> tuple[Mailbox, list[object]]:
    dropped: list[object] = []
    options = MailboxOptions(maxsize, overflow, block_timeout)
    return Mailbox("owner", options, lambda envelope, _error: dropped.append(envelope.message)), dropped


def drain(box: Mailbox) -> list[object]:
    messages: list[object] = []
    while isinstance(taken := box.take(), Envelope):
        messages.append(taken.message)
    return messages


def test_lanes_go_stop_then_system_then_user_each_in_order() -> None:
    box, _ = mailbox()
    for name, lane in [
        ("u1", Lane.USER),
        ("s1", Lane.SYSTEM),
        ("u2", Lane.USER),
        ("x", Lane.STOP),
        ("s2", Lane.SYSTEM),
    ]:
        box.put(Envelope(name), lane)
    assert len(box) == 5
    assert drain(box) == ["x", "s1", "s2", "u1", "u2"]
    assert box.empty()


def test_wake_is_called_once_for_each_idle_turn() -> None:
    box, _ = mailbox()
    wakes: list[int] = []
    box.wake = lambda: wakes.append(1)
    box.put(Envelope("busy from birth"))
    assert wakes == []
    drain(box)
    assert box.idle
    box.put(Envelope("one"))
    box.put(Envelope("two"))
    assert wakes == [1]


def test_close_gives_what_waits_and_whether_code_runs() -> None:
    box, _ = mailbox()
    box.put(Envelope("in hand"))
    box.put(Envelope("waits"))
    box.take()
    left, busy = box.close()
    assert ([envelope.message for envelope in left], busy) == (["waits"], True)
    assert box.take() is CLOSED
    assert box.close() == ((), False)


def test_close_wakes_an_idle_reader() -> None:
    box, _ = mailbox()
    wakes: list[int] = []
    box.wake = lambda: wakes.append(1)
    drain(box)
    assert box.close() == ((), False)
    assert wakes == [1]
    assert box.take() is CLOSED


@pytest.mark.parametrize("lane", list(Lane))
def test_nothing_gets_in_once_it_is_closed(lane: Lane) -> None:
    box, _ = mailbox()
    box.close()
    with pytest.raises(ActorDeadError, match="owner not found"):
        box.put(Envelope("late"), lane)


def test_discard_takes_signals_back_and_leaves_users_messages() -> None:
    box, _ = mailbox()
    for lane in Lane:
        box.put(Envelope("same"), lane)
    assert box.discard(lambda message: message == "same") == 2
    assert drain(box) == ["same"]


POLICIES = [
    (Overflow.DROP_OLDEST, [2, 3], [1]),
    (Overflow.DROP_NEWEST, [1, 2], [3]),
    (Overflow.LATEST, [3], [1, 2]),
]


@pytest.mark.parametrize(("overflow", "kept", "dropped"), POLICIES)
def test_a_full_mailbox_drops_as_it_was_told(overflow: Overflow, kept: list[int], dropped: list[int]) -> None:
    box, lost = mailbox(2, overflow)
    for number in (1, 2, 3):
        box.put(Envelope(number))
    assert (drain(box), lost) == (kept, dropped)


def test_a_full_mailbox_refuses_by_default_and_takes_signals_and_exempt_ones() -> None:
    box, _ = mailbox(1)
    box.put(Envelope(1))
    with pytest.raises(MailboxFull, match="1 messages wait"):
        box.put(Envelope(2))
    box.put(Envelope("signal"), Lane.SYSTEM)
    box.put(Envelope("timer", exempt=True))
    assert drain(box) == ["signal", 1, "timer"]


def test_dropping_spares_exempt_ones() -> None:
    box, lost = mailbox(2, Overflow.DROP_OLDEST)
    box.put(Envelope("timer", exempt=True))
    box.put(Envelope(1))
    box.put(Envelope(2))
    assert (drain(box), lost) == (["timer", 2], [1])


def test_blocking_waits_for_room() -> None:
    box, _ = mailbox(1, Overflow.BLOCK)
    box.put(Envelope(1))
    thread = threading.Thread(target=box.put, args=(Envelope(2),))
    thread.start()
    assert isinstance(box.take(), Envelope)
    thread.join(5)
    assert drain(box) == [2]


def test_blocking_gives_up_at_its_timeout() -> None:
    box, _ = mailbox(1, Overflow.BLOCK, 0.01)
    box.put(Envelope(1))
    with pytest.raises(MailboxFull):
        box.put(Envelope(2))


def test_blocking_ends_with_the_life() -> None:
    box, _ = mailbox(1, Overflow.BLOCK)
    box.put(Envelope(1))
    errors: list[Exception] = []

    def put() -> None:
        try:
            box.put(Envelope(2))
        except ActorDeadError as error:
            errors.append(error)

    thread = threading.Thread(target=put)
    thread.start()
    box.close()
    thread.join(5)
    assert len(errors) == 1


def test_an_actor_with_a_bound_answers_dropped_asks_and_reports_dropped_tells(system: ActorSystem) -> None:
    options = SpawnOptions(mailbox=MailboxOptions(1, Overflow.DROP_NEWEST))
    ref = system.spawn(Puppet, options=options)
    letters = system.bus.collect(DeadLetter)
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    ref.tell("kept")
    ref.tell("dropped")
    answer = ref.ask("dropped too", block=False)
    with pytest.raises(MailboxFull):
        answer.get(timeout=5)
    assert [event.why for event in letters.drain() if isinstance(event, DeadLetter)] == ["mailbox full"]
    hold.release()


def test_an_ask_to_a_full_mailbox_raises_in_the_asker(system: ActorSystem) -> None:
    ref = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(1)))
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    ref.tell("kept")
    with pytest.raises(MailboxFull):
        ref.tell("x")
    with pytest.raises(MailboxFull):
        ref.ask("x", timeout=5)
    stop = ref.stop(block=False)
    hold.release()
    assert stop.get(timeout=5) is True


def test_who_watches_the_stop_lane_hears_of_all_in_it_and_takes_nothing() -> None:
    box, _ = mailbox()
    heard: list[object] = []
    box.put(Envelope("before"), Lane.STOP)
    box.watch_stops(heard.append)
    assert heard == ["before"]
    box.put(Envelope("not this"), Lane.USER)
    box.put(Envelope("nor this"), Lane.SYSTEM)
    box.put(Envelope("after"), Lane.STOP)
    assert heard == ["before", "after"]
    assert drain(box) == ["before", "after", "nor this", "not this"]
    box.close()
    assert heard == ["before", "after", None]
    box.close()
    assert heard == ["before", "after", None]


def test_who_takes_the_watch_back_hears_nothing_and_who_comes_too_late_hears_of_the_end() -> None:
    box, _ = mailbox()
    heard: list[object] = []
    box.watch_stops(heard.append)
    box.watch_stops(None)
    box.put(Envelope("x"), Lane.STOP)
    box.close()
    assert heard == []
    box.watch_stops(heard.append)
    assert heard == [None]
