"""The beats of a system's own process, for its zygote to watch: from the I/O thread, which all that it hosts needs.

What lives here: beating. What must not: whether it beats often enough (`watchdog.py`).
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Final

from .black_box import BlackBoxWriter, create_page
from .watchdog import watch_seconds

if TYPE_CHECKING:
    from ..clock import Clock, TimerHandle
    from .loop import IoLoop

__all__ = ("HostPulse",)


class HostPulse:
    """Beats until it is closed. `page_fd`: where, for whoever watches."""

    def __init__(self, limit: float, clock: Clock, loop: IoLoop) -> None:
        self.limit: Final = limit
        self.page_fd: Final = create_page()
        self._page = BlackBoxWriter(self.page_fd)
        self._clock = clock
        self._loop = loop
        self._interval = watch_seconds(limit)
        self._timer: TimerHandle | None = None
        self._closed = False
        loop.call(self._beat)

    def close(self) -> None:
        """Beat no longer. Runs in: the loop's thread, or when there is none any more."""
        if not self._closed:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            self._page.close()
            os.close(self.page_fd)

    def _beat(self) -> None:
        if not self._closed:
            self._page.beat(time.monotonic_ns())
            self._timer = self._clock.call_at(self._clock.now() + self._interval, lambda: self._loop.call(self._beat))
