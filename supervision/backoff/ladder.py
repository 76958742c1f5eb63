"""Waits that are written down one by one.

Source: otpylib's supervisor, whose rungs are 0.1, 0.5, 1, 2 and 5 seconds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .fields import checked, halfway, position, reset_time, store

__all__ = ("LadderBackoff",)


@dataclass(frozen=True, slots=True, init=False)
class LadderBackoff:
    """Restart 1 waits the first of `steps`, restart 2 the second, and so on; the last one repeats.

    A wait of `initial` may come before the steps; without it, write 0 as the first step to restart at once. The count
    starts again when a life has been ready for `reset_after` seconds, by default halfway between the shortest and the
    longest step. Any sequence of steps is taken and kept as a tuple.
    Errors: ValueError naming field, expected and got.
    >>> [LadderBackoff([0, 1, 5]).delay(n, random.Random(0)) for n in (1, 2, 3, 4, 10**9)]
    [0.0, 1.0, 5.0, 5.0, 5.0]
    """

    steps: tuple[float, ...]
    initial: float | None
    reset_after: float

    def __init__(self, steps: Sequence[float], initial: float | None = None, reset_after: float | None = None) -> None:
        given: object = steps
        if isinstance(given, str | bytes) or not isinstance(given, Sequence) or not given:
            raise ValueError(f"steps: expected a non-empty sequence of seconds, got {given!r}")
        rungs = tuple(checked(f"steps[{index}]", step) for index, step in enumerate(steps))
        first = None if initial is None else checked("initial", initial)
        store(self, steps=rungs, initial=first, reset_after=reset_time(reset_after, halfway(min(rungs), max(rungs))))

    def delay(self, restarts: int, rng: random.Random, previous: float = 0.0) -> float:  # noqa: ARG002 - of the family
        """Seconds to wait before restart number `restarts`. Errors: ValueError if that is below 1."""
        index = position(restarts, self.initial)
        if index < 0:
            return self.initial or 0.0
        return self.steps[min(index, len(self.steps) - 1)]
