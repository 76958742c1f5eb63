"""When a hosted process has used up what it may: then it is killed at once, or replaced in good time.

What lives here: the verdict, from looks at one life; pure. What must not: /proc, clocks, processes (`vitals.py`,
`succession.py`).
"""

from __future__ import annotations

import random
from typing import Final

from ..child_spec import Limits
from .errors import LimitExceeded
from .vitals import Resident

__all__ = ("AGE", "GROWTH", "MEMORY", "MESSAGES", "Wear", "look_seconds", "wears_out")

AGE: Final = "max_age"
GROWTH: Final = "max_growth_bytes"
MEMORY: Final = "resident_soft_bytes"
MESSAGES: Final = "max_messages"
"""Why a process is worn out: the limit that says so."""

LOOK_SECONDS: Final = 5.0  # between looks at a process, for the report of its death
CLOSE_LOOK_SECONDS: Final = 1.0  # where a limit depends on them


def wears_out(limits: Limits) -> bool:
    """Say whether a process with these limits is ever replaced."""
    given = (limits.max_age, limits.max_growth_bytes, limits.resident_soft_bytes, limits.max_messages)
    return any(limit is not None for limit in given)


def look_seconds(limits: Limits) -> float:
    """Say how often to look at a process with these limits."""
    given = (limits.resident_bytes, limits.resident_soft_bytes, limits.max_growth_bytes)
    return LOOK_SECONDS if given == (None, None, None) else CLOSE_LOOK_SECONDS


class Wear:
    """One life. Times are monotonic seconds; memory is what a process has of its own.

    >>> wear = Wear(Limits(max_growth_bytes=1000), random.Random(1))
    >>> wear.ready(Resident(9000, 5000), now=0.0)
    >>> wear.worn(Resident(9000, 6000), now=1.0), wear.worn(Resident(9000, 6001), now=2.0)
    (None, 'max_growth_bytes')
    """

    def __init__(self, limits: Limits, rng: random.Random) -> None:
        self._limits: Final = limits
        age = limits.max_age
        self._age: Final = None if age is None else age + rng.uniform(0.0, limits.max_age_variance)
        self._ready_at: float | None = None
        self._at_ready: int | None = None  # bytes
        self._messages = 0

    @property
    def due(self) -> float | None:
        """When it will be too old; None as long as it is not ready, or if it may get as old as it likes."""
        return None if self._age is None or self._ready_at is None else self._ready_at + self._age

    def ready(self, resident: Resident | None, now: float) -> None:
        """Note that it is ready, with so much in memory."""
        self._ready_at = now
        self._at_ready = None if resident is None else resident.own

    def sent(self) -> bool:
        """Count a message that was sent to its root; say whether it has had its share."""
        self._messages += 1
        return self._messages == self._limits.max_messages

    def exceeded(self, resident: Resident) -> LimitExceeded | None:
        """Say why it is to be killed."""
        most = self._limits.resident_bytes
        return None if most is None or resident.own <= most else LimitExceeded("resident_bytes", most, resident.own)

    def worn(self, resident: Resident | None, now: float) -> str | None:
        """Say why it is to be replaced: the name of the limit."""
        limits = self._limits
        if limits.max_messages is not None and self._messages >= limits.max_messages:
            return MESSAGES
        if self.due is not None and now >= self.due:
            return AGE
        if resident is None or self._ready_at is None:
            return None
        if limits.resident_soft_bytes is not None and resident.own > limits.resident_soft_bytes:
            return MEMORY
        growth = limits.max_growth_bytes
        if growth is not None and self._at_ready is not None and resident.own - self._at_ready > growth:
            return GROWTH
        return None
