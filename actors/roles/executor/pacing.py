"""How many runs of one function may go on, and how fast they may begin.

What lives here: the count and the rate a function, pure. What must not: what waits, and for which place (core.py).
Source of the rate: the generic cell rate algorithm of ATM, a token bucket that keeps one number.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from ..messages import FunctionTarget

__all__ = ("Pacing",)

_NEVER: Final = float("inf")


class Pacing:
    """Whether one more run of a function may begin.

    Shape: times are monotonic seconds; a rate is (runs, seconds), and that many may begin at once.

    >>> pacing, slow = Pacing(), FunctionTarget(name="slow", target="", rate=(2, 1.0))
    >>> [pacing.turn_at(slow, 5.0) or pacing.began(slow, 5.0) for _ in range(3)]
    [None, None, 5.5]
    """

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()
        self._owed_until: dict[str, float] = {}  # when a function will have paid for what has begun

    def turn_at(self, function: FunctionTarget, now: float) -> float | None:
        """Give when it may begin next: None for now, infinity for when another run of it has ended."""
        if function.concurrency is not None and self._running[function.name] >= function.concurrency:
            return _NEVER
        if function.rate is None:
            return None
        runs, seconds = function.rate
        turn = self._owed_until.get(function.name, 0.0) - (seconds - seconds / runs)
        return turn if turn > now else None

    def began(self, function: FunctionTarget, now: float) -> None:
        """A run has begun."""
        self._running[function.name] += 1
        if function.rate is not None:
            runs, seconds = function.rate
            self._owed_until[function.name] = max(now, self._owed_until.get(function.name, 0.0)) + seconds / runs

    def ended(self, function: FunctionTarget) -> None:
        """A run has ended, in whatever way."""
        self._running[function.name] -= 1
