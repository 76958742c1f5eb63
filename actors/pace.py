"""How quick the handlers of a class are: who waits for an answer may run the one who gives it if that will be soon."""

from __future__ import annotations

from typing import Final

__all__ = ("QUICK_SECONDS", "Pace")

QUICK_SECONDS: Final = 0.002
"""A message that takes no longer is quick; a change of threads on a busy machine costs as much."""

TRUSTED_AT: Final = 8
"""So many quick turns before a class is trusted."""

FULL: Final = 128
"""So many are remembered at most."""

SLOW_COSTS: Final = 72
"""What a slow turn costs: the first after many quick ones nothing, as a busy machine does that; a second one, trust."""


class Pace:
    """What is known of one class in one dispatcher. Races between threads only blur the count."""

    __slots__ = ("_quick", "full", "trusted")

    def __init__(self) -> None:
        self._quick = 0
        self.trusted = False  # its last turns were quick, nearly all
        self.full = False  # there is nothing new in one more quick turn

    def note(self, seconds: float, messages: int) -> None:
        """Take note of a turn."""
        if seconds <= QUICK_SECONDS or seconds <= QUICK_SECONDS * messages:
            self._quick = min(self._quick + 1, FULL)
        else:
            self._quick = max(self._quick - SLOW_COSTS, -SLOW_COSTS)
        self.trusted = self._quick >= TRUSTED_AT
        self.full = self._quick >= FULL
