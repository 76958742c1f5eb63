"""Lanes, bounds, and closing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

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
from regrow.actors.bounded import BoundedMailbox, make_mailbox
from regrow.actors.mailbox import Lane, Mailbox
from regrow.actors.rest import IDLE, MORE, OVER
from regrow.actors.testing import Hold, Puppet, hang


class Owner:
    """Keeps what a mailbox tells its life."""

    def __init__(self) -> None:
        self.lost: list[object] = []
        self.late: list[object] = []
        self.wakes = 0
        self.waters: list[tuple[int, bool]] = []

    def __str__(self) -> str:
        return "owner"

    def overflowed(self, item: object, _error: MailboxFull) -> None:
        self.lost.append(item.message if isinstance(item, Envelope) else item)

    def came_late(self, items: Iterable[object]) -> None:
        self.late.extend(items)

    def woken(self) -> None:
        self.wakes += 1

    def water(self, waiting: int, *, high: bool) -> None:
        self.waters.append((waiting, high))


def mailbox(
    maxsize: int | None = None,
    overflow: Overflow = Overflow.FAIL,
    block_timeout: float = 5.0,
    *,
    options: MailboxOptions | None = None,
) -> tuple[Mailbox, Owner]:
    owner = Owner()
    given = MailboxOptions(maxsize, overflow, block_timeout) if options is None else options
    return make_mailbox(owner, threading.Lock(), given), owner


def take(box: Mailbox) -> object | None:
    item = box.pop_urgent()
    return item if item is not None or not box.waiting() else box.pop()


def drain(box: Mailbox) -> list[object]:
    messages: list[object] = []
    while (item := take(box)) is not None:
        messages.append(item.message if isinstance(item, Envelope) else item)
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
    assert not len(box)


def test_its_owner_is_woken_once_for_each_time_that_it_went_idle() -> None:
    box, owner = mailbox()
    box.post("called from birth")
    assert owner.wakes == 0
    assert box.begin()
    drain(box)
    assert box.rest() is IDLE
    assert box.idle
    box.post("one")
    box.post("two")
    assert owner.wakes == 1
    assert not box.idle


def test_a_reader_that_finds_a_message_at_the_last_moment_does_not_rest() -> None:
    box, _ = mailbox()
    assert box.begin()
    box.post("late")
    assert box.rest() is MORE
    assert drain(box) == ["late"]
    assert box.rest() is IDLE


def test_a_turn_is_had_by_one_alone() -> None:
    box, owner = mailbox()
    assert box.begin()
    assert not box.seize()
    assert not box.seize_idle()
    assert box.rest() is IDLE
    assert box.seize()
    box.post("put while it runs")
    assert owner.wakes == 0
    assert not box.seize_idle()
    assert box.rest() is MORE


def test_who_comes_when_somebody_else_has_the_turn_leaves_it_to_him() -> None:
    box, owner = mailbox()
    assert box.begin()
    assert box.rest() is IDLE
    box.post("calls")
    assert box.seize()
    assert not box.begin()
    assert drain(box) == ["calls"]
    assert box.rest() is IDLE
    box.post("calls again")
    assert owner.wakes == 2


def test_of_one_that_waits_for_its_turn_nobody_is_let_go_first() -> None:
    box, _ = mailbox()
    assert box.begin()
    assert box.rest() is IDLE
    box.post("first")
    assert not box.seize_idle()
    assert box.seize()


def test_who_pauses_is_called_once() -> None:
    box, owner = mailbox()
    assert box.begin()
    box.pause()
    assert owner.wakes == 1
    assert box.seize()
    box.pause()
    assert owner.wakes == 1
    assert box.begin()
    box.pause()
    assert owner.wakes == 2


def test_who_hands_it_over_leaves_it_called() -> None:
    box, owner = mailbox()
    assert box.begin()
    box.hand_over()
    box.post("for the next one")
    assert owner.wakes == 0
    assert box.begin()


def test_close_gives_what_waits_and_whether_code_runs() -> None:
    box, _ = mailbox()
    assert box.begin()
    box.post("in hand")
    box.post("waits")
    take(box)
    assert box.close() == (("waits",), True)
    assert box.rest() is OVER
    assert box.close() == ((), False)


def test_close_calls_an_idle_reader_who_then_has_a_last_turn() -> None:
    box, owner = mailbox()
    assert box.begin()
    assert box.rest() is IDLE
    assert box.close() == ((), False)
    assert owner.wakes == 1
    assert box.begin()
    assert box.rest() is OVER
    assert not box.seize()


class Raced(Mailbox):
    """One that others put into at the very moment at which they are told to look no further."""

    __slots__ = ("_heedful", "raced")

    def __init__(self, owner: Owner) -> None:
        self.raced: list[object] = []
        super().__init__(owner, threading.Lock())

    @property
    def heedful(self) -> bool:  # type: ignore[override]
        return self._heedful

    @heedful.setter
    def heedful(self, heedful: bool) -> None:
        self._heedful = heedful
        while not heedful and self.raced:
            self.post(self.raced.pop())


@pytest.mark.parametrize("come", [Mailbox.call, Mailbox.begin, Mailbox.seize])
def test_what_is_put_while_the_reader_comes_to_a_closed_one_is_reported(come: Callable[[Mailbox], object]) -> None:
    owner = Owner()
    box = Raced(owner)
    assert box.begin()
    assert box.rest() is IDLE
    with box._lock:
        _, _, after = box.shut()
    box.raced.append("in between")
    come(box)
    assert owner.late == ["in between"]
    after()
    assert box.heedful


@pytest.mark.parametrize("lane", list(Lane))
def test_nothing_gets_in_once_it_is_closed(lane: Lane) -> None:
    box, owner = mailbox()
    box.close()
    with pytest.raises(ActorDeadError, match="owner not found"):
        box.put(Envelope("late"), lane)
    assert [str(item) for item in owner.late] == (["Envelope('late')"] if lane is Lane.USER else [])
    assert not len(box)


def test_discard_takes_signals_back_and_leaves_users_messages() -> None:
    box, _ = mailbox()
    for lane in Lane:
        box.put(Envelope("same"), lane)
    assert box.discard(lambda message: message == "same") == 2
    assert drain(box) == ["same", "same"]


POLICIES = [
    (Overflow.DROP_OLDEST, [2, 3], [1]),
    (Overflow.DROP_NEWEST, [1, 2], [3]),
    (Overflow.LATEST, [3], [1, 2]),
]


@pytest.mark.parametrize(("overflow", "kept", "dropped"), POLICIES)
def test_a_full_mailbox_drops_as_it_was_told(overflow: Overflow, kept: list[int], dropped: list[int]) -> None:
    box, owner = mailbox(2, overflow)
    for number in (1, 2, 3):
        box.put(Envelope(number))
    assert (drain(box), owner.lost) == (kept, dropped)


def test_a_full_mailbox_refuses_by_default_and_takes_signals_and_exempt_ones() -> None:
    box, _ = mailbox(1)
    box.put(Envelope(1))
    with pytest.raises(MailboxFull, match="1 messages wait"):
        box.put(Envelope(2))
    box.put(Envelope("signal"), Lane.SYSTEM)
    box.put(Envelope("timer", exempt=True))
    assert drain(box) == ["signal", 1, "timer"]


def test_dropping_spares_exempt_ones() -> None:
    box, owner = mailbox(2, Overflow.DROP_OLDEST)
    box.put(Envelope("timer", exempt=True))
    box.put(Envelope(1))
    box.put(Envelope(2))
    assert (drain(box), owner.lost) == (["timer", 2], [1])


def test_blocking_waits_for_room() -> None:
    box, _ = mailbox(1, Overflow.BLOCK)
    box.put(Envelope(1))
    thread = threading.Thread(target=box.put, args=(Envelope(2),))
    thread.start()
    assert isinstance(take(box), Envelope)
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


def test_the_lowest_rank_goes_first_and_equal_ones_in_the_order_of_arrival() -> None:
    box, _ = mailbox(options=MailboxOptions(priority=lambda message: int(str(message)[0])))
    for message in ("2a", "1a", "2b", "0a", "1b"):
        box.post(message)
    assert drain(box) == ["0a", "1a", "1b", "2a", "2b"]


def test_of_a_full_one_with_priorities_the_last_in_order_goes() -> None:
    options = MailboxOptions(2, Overflow.DROP_OLDEST, priority=lambda message: int(str(message)[0]))
    box, owner = mailbox(options=options)
    for message in ("1a", "2a", "2b", "0a"):
        box.post(message)
    assert (drain(box), owner.lost) == (["0a", "1a"], ["2a", "2b"])


def test_a_rank_that_is_no_number_is_the_senders_mistake() -> None:
    box, _ = mailbox(options=MailboxOptions(priority=lambda _message: "high"))  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="priority: expected an int, got 'high' for 'x'"):
        box.post("x")
    assert not len(box)


def test_the_latest_of_a_key_takes_the_place_of_the_one_before() -> None:
    box, owner = mailbox(options=MailboxOptions(latest_by=lambda message: str(message)[0] if message != "-" else None))
    for message in ("a1", "b1", "-", "a2", "-", "a3"):
        box.post(message)
    assert (drain(box), owner.lost) == (["a3", "b1", "-", "-"], ["a1", "a2"])


def test_a_key_that_cannot_be_hashed_is_the_senders_mistake() -> None:
    box, _ = mailbox(options=MailboxOptions(latest_by=lambda _message: []))
    with pytest.raises(TypeError, match="latest_by: expected a key that can be hashed"):
        box.post("x")


def test_high_water_is_told_once_until_it_has_fallen() -> None:
    box, owner = mailbox(options=MailboxOptions(high_water=3, low_water=1))
    for number in range(4):
        box.post(number)
    assert owner.waters == [(3, True)]
    for _ in range(2):
        take(box)
    assert owner.waters == [(3, True)]
    take(box)
    assert owner.waters == [(3, True), (1, False)]
    for number in range(2):
        box.post(number)
    assert owner.waters[2:] == [(3, True)]


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        ({"maxsize": 0}, "maxsize: expected at least 1, got 0"),
        ({"high_water": 0}, "high_water: expected at least 1, got 0"),
        ({"low_water": 1}, "low_water: expected less than high_water, got 1, None"),
        ({"low_water": 2, "high_water": 2}, "low_water: expected less than high_water, got 2, 2"),
        ({"priority": len, "latest_by": len}, "expected priority or latest_by, got both"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        MailboxOptions(**options)


@pytest.mark.parametrize("maxsize", [None, 5])
def test_what_is_put_back_goes_first_in_its_order(maxsize: int | None) -> None:
    box, _ = mailbox(maxsize)
    box.post("waits")
    box.put_back(["one", "two"])
    assert drain(box) == ["one", "two", "waits"]


@pytest.mark.parametrize("overflow", [Overflow.FAIL, Overflow.BLOCK])
def test_who_asks_first_is_neither_refused_nor_kept_waiting(system: ActorSystem, overflow: Overflow) -> None:
    ref = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(2, overflow)))
    hold = Hold()
    assert ref.try_tell(hang(hold))
    hold.wait_reached()
    assert [ref.try_tell(number) for number in range(4)] == [True, True, False, False]
    hold.release()
    assert ref.tell("there is room").wait(0) if overflow is Overflow.BLOCK else True
    ref.kill()
    with pytest.raises(ActorDeadError):
        ref.try_tell("too late")


@pytest.mark.parametrize("overflow", [Overflow.FAIL, Overflow.BLOCK])
def test_who_asks_first_is_not_kept_waiting_by_others_who_fill_it_meanwhile(
    system: ActorSystem, overflow: Overflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = MailboxOptions(1, overflow, block_timeout=50.0)  # to wait for it would fail this test by its own timeout
    ref = system.spawn(Puppet, options=SpawnOptions(mailbox=options))
    hold = Hold()
    ref.tell(hang(hold))
    hold.wait_reached()
    ref.tell("fills it")
    monkeypatch.setattr(BoundedMailbox, "full", False)  # as it was a moment ago
    began = system.clock.now()
    assert not ref.try_tell("one too many")
    assert system.clock.now() - began < 40.0
    hold.release()


def test_several_are_put_in_their_order_with_one_call() -> None:
    box, owner = mailbox()
    assert box.begin()
    assert box.rest() is IDLE
    box.post(0)
    box.post_all([1, 2, 3])
    assert owner.wakes == 1
    assert box.begin()
    box.post_all([4])
    assert owner.wakes == 1
    assert drain(box) == [0, 1, 2, 3, 4]


def test_of_several_that_come_too_late_all_are_reported() -> None:
    box, owner = mailbox()
    box.close()
    box.post_all([1, 2])
    assert owner.late == [1, 2]
