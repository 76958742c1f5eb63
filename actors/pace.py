"""How quick the handlers of a class are: who waits for an answer may run the one who gives it if that will be soon."""

from __future__ import annotations

from typing import Final

__all__ = ("Pace",)

QUICK_SECONDS: Final = 0.002
"""A message that takes no longer is quick; a change of threads on a busy machine costs as much."""

QUICK_IN_A_ROW: Final = 8
"""So many turns before a class is trusted."""

SLOW_COSTS: Final = 64
"""After a turn that was not: so many more."""


class Pace:
    """What is known of one class in one dispatcher. Races between threads only blur the count."""

    __slots__ = ("_quick",)

    def __init__(self) -> None:
        self._quick = 0

    def note(self, seconds: float, messages: int) -> None:
        """Take note of a turn."""
        if seconds <= QUICK_SECONDS or seconds <= QUICK_SECONDS * messages:
            self._quick += 1
        else:
            self._quick = min(self._quick, 0) - SLOW_COSTS

    @property
    def trusted(self) -> bool:
        """True if its last turns were all quick."""
        return self._quick >= QUICK_IN_A_ROW
