"""How late an event loop runs its timers: the one figure that says whether something blocks it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

__all__ = ("LoopLag",)

_INTERVAL: Final = 0.25  # seconds; four wake-ups a second cost nothing that can be measured
_KEPT: Final = 240  # samples: one minute


class LoopLag:
    """Measures while it is started. Runs in: the loop's thread."""

    def __init__(self) -> None:
        self.worst = 0.0  # seconds, since the start
        self._recent: deque[float] = deque(maxlen=_KEPT)
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to measure on the running loop."""
        loop = asyncio.get_running_loop()
        self._arm(loop, loop.time() + _INTERVAL)

    def stop(self) -> None:
        """End; what was measured stays."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def recent(self) -> float:
        """Give the worst lateness of the last minute, in seconds."""
        return max(self._recent, default=0.0)

    def _arm(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._handle = loop.call_at(due, self._tick, loop, due)

    def _tick(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        now = loop.time()
        late = max(0.0, now - due)
        self.worst = max(self.worst, late)
        self._recent.append(late)
        self._arm(loop, max(due + _INTERVAL, now))
