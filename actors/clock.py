"""The clock: the only place of the runtime that reads time, and the seam where tests put their own.

What lives here: `Clock`, its timers, the real one. What must not: who is told what when a timer fires.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable
from itertools import count
from typing import Protocol

__all__ = ("Clock", "SystemClock", "TimerHandle", "monotonic")

monotonic = time.monotonic


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

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Call back once `now() >= when`."""

    def close(self) -> None:
        """Forget all timers and end the thread, if there is one."""


class _Timer:
    __slots__ = ("callback", "clock", "order", "when")

    def __init__(self, clock: SystemClock, when: float, order: int, callback: Callable[[], None]) -> None:
        self.clock = clock
        self.when = when
        self.order = order
        self.callback: Callable[[], None] | None = callback

    def __lt__(self, other: _Timer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> bool:
        return self.clock._cancel(self)


class SystemClock:
    """Real time; one thread `regrow-clock` for all timers, started by the first of them.

    `on_error` gets what a callback raised (on the clock's thread); without one it goes to `threading.excepthook`.
    """

    def __init__(self, *, on_error: Callable[[Exception], None] | None = None) -> None:
        self._on_error = on_error
        self._condition = threading.Condition(threading.Lock())
        self._heap: list[_Timer] = []
        self._cancelled = 0
        self._order = count()
        self._thread: threading.Thread | None = None
        self._closed = False

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def epoch(self) -> float:
        """Wall-clock seconds since 1970."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> TimerHandle:
        """Call back at `when`. Runs in: any thread, never blocks. After close() the timer never fires.

        Errors: RuntimeError if the OS gives no thread for the first timer.
        """
        timer = _Timer(self, when, next(self._order), callback)
        with self._condition:
            if self._closed:
                timer.callback = None
                return timer
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="regrow-clock", daemon=True)
                thread.start()
                self._thread = thread  # not before: if there is no thread to be had now, the next timer tries again
            heapq.heappush(self._heap, timer)
            if self._heap[0] is timer:
                self._condition.notify()
        return timer

    def close(self) -> None:
        """Forget all timers and end the thread. Safe to call twice, and from a callback."""
        with self._condition:
            self._closed = True
            self._heap.clear()
            self._condition.notify()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(5.0)

    def _cancel(self, timer: _Timer) -> bool:
        with self._condition:
            if timer.callback is None:
                return False
            timer.callback = None
            self._cancelled += 1
            # Start timeouts are cancelled nearly always: without this the heap would keep every one until it is due.
            if self._cancelled > 64 and self._cancelled * 2 > len(self._heap):
                self._heap = [kept for kept in self._heap if kept.callback is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0
            return True

    def _run(self) -> None:
        while True:
            callback = self._next_due()
            if callback is None:
                return
            try:
                callback()
            except Exception as error:  # noqa: BLE001 - one bad callback must not end all timers
                if self._on_error is None:
                    threading.excepthook(
                        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
                    )
                else:
                    self._on_error(error)

    def _next_due(self) -> Callable[[], None] | None:
        with self._condition:
            while not self._closed:
                if not self._heap:
                    self._condition.wait()
                    continue
                timer = self._heap[0]
                if timer.callback is None:
                    heapq.heappop(self._heap)
                    self._cancelled = max(0, self._cancelled - 1)
                    continue
                delay = timer.when - time.monotonic()
                if delay > 0:
                    self._condition.wait(min(delay, threading.TIMEOUT_MAX))
                    continue
                heapq.heappop(self._heap)
                callback, timer.callback = timer.callback, None
                return callback
            return None
