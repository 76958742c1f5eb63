"""The times that one hosted process, or somebody who watches it, waits for: each has a name, and one may replace it.

Runs in: the I/O thread, where they also go off, except `later`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..clock import Clock, TimerHandle
    from .loop import IoLoop

__all__ = ("Alarms",)


class Alarms:
    """None goes off after `close`."""

    def __init__(self, clock: Clock, loop: IoLoop) -> None:
        self._clock = clock
        self._loop = loop
        self._timers: dict[str, TimerHandle] = {}
        self._closed = False

    def set(self, name: str, when: float, action: Callable[[], None]) -> None:
        """Call back at `when` (monotonic seconds), and not when this one was set to before."""
        self.drop(name)
        if not self._closed:
            self._timers[name] = self._clock.call_at(when, lambda: self._loop.call(lambda: self._go_off(action)))

    def later(self, name: str, seconds: float, action: Callable[[], None]) -> None:
        """Call back in so many seconds. Runs in: any thread."""
        self._loop.call(lambda: self.set(name, self._clock.now() + seconds, action))

    def drop(self, name: str) -> None:
        """Do not call back."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Do not call back any more, whatever is set."""
        self._closed = True
        for name in tuple(self._timers):
            self.drop(name)

    def _go_off(self, action: Callable[[], None]) -> None:
        if not self._closed:
            action()
