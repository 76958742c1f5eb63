"""A clock that stands still until a test moves it."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from itertools import count

__all__ = ("ManualClock",)


class _Timer:
    __slots__ = ("callback", "lock", "order", "when")

    def __init__(self, lock: threading.Lock, when: float, order: int, callback: Callable[[], None]) -> None:
        self.lock = lock
        self.when = when
        self.order = order
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: _Timer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> bool:
        with self.lock:
            live, self.callback = self.callback is not None, None
            return live


class ManualClock:
    """Time moves by `advance` alone; due callbacks fire in order, on the thread that advances.

    Source: akka's ManualTime.timePasses; trio's MockClock.
    """

    def __init__(self, start: float = 0.0, *, epoch: float = 1_700_000_000.0) -> None:
        self._lock = threading.Lock()
        self._now = start
        self._epoch_offset = epoch - start
        self._heap: list[_Timer] = []
        self._order = count()
        self._closed = False

    def now(self) -> float:
        """Seconds as far as the test has moved them."""
        return self._now

    def epoch(self) -> float:
        """A wall clock that moves with `now`."""
        return self._now + self._epoch_offset

    def call_at(self, when: float, callback: Callable[[], None]) -> _Timer:
        """Call back once time has been moved to `when`; one that is due already fires at the next `advance`."""
        timer = _Timer(self._lock, when, next(self._order), callback)
        with self._lock:
            if self._closed:
                timer.callback = None
            else:
                heapq.heappush(self._heap, timer)
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
            return min((timer.when for timer in self._heap if timer.callback is not None), default=None)

    @property
    def pending(self) -> int:
        """How many timers wait."""
        with self._lock:
            return sum(timer.callback is not None for timer in self._heap)

    def close(self) -> None:
        """Forget all timers."""
        with self._lock:
            self._closed = True
            self._heap.clear()

    def _next_due(self, target: float) -> Callable[[], None] | None:
        with self._lock:
            while self._heap and self._heap[0].when <= target:
                timer = heapq.heappop(self._heap)
                if timer.callback is None:
                    continue
                self._now = max(self._now, timer.when)
                callback, timer.callback = timer.callback, None
                return callback
            return None
