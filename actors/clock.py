"""The clock: the only place of the runtime that reads time, and the seam where tests put their own.

What lives here: `Clock`, its timers, the real one. What must not: who is told what when a timer fires.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from math import inf, isnan
from typing import Final, Protocol

from .wheel import TimerWheel, WheelTimer

__all__ = ("Clock", "SystemClock", "TimerHandle", "check_time", "monotonic")

monotonic = time.monotonic

# So many timers may be new to the clock's thread before it is woken to sort them in: a start timeout is nearly always
# cancelled before it looks, and when it does look, it must not be late for what is due (1 ms for all of them).
FRESH_TIMERS: Final = 512


class TimerHandle(Protocol):
    """One callback that is due at some time."""

    def cancel(self) -> bool:
        """Take it back. Gives True if the callback has not run and now never will."""


class Clock(Protocol):
    """Time and timers. Callbacks must be short: they run on the clock's thread, or on the one that advances it."""

    def now(self) -> float:
        """Monotonic seconds; only differences mean something."""

    def epoch(self) -> float:
        """Wall-clock seconds since 1970, for stamps named `*_at` alone."""

    def call_at(self, when: float, callback: Callable[[], object]) -> TimerHandle:
        """Call back once `now() >= when`, which for `inf` is never. Errors: ValueError if `when` is no number."""

    def close(self) -> None:
        """Forget all timers and end the thread, if there is one."""


def check_time(when: float) -> None:
    """Refuse what is no time at all. Errors: ValueError."""
    if isnan(when):
        raise ValueError(f"call_at: expected a time in seconds, got {when}")


class _Timer(WheelTimer):
    """A timer that any thread may cancel, whatever the clock is doing."""

    __slots__ = ("clock",)

    def __init__(self, when: float, slot: dict[WheelTimer, Callable[[], object]], clock: SystemClock) -> None:
        self.when = when
        self.slot = slot
        self.clock = clock

    def cancel(self) -> bool:
        return self.slot.pop(self, None) is not None or self.clock._cancel_moved(self)


class SystemClock:
    """Real time; one thread `regrow-clock` for all timers, started by the first of them, wakes only for what is due.

    `on_error` gets what a callback raised (on the clock's thread); without one it goes to `threading.excepthook`.

    A new timer is put into a dict of fresh ones, and the thread sorts those into the wheel when it wakes the next
    time; it is woken for a timer that is due before it would wake, but not for others. So most timers never get
    further than into that dict and out of it again. Neither takes a lock: each is one step for all threads.
    """

    def __init__(self, *, on_error: Callable[[Exception], None] | None = None) -> None:
        self._on_error = on_error
        self._fresh: dict[WheelTimer, Callable[[], object]] = {}
        self._wheel = TimerWheel(time.monotonic())
        # Held while timers change their slots. Reentrant: memory may be collected meanwhile, and finalizers cancel.
        self._moving = threading.RLock()
        self._wakes_at = inf  # -inf while the thread is awake: it will look at the fresh ones before it sleeps
        self._alarm = threading.Lock()  # released to wake the thread
        self._alarm.acquire()
        self._gate = threading.Lock()  # held to start the thread and to close
        self._thread: threading.Thread | None = None
        self._closed = False

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def epoch(self) -> float:
        """Wall-clock seconds since 1970."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], object]) -> TimerHandle:
        """Call back at `when`. Runs in: any thread, never blocks. After close() the timer never fires.

        Errors: ValueError if `when` is no number; RuntimeError if the OS gives no thread for the first timer.
        """
        if not when <= inf:  # which only NaN is not
            check_time(when)
        fresh = self._fresh
        timer = _Timer(when, fresh, self)
        fresh[timer] = callback
        if when < self._wakes_at or len(fresh) > FRESH_TIMERS:
            self._wake_for(timer)
        return timer

    def close(self) -> None:
        """Forget all timers and end the thread. Safe to call twice, and from a callback."""
        with self._gate:
            self._closed = True
            thread = self._thread
        if thread is None:
            self._forget()
            return
        self._ring()
        if thread is not threading.current_thread():
            thread.join(5.0)

    def _wake_for(self, timer: _Timer) -> None:
        if self._wakes_at == -inf:
            return
        if self._thread is None or self._closed:
            with self._gate:
                if self._closed:
                    self._fresh.pop(timer, None)
                    return
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="regrow-clock", daemon=True)
                    try:
                        thread.start()
                    except BaseException:
                        self._fresh.pop(timer, None)
                        raise
                    self._thread = thread  # not before: if there is no thread to be had now, the next timer tries again
                    return
        self._ring()

    def _ring(self) -> None:
        try:
            self._alarm.release()
        except RuntimeError:  # rings already
            pass

    def _cancel_moved(self, timer: _Timer) -> bool:
        """Take back one that was not in its slot: it is over, or it was just then on its way to another slot."""
        with self._moving:
            return timer.slot.pop(timer, None) is not None

    def _run(self) -> None:
        # Each side writes before it reads: a thread that arms puts the timer in, then looks when this one wakes; this
        # one says when it wakes, then looks for fresh ones. So one of the two sees the other.
        while True:
            self._wakes_at = -inf
            if self._closed:
                self._forget()
                return
            if self._fresh:
                self._sort_in()
            with self._moving:
                callback = self._wheel.due(time.monotonic())
                next_due = self._wheel.next_due() if callback is None else None
            if callback is not None:
                self._call(callback)
                continue
            self._wakes_at = inf if next_due is None else next_due
            if self._fresh or self._closed:
                continue
            if next_due is None:
                self._alarm.acquire()
            elif (delay := next_due - time.monotonic()) > 0:
                self._alarm.acquire(timeout=min(delay, threading.TIMEOUT_MAX))

    def _sort_in(self) -> None:
        fresh, wheel = self._fresh, self._wheel
        with self._moving:
            for timer in list(fresh):  # a copy that is made in one step, unlike a loop over the dict
                callback = fresh.pop(timer, None)
                if callback is not None:
                    wheel.place(timer, callback)

    def _call(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception as error:  # noqa: BLE001 - one bad callback must not end all timers
            if self._on_error is None:
                threading.excepthook(
                    threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
                )
            else:
                self._on_error(error)

    def _forget(self) -> None:
        self._wakes_at = inf  # from here on every timer asks the gate, which is closed
        with self._moving:
            self._fresh.clear()
            self._wheel.clear()
