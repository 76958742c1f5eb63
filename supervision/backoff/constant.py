"""The same wait every time."""

from __future__ import annotations

import random
from dataclasses import dataclass

from .fields import checked, position, reset_time, store

__all__ = ("ConstantBackoff",)


@dataclass(frozen=True, slots=True, init=False)
class ConstantBackoff:
    """Restart 1 waits `initial` (at once), every later one `seconds`. `initial=None`: the first waits `seconds`, too.

    There is nothing to spread. The count starts again when a life has been ready for `reset_after` seconds, by default
    `seconds`: (base + cap) / 2 of a backoff whose base is its cap.
    Errors: ValueError naming field, expected and got.
    >>> [ConstantBackoff(3.0).delay(n, random.Random(0)) for n in (1, 2, 10**9)]
    [0.0, 3.0, 3.0]
    """

    seconds: float
    initial: float | None
    reset_after: float

    def __init__(self, seconds: float, initial: float | None = 0.0, reset_after: float | None = None) -> None:
        wait = checked("seconds", seconds)
        first = None if initial is None else checked("initial", initial)
        store(self, seconds=wait, initial=first, reset_after=reset_time(reset_after, wait))

    def delay(self, restarts: int, rng: random.Random, previous: float = 0.0) -> float:  # noqa: ARG002 - of the family
        """Seconds to wait before restart number `restarts`. Errors: ValueError if that is below 1."""
        if position(restarts, self.initial) < 0:
            return self.initial or 0.0
        return self.seconds
