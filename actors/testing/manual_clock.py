"""A clock that stands still until a test moves it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..clock import check_time
from ..wheel import TimerWheel, WheelTimer

__all__ = ("ManualClock",)


class _Timer(WheelTimer):
    __slots__ = ("lock",)

    def __init__(self, when: float, lock: threading.RLock) -> None:
        super().__init__(when, {})
        self.lock = lock

    def cancel(self) -> bool:
        with self.lock:
            return super().cancel()


class ManualClock:
    """Time moves by `advance` alone; due callbacks fire in order, on the thread that advances.

    Source: akka's ManualTime.timePasses; trio's MockClock.
    """

    def __init__(self, start: float = 0.0, *, epoch: float = 1_700_000_000.0) -> None:
        self._lock = threading.RLock()  # reentrant: memory may be collected while it is held, and finalizers cancel
        self._now = start
        self._epoch_offset = epoch - start
        self._wheel = TimerWheel(start)
        self._closed = False

    def now(self) -> float:
        """Seconds as far as the test has moved them."""
        return self._now

    def epoch(self) -> float:
        """A wall clock that moves with `now`."""
        return self._now + self._epoch_offset

    def call_at(self, when: float, callback: Callable[[], object]) -> _Timer:
        """Call back once time has been moved to `when`; one that is due already fires at the next `advance`.

        Errors: ValueError if `when` is no number.
        """
        check_time(when)
        timer = _Timer(when, self._lock)
        with self._lock:
            if not self._closed:
                self._wheel.place(timer, callback)
        return timer

    def advance(self, seconds: float) -> int:
        """Move time and fire what is due, each at its own time. Gives how many fired.

        Timers that a callback sets are fired too if they fall due within the same advance.
        """
        fired = 0
        target = self._now + seconds
        while (callback := self._next_due(target)) is not None:
            callback()
            fired += 1
        with self._lock:
            self._now = max(self._now, target)
        return fired

    def advance_to_next(self) -> int:
        """Move to the earliest timer and fire what is due then. Gives how many fired, 0 if there is none."""
        due = self.next_due()
        return 0 if due is None else self.advance(max(0.0, due - self._now))

    def next_due(self) -> float | None:
        """When the earliest timer is due, None if there is none."""
        with self._lock:
            return self._wheel.next_due()

    @property
    def pending(self) -> int:
        """How many timers wait."""
        with self._lock:
            return len(self._wheel)

    def close(self) -> None:
        """Forget all timers."""
        with self._lock:
            self._closed = True
            self._wheel.clear()

    def _next_due(self, target: float) -> Callable[[], object] | None:
        with self._lock:
            due = self._wheel.next_due()
            if due is None or due > target:
                return None
            self._now = max(self._now, due)
            return self._wheel.due(due)
