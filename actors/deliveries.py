"""Telling others of changes: in the order of the changes, and with no lock held."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .current import enter_life

__all__ = ("Deliveries",)


class Deliveries:
    """What is to be sent waits here until the lock under which it was decided is free.

    One thread at a time sends, so that the order stays; what another one adds meanwhile is sent by the first, so that
    nobody ever waits for somebody else's callback. What waits is bounded by what happens during one callback.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._sending = threading.Lock()

    def add(self, send: Callable[[], None]) -> None:
        """Have it called in its turn. `send` must not raise. Call it where the order is decided."""
        self._waiting.append(send)

    def deliver(self) -> None:
        """Send what waits, unless another thread, or a caller of this one, is about it: then it does that.

        Runs in: any thread, as nobody: who is told may find no actor running here.
        """
        while self._waiting and self._sending.acquire(blocking=False):
            before = enter_life(None)
            try:
                while self._waiting:
                    self._waiting.popleft()()
            finally:
                enter_life(before)
                self._sending.release()
