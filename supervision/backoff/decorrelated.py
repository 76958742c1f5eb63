"""Waits that follow from the wait before, and no longer from how many there were.

Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (decorrelated jitter).
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from .fields import checked, checked_span, halfway, position, reset_time, store

__all__ = ("DecorrelatedBackoff",)

_WIDEN: Final = 3.0  # of the source
_WIDENED_MAX: Final = 1e308 / _WIDEN  # seconds; three times that is still a finite float


@dataclass(frozen=True, slots=True, init=False)
class DecorrelatedBackoff:
    """Restart 1 waits `initial` (at once), each later one min(cap, uniform(base, 3 * the wait before)).

    A wait before that is shorter than `base`, as `initial` is, counts as `base`. `initial=None`: restart 1 draws, too.
    Children that failed together drift apart faster than by spreading a common delay. The count starts again when a
    life has been ready for `reset_after` seconds, by default (base + cap) / 2.
    Errors: ValueError naming field, expected and got.
    >>> rng, wait = random.Random(1), DecorrelatedBackoff(1.0, 60.0)
    >>> round(wait.delay(2, rng, 0.0), 3), round(wait.delay(3, rng, 10.0), 3), wait.delay(4, rng, 1e9)
    (1.269, 25.576, 60.0)
    """

    base: float
    cap: float
    initial: float | None
    reset_after: float

    def __init__(
        self,
        base: float = 0.2,
        cap: float = 30.0,
        initial: float | None = 0.0,
        reset_after: float | None = None,
    ) -> None:
        least, most = checked_span("base", base, "cap", cap)
        first = None if initial is None else checked("initial", initial)
        store(self, base=least, cap=most, initial=first, reset_after=reset_time(reset_after, halfway(least, most)))

    def delay(self, restarts: int, rng: random.Random, previous: float = 0.0) -> float:
        """Seconds to wait before restart number `restarts`, after a wait of `previous`.

        Errors: ValueError if `restarts` is below 1.
        """
        if position(restarts, self.initial) < 0:
            return self.initial or 0.0
        before = min(max(previous, self.base), self.cap, _WIDENED_MAX)
        return min(self.cap, rng.uniform(self.base, before * _WIDEN))
