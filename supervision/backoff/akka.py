"""The backoff of Akka's BackoffSupervisor, for those who bring their numbers along.

Source: akka.pattern.BackoffSupervisor.calculateDelay; akka.actor.typed.SupervisorStrategy.restartWithBackoff.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from typing import Final

from .fields import checked, checked_span, halfway, position, reset_time, store
from .growth import grown

__all__ = ("AkkaBackoff",)

_FLOAT_MAX: Final = sys.float_info.max  # where Akka, too, stays finite: at what fits


@dataclass(frozen=True, slots=True, init=False)
class AkkaBackoff:
    """Restart n waits min(max_backoff, min_backoff * 2 ** (n - 1)) * (1 + a random share of random_factor).

    As in Akka the spread comes after the cap, so that a wait may be longer than `max_backoff`, by `random_factor` at
    most; and restart 1 waits, too. A wait of `initial` may come before the others: 0 restarts at once. The count
    starts again when a life has been ready for `reset_after` seconds, by default (min_backoff + max_backoff) / 2 as in
    Akka typed; Akka classic's default, min_backoff, comes too early for the waits to grow.
    Errors: ValueError naming field, expected and got.
    >>> [AkkaBackoff(3.0, 30.0, 0.0).delay(n, random.Random(0)) for n in (1, 2, 3, 4, 5, 10**9)]
    [3.0, 6.0, 12.0, 24.0, 30.0, 30.0]
    """

    min_backoff: float
    max_backoff: float
    random_factor: float
    initial: float | None
    reset_after: float

    def __init__(
        self,
        min_backoff: float = 0.2,
        max_backoff: float = 30.0,
        random_factor: float = 0.2,
        initial: float | None = None,
        reset_after: float | None = None,
    ) -> None:
        least, most = checked_span("min_backoff", min_backoff, "max_backoff", max_backoff)
        store(
            self,
            min_backoff=least,
            max_backoff=most,
            random_factor=checked("random_factor", random_factor, most=1.0, unit="number"),
            initial=None if initial is None else checked("initial", initial),
            reset_after=reset_time(reset_after, halfway(least, most)),
        )

    def delay(self, restarts: int, rng: random.Random, previous: float = 0.0) -> float:  # noqa: ARG002 - of the family
        """Seconds to wait before restart number `restarts`.

        `rng` is used only where there is something to spread. Errors: ValueError if `restarts` is below 1.
        """
        index = position(restarts, self.initial)
        if index < 0:
            return self.initial or 0.0
        whole = grown(self.min_backoff, 2.0, index, self.max_backoff)
        if whole <= 0 or self.random_factor <= 0:
            return whole
        return min(whole * (1.0 + rng.random() * self.random_factor), _FLOAT_MAX)
