"""How many restarts in how many seconds a supervisor forgives before it gives up.

What lives here: what every such value can be asked, and the sliding window as a value and a pure function of a log of
times; decay.py has another one. What must not: the clock.
Source: OTP supervisor add_restart/1; Elixir DynamicSupervisor.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from operator import neg
from typing import Protocol, TypeAlias

__all__ = ("Intensity", "RestartIntensity", "RestartLog")

RestartLog: TypeAlias = tuple[float, ...]
"""What an intensity has to remember, () before the first attempt. Only the one that made it knows what it means."""


class Intensity(Protocol):
    """How many restart attempts a supervisor forgives: one budget for those at once and those after a wait.

    Time only helps: an attempt that would be too many at some time is too many before it, and after further attempts
    too. So a supervisor that looks ahead to the end of a backoff never gives up too early.
    """

    @property
    def burst(self) -> int:
        """How many attempts at once are forgiven."""

    @property
    def memory(self) -> float:
        """Seconds after which an attempt is forgotten, or hardly weighs anything any more."""

    @property
    def allowance(self) -> str:
        """What is forgiven, in words."""

    def record(self, log: RestartLog, now: float) -> tuple[RestartLog, bool]:
        """Enter one attempt at `now` (monotonic seconds); give the new log, and whether the attempt is allowed."""

    def allows(self, log: RestartLog, now: float) -> bool:
        """Say whether an attempt at `now` would be allowed, without entering it."""


@dataclass(frozen=True, slots=True)
class RestartIntensity:
    """At most `max_restarts` restart attempts within `max_seconds`, for all children of one supervisor together.

    One attempt is one entry, whether it is the first or a retry, of one child or of a whole group. The window is
    inclusive: an attempt exactly `max_seconds` ago still counts. 0 restarts means that the first one is one too many.
    Differs from OTP: times are float monotonic seconds, not truncated to whole ones; the default is Elixir's 3, not 1.
    Errors: ValueError naming field, expected and got.
    """

    max_restarts: int = 3
    max_seconds: float = 5.0

    def __post_init__(self) -> None:
        restarts: object = self.max_restarts
        if isinstance(restarts, bool) or not isinstance(restarts, int) or restarts < 0:
            raise ValueError(f"max_restarts: expected an integer >= 0, got {restarts!r}")
        seconds: object = self.max_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
            raise ValueError(f"max_seconds: expected finite seconds > 0, got {seconds!r}")

    @property
    def allowance(self) -> str:
        """What is forgiven, in words.

        >>> RestartIntensity(3, 5.0).allowance, RestartIntensity(1, 0.5).allowance
        ('3 restarts in 5 s', '1 restart in 0.5 s')
        """
        return f"{self.max_restarts} restart{'' if self.max_restarts == 1 else 's'} in {self.max_seconds:g} s"

    @property
    def burst(self) -> int:
        """How many attempts at once are forgiven."""
        return self.max_restarts

    @property
    def memory(self) -> float:
        """Seconds after which an attempt is forgotten."""
        return self.max_seconds

    def record(self, log: RestartLog, now: float) -> tuple[RestartLog, bool]:
        """Enter one attempt; give the times that are left in the window, newest first, and whether it is allowed.

        Shape: to look is O(log attempts in the window), which are never more than `max_restarts + 1`.
        >>> RestartIntensity(1, 5.0).record((10.0,), 15.0)
        ((15.0, 10.0), False)
        >>> RestartIntensity(1, 5.0).record((10.0,), 15.001)
        ((15.001,), True)
        """
        left = bisect_right(log, self.max_seconds - now, key=neg)  # they are newest first, so the old ones are the rest
        kept = (now, *log[:left])
        return kept, len(kept) <= self.max_restarts

    def allows(self, log: RestartLog, now: float) -> bool:
        """Say whether an attempt at `now` would be allowed, without entering it."""
        return self.record(log, now)[1]
