"""Ask one, and another one every so often, until somebody has answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..futures import AskFuture
from .errors import NoAnswer

if TYPE_CHECKING:
    from ..clock import Clock, TimerHandle

__all__ = ("chop_tails",)


def chop_tails(
    asks: Sequence[Callable[[], AskFuture[Any]]], clock: Clock, *, interval: float, within: float
) -> AskFuture[Any]:
    """Give a future of the first answer. The first is asked now, the next one when the one before has failed, or after
    `interval` seconds; after `within` seconds nobody is asked any more.

    Runs in: any thread, then that of the clock and those that answer; never waits. Errors, of the future: NoAnswer.
    """
    return _Chopping(asks, clock, interval, clock.now() + within).begin()


class _Chopping:
    def __init__(
        self, asks: Sequence[Callable[[], AskFuture[Any]]], clock: Clock, interval: float, until: float
    ) -> None:
        self._asks = asks
        self._clock = clock
        self._interval = interval
        self._until = until
        self._lock = threading.Lock()
        self._asked = 0
        self._failed: list[BaseException] = []
        self._timer: TimerHandle | None = None
        self._first: AskFuture[Any] = AskFuture()
        self._first.deferred = True  # anybody of them may answer: to wait for it is no circle

    def begin(self) -> AskFuture[Any]:
        self._first.add_done_callback(self._stop)
        self._ask()
        return self._first

    def _ask(self) -> None:
        with self._lock:
            if self._first.done or self._asked == len(self._asks):
                return
            ask = None
            if self._clock.now() > self._until:
                self._asks = self._asks[: self._asked]
            else:
                ask = self._asks[self._asked]
                self._asked += 1
                if self._asked < len(self._asks):
                    self._timer = self._clock.call_at(self._clock.now() + self._interval, self._ask)
        if ask is None:
            self._end_if_all_failed()  # the last failure may have been noted a moment before the rest was left out
            return
        try:
            future = ask()
        except Exception as error:  # noqa: BLE001 - a full mailbox is as good as no answer
            self._note(error)
        else:
            future.add_done_callback(lambda: self._settled(future))

    def _settled(self, future: AskFuture[Any]) -> None:
        if future.error is None:
            self._first.try_set(future.get())
        else:
            self._note(future.error)

    def _note(self, error: BaseException) -> None:
        with self._lock:
            self._failed.append(error)
            timer = self._timer
        if timer is not None and timer.cancel():
            self._ask()  # at once: the one before has failed
        self._end_if_all_failed()

    def _end_if_all_failed(self) -> None:
        with self._lock:
            over = len(self._failed) == len(self._asks)
        if over:
            self._first.try_fail(NoAnswer(tuple(self._failed)))

    def _stop(self) -> None:
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
