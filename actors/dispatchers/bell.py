"""The gate of a thread that may wait for its next message elsewhere: whoever opens it also rings there."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Protocol

__all__ = ("Bell", "Waiter")


class Waiter(Protocol):
    """Somebody who waits for what comes."""

    @property
    def done(self) -> bool:
        """Whether it waits no longer."""

    @property
    def bell(self) -> int | None:
        """A descriptor that becomes readable when it has to look, None if nobody would ring it."""


class Bell:
    """Stands in for the lock that a life's thread waits at."""

    def __init__(self, gate: threading.Lock) -> None:
        self._gate = gate
        self._lingers = False
        self._lock = threading.Lock()  # guards the two below: nobody may write to what somebody else has by now
        self._rung = False
        self.bell: int | None = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) if sys.platform == "linux" else None

    def release(self) -> None:
        """Open the gate. Runs in: any thread; never blocks."""
        self._gate.release()
        if self._lingers:
            self._ring()

    @property
    def done(self) -> bool:
        """Whether somebody has opened it."""
        return not self._gate.locked()

    def linger(self, where: Callable[[Waiter], object]) -> None:
        """Wait somewhere for about a millisecond, or until the gate opens. Runs in: the life's thread."""
        self._lingers = True  # first: who opens the gate from now on rings as well
        if not self.done:
            where(self)
        self._lingers = False
        if self._rung and sys.platform == "linux":
            with self._lock:
                self._rung = False
                if self.bell is not None:
                    os.eventfd_read(self.bell)

    def close(self) -> None:
        """Give the descriptor back. Runs in: the life's thread, at its end."""
        with self._lock:
            bell, self.bell = self.bell, None
        if bell is not None:
            os.close(bell)

    def _ring(self) -> None:
        with self._lock:
            if sys.platform == "linux" and self.bell is not None and not self._rung:
                self._rung = True
                os.eventfd_write(self.bell, 1)
