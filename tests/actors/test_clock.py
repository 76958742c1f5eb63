"""Both clocks keep the same promises; each has its own way of moving."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from regrow.actors import Clock, SystemClock
from regrow.actors.clock import monotonic
from regrow.actors.testing import ManualClock


@pytest.fixture(params=["system", "manual"])
def clock(request: pytest.FixtureRequest) -> Iterator[Clock]:
    clock: Clock = SystemClock() if request.param == "system" else ManualClock()
    yield clock
    clock.close()


def hold_back(clock: Clock) -> threading.Event:
    """Keep the clock from firing until the event is set: real time does not wait for the lines of a test."""
    everything_is_set = threading.Event()
    clock.call_at(clock.now(), lambda: everything_is_set.wait(5))
    return everything_is_set


def pass_time(clock: Clock, seconds: float, done: threading.Event) -> None:
    if isinstance(clock, ManualClock):
        clock.advance(seconds)
    assert done.wait(5)


def test_callbacks_fire_in_the_order_of_their_times_then_of_their_making(clock: Clock) -> None:
    fired: list[str] = []
    done = threading.Event()
    now = clock.now()
    everything_is_set = hold_back(clock)
    clock.call_at(now + 0.02, lambda: (fired.append("last"), done.set()))
    clock.call_at(now + 0.01, lambda: fired.append("first"))
    clock.call_at(now + 0.01, lambda: fired.append("second"))
    everything_is_set.set()
    pass_time(clock, 0.02, done)
    assert fired == ["first", "second", "last"]


def test_a_cancelled_callback_never_fires_and_says_so_once(clock: Clock) -> None:
    fired: list[str] = []
    done = threading.Event()
    everything_is_set = hold_back(clock)
    cancelled = clock.call_at(clock.now() + 0.01, lambda: fired.append("cancelled"))
    kept = clock.call_at(clock.now() + 0.02, done.set)
    assert (cancelled.cancel(), cancelled.cancel()) == (True, False)
    everything_is_set.set()
    pass_time(clock, 0.02, done)
    assert fired == []
    assert not kept.cancel()


def test_a_closed_clock_fires_nothing(clock: Clock) -> None:
    fired: list[str] = []
    clock.call_at(clock.now(), lambda: None)
    clock.close()
    clock.close()
    handle = clock.call_at(clock.now(), lambda: fired.append("late"))
    assert not handle.cancel()
    if isinstance(clock, ManualClock):
        clock.advance(1)
    assert fired == []


def test_time_goes_forward(clock: Clock) -> None:
    assert clock.now() <= clock.now()
    assert clock.epoch() > 1_600_000_000


def test_an_earlier_timer_overtakes_one_that_the_thread_waits_for() -> None:
    clock = SystemClock()
    done = threading.Event()
    far = clock.call_at(monotonic() + 60, lambda: None)
    clock.call_at(monotonic() + 0.001, done.set)
    assert done.wait(5)
    assert far.cancel()
    clock.close()


def test_an_error_in_a_callback_is_reported_and_the_clock_goes_on() -> None:
    errors: list[Exception] = []
    done = threading.Event()
    clock = SystemClock(on_error=errors.append)
    clock.call_at(monotonic(), lambda: 1 / 0)
    clock.call_at(monotonic(), done.set)
    assert done.wait(5)
    clock.close()
    assert [type(error) for error in errors] == [ZeroDivisionError]


def test_many_cancelled_timers_do_not_pile_up() -> None:
    clock = SystemClock()
    keep = clock.call_at(monotonic() + 60, lambda: None)
    for _ in range(1000):
        clock.call_at(monotonic() + 60, lambda: None).cancel()
    assert len(clock._heap) < 200
    assert keep.cancel()
    clock.close()


def test_no_thread_until_the_first_timer() -> None:
    before = threading.active_count()
    SystemClock().close()
    assert threading.active_count() == before


def test_a_thread_that_cannot_be_had_is_tried_for_again_by_the_next_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    clock = SystemClock()
    fired: list[str] = []
    done = threading.Event()
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError):
        clock.call_at(monotonic(), lambda: fired.append("refused"))
    monkeypatch.undo()
    clock.call_at(monotonic(), done.set)
    assert done.wait(5)
    assert fired == []
    clock.close()


def test_close_from_a_callback_does_not_wait_for_itself() -> None:
    clock = SystemClock()
    done = threading.Event()
    clock.call_at(monotonic(), lambda: (clock.close(), done.set()))
    assert done.wait(5)


def test_a_callback_sees_its_own_time_and_may_set_more_within_one_advance() -> None:
    clock = ManualClock()
    seen: list[float] = []
    clock.call_at(1.0, lambda: (seen.append(clock.now()), clock.call_at(2.0, lambda: seen.append(clock.now()))))
    assert clock.advance(3.0) == 2
    assert (seen, clock.now()) == ([1.0, 2.0], 3.0)


def test_advance_to_next_goes_just_far_enough() -> None:
    clock = ManualClock()
    clock.call_at(5.0, lambda: None)
    assert clock.next_due() == 5.0
    assert (clock.advance_to_next(), clock.now()) == (1, 5.0)
    assert (clock.advance_to_next(), clock.next_due()) == (0, None)
