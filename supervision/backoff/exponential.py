"""The backoff that is meant where nothing else is said: at once, then growing.

What lives here: `Backoff`, a value that implements `actors.child_spec.Delays`. What must not: clock, sleep, `random`'s
module functions.
Source: tenacity's wait strategies, used as pure values; Akka's BackoffSupervisor for the reset default.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from .fields import checked, checked_span, halfway, position, reset_time, store
from .growth import grown

__all__ = ("NO_BACKOFF", "Backoff", "Jitter")

Jitter: TypeAlias = Literal["full", "none", "equal"]


@dataclass(frozen=True, slots=True, init=False)
class Backoff:
    """Restart 1 waits `initial` (at once), restart 2 `base`, each later one `factor` times as long, up to `cap`.

    `initial=None`: restart 1 waits `base`, restart 2 `factor` times as long, and so on.
    `jitter` spreads what is to be waited from restart 2 on: "full" anywhere between 0 and the delay, "equal" between
    half of it and all of it, "none" not at all; never above `cap`. The count starts again when a life has been ready
    for `reset_after` seconds; by default (base + cap) / 2 as in Akka, because a reset that comes before the typical
    time to crash keeps the delay from growing.
    Differs from OTP: OTP restarts at once, every time; `NO_BACKOFF` does that here.
    Errors: ValueError naming field, expected and got.
    >>> [Backoff(jitter="none").delay(n, random.Random(0)) for n in (1, 2, 3, 4, 10**9)]
    [0.0, 0.2, 0.4, 0.8, 30.0]
    """

    initial: float | None
    base: float
    factor: float
    cap: float
    jitter: Jitter
    reset_after: float

    def __init__(
        self,
        initial: float | None = 0.0,
        base: float = 0.2,
        factor: float = 2.0,
        cap: float = 30.0,
        jitter: Jitter = "full",
        reset_after: float | None = None,
    ) -> None:
        if jitter not in get_args(Jitter):
            raise ValueError(f'jitter: expected "full", "none" or "equal", got {jitter!r}')
        first = None if initial is None else checked("initial", initial)
        store(self, initial=first, factor=checked("factor", factor, least=1.0, unit="number"))
        least, most = checked_span("base", base, "cap", cap)
        store(self, base=least, cap=most, jitter=jitter, reset_after=reset_time(reset_after, halfway(least, most)))

    def delay(self, restarts: int, rng: random.Random, previous: float = 0.0) -> float:  # noqa: ARG002 - of the family
        """Seconds to wait before restart number `restarts` (1 is the first) since the last reset.

        `rng` is used only where there is something to spread. Errors: ValueError if `restarts` is below 1.
        """
        index = position(restarts, self.initial)
        if index < 0:
            return self.initial or 0.0
        whole = grown(self.base, self.factor, index, self.cap)
        if self.jitter == "none" or whole <= 0:
            return whole
        least = 0.0 if self.jitter == "full" else whole / 2
        return rng.uniform(least, whole)


NO_BACKOFF: Final = Backoff(base=0.0, cap=0.0, jitter="none")
"""Restart at once, every time, as OTP does; the restart intensity alone ends a crash loop."""
