"""Failures that are forgotten little by little, as another way to say what a supervisor forgives.

What lives here: the decaying count as a value and a pure function of its log. What must not: the clock.
Source: suture v4, supervisor.go (FailureThreshold, FailureDecay).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from .backoff.fields import checked, store
from .intensity import RestartLog

__all__ = ("FailureDecay",)

_FORGOTTEN: Final = 5.0  # half-lives, after which a failure weighs 3 % of a new one
_SHORTEST: Final = math.ulp(0.0)


@dataclass(frozen=True, slots=True)
class FailureDecay:
    """Give up when the count of restart attempts is over `threshold`, where each weighs half as much every `decay` s.

    Each attempt, of one child or of a group, makes the count `count * 0.5 ** (seconds since the last one / decay) + 1`.
    So a burst of `threshold` attempts is forgiven, and so is one attempt every now and then for ever; no window ends
    all at once. A threshold below 1 means that the first attempt is one too many.
    Differs from suture: over the threshold the supervisor gives up, as over a restart intensity; it does not pause.
    Errors: ValueError naming field, expected and got.
    """

    threshold: float = 5.0
    decay: float = 30.0

    def __post_init__(self) -> None:
        store(
            self,
            threshold=checked("threshold", self.threshold, unit="number"),
            decay=checked("decay", self.decay, least=_SHORTEST, bounds="> 0"),
        )

    @property
    def allowance(self) -> str:
        """What is forgiven, in words.

        >>> FailureDecay(2.5, 30.0).allowance
        'a count of 2.5 restarts that halves every 30 s'
        """
        return f"a count of {self.threshold:g} restarts that halves every {self.decay:g} s"

    @property
    def burst(self) -> int:
        """How many attempts at once are forgiven."""
        return math.floor(self.threshold)

    @property
    def memory(self) -> float:
        """Seconds after which an attempt hardly weighs anything any more."""
        return self.decay * _FORGOTTEN

    def record(self, log: RestartLog, now: float) -> tuple[RestartLog, bool]:
        """Enter one attempt; give the log, which is (count, time of the last attempt), and whether it is allowed.

        >>> FailureDecay(2.0, 30.0).record((2.0, 100.0), 130.0)
        ((2.0, 130.0), True)
        >>> FailureDecay(2.0, 30.0).record((2.0, 100.0), 129.0)[1]
        False
        """
        before, then = log or (0.0, now)
        count = before * 0.5 ** (max(0.0, now - then) / self.decay) + 1.0
        return (count, now), count <= self.threshold

    def allows(self, log: RestartLog, now: float) -> bool:
        """Say whether an attempt at `now` would be allowed, without entering it."""
        return self.record(log, now)[1]
