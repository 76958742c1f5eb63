"""Both clocks keep the same promises; each has its own way of moving."""

from __future__ import annotations

import math
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from regrow.actors import Clock, SystemClock, TimerHandle
from regrow.actors.clock import FRESH_TIMERS, monotonic
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
    clock.call_at(now + 0.02, lambda: fired.append("last"))
    clock.call_at(now + 0.02, done.set)
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


def test_a_cancelled_timer_keeps_nothing_alive(clock: Clock) -> None:
    class Kept:
        def fire(self) -> None:
            raise AssertionError("it was cancelled")

    for delay in (0.0, 0.01, 10.0, 1000.0, 1e6, 1e9):
        kept = Kept()
        gone = weakref.ref(kept)
        timer = clock.call_at(clock.now() + 5.0 + delay, kept.fire)
        del kept
        assert gone() is not None
        assert timer.cancel()
        assert gone() is None


def test_a_timer_that_has_fired_keeps_nothing_alive(clock: Clock) -> None:
    done = threading.Event()

    class Kept:
        def fire(self) -> None:
            done.set()

    kept = Kept()
    gone = threading.Event()
    finalizer = weakref.finalize(kept, gone.set)
    timer = clock.call_at(clock.now() + 0.01, kept.fire)
    del kept
    pass_time(clock, 0.01, done)
    assert gone.wait(5)
    assert not finalizer.alive
    assert not timer.cancel()


def test_closing_lets_go_of_all_callbacks(clock: Clock) -> None:
    class Kept:
        def fire(self) -> None:
            raise AssertionError("closed before")

    kept = [Kept() for _ in range(20)]
    gone = [weakref.ref(one) for one in kept]
    timers = [clock.call_at(clock.now() + 5.0 + 2.0**n, one.fire) for n, one in enumerate(kept)]
    kept.clear()
    clock.close()
    assert [one() for one in gone] == [None] * 20
    assert [timer.cancel() for timer in timers] == [False] * 20


def test_after_close_nothing_is_kept(clock: Clock) -> None:
    clock.close()
    timer = clock.call_at(clock.now(), lambda: pytest.fail("closed before"))
    if isinstance(clock, ManualClock):
        assert (clock.pending, clock.advance(1)) == (0, 0)
    assert not timer.cancel()


def test_what_is_no_time_is_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="expected a time in seconds, got nan"):
        clock.call_at(math.nan, lambda: None)


def test_infinity_never_comes_and_the_beginning_of_time_is_over(clock: Clock) -> None:
    fired: list[str] = []
    done = threading.Event()
    never = clock.call_at(math.inf, lambda: fired.append("never"))
    clock.call_at(-math.inf, done.set)
    pass_time(clock, 1e9, done)
    if isinstance(clock, ManualClock):
        assert (clock.pending, clock.next_due(), clock.advance_to_next()) == (1, None, 0)
    assert never.cancel()
    assert not never.cancel()
    assert fired == []


def test_of_many_cancels_at_once_and_the_firing_exactly_one_wins() -> None:
    clock = SystemClock()
    threads, rounds = 3, 300
    fired: list[int] = []
    cancelled: list[int] = []
    start, end = threading.Barrier(threads + 1), threading.Barrier(threads + 1)
    timers: list[TimerHandle] = []

    def cancel_all() -> None:
        start.wait(10)
        for number, timer in enumerate(timers):
            if timer.cancel():
                cancelled.append(number)
        end.wait(10)

    crew = [threading.Thread(target=cancel_all) for _ in range(threads)]
    for thread in crew:
        thread.start()
    now = clock.now()
    timers += [clock.call_at(now + n * 1e-5, lambda n=n: fired.append(n)) for n in range(rounds)]  # type: ignore[misc]
    start.wait(10)
    end.wait(10)
    for thread in crew:
        thread.join(10)
    clock.close()
    assert sorted(fired + cancelled) == list(range(rounds))


def test_arming_from_many_threads_loses_no_timer(ms: float) -> None:
    clock = SystemClock()
    each, threads = 2000, 3
    fired: list[tuple[int, int]] = []
    done = threading.Event()
    old = sys.getswitchinterval()

    def arm(thread: int) -> None:
        for number in range(each):
            clock.call_at(clock.now() + (number % 7) * 0.3 * ms, lambda number=number: hit(thread, number))  # type: ignore[misc]

    def hit(thread: int, number: int) -> None:
        fired.append((thread, number))
        if len(fired) == each * threads:
            done.set()

    crew = [threading.Thread(target=arm, args=(number,)) for number in range(threads)]
    sys.setswitchinterval(1e-5)
    try:
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join(20)
        assert done.wait(20), f"{each * threads - len(fired)} never fired"
    finally:
        sys.setswitchinterval(old)
    assert len(set(fired)) == each * threads
    clock.close()


def test_arming_and_cancelling_what_is_not_due_first_does_not_wake_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    when = monotonic() + 60
    keep = clock.call_at(when, lambda: None)
    pause, deadline = threading.Event(), monotonic() + 5
    while clock._wakes_at != when and monotonic() < deadline:
        pause.wait(0.001)  # until the thread has looked at it and sleeps
    rung: list[bool] = []
    monkeypatch.setattr(clock, "_ring", lambda: rung.append(True))
    for _ in range(10_000):
        assert clock.call_at(monotonic() + 70, lambda: None).cancel()
    assert rung == []
    assert len(clock._fresh) == 0
    for _ in range(FRESH_TIMERS + 1):
        clock.call_at(monotonic() + 70, lambda: None)
    assert len(rung) == 1  # so that what is due soon need not wait for the sorting of very many
    monkeypatch.undo()
    assert keep.cancel()
    clock.close()


def test_it_fires_on_time_and_never_early(ms: float) -> None:
    clock = SystemClock()
    late: list[float] = []
    done = threading.Event()
    dues = [monotonic() + 0.01 + n * 0.001 for n in range(50)]
    for due in dues:
        clock.call_at(due, lambda due=due: late.append(monotonic() - due))  # type: ignore[misc]
    clock.call_at(dues[-1], done.set)
    assert done.wait(5)
    clock.close()
    assert len(late) == 50
    assert min(late) >= 0
    assert sorted(late)[25] < 50 * ms


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

    def close() -> None:
        clock.close()
        done.set()

    clock.call_at(monotonic(), close)
    assert done.wait(5)


def test_a_callback_sees_its_own_time_and_may_set_more_within_one_advance() -> None:
    clock = ManualClock()
    seen: list[float] = []
    clock.call_at(1.0, lambda: seen.append(clock.now()))
    clock.call_at(1.0, lambda: clock.call_at(2.0, lambda: seen.append(clock.now())))
    assert clock.advance(3.0) == 3
    assert (seen, clock.now()) == ([1.0, 2.0], 3.0)


def test_advance_to_next_goes_just_far_enough() -> None:
    clock = ManualClock()
    clock.call_at(5.0, lambda: None)
    assert clock.next_due() == 5.0
    assert (clock.advance_to_next(), clock.now()) == (1, 5.0)
    assert (clock.advance_to_next(), clock.next_due()) == (0, None)
