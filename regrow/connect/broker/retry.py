"""Whether a failed attempt is worth another one, and after how long.

Source: tenacity's wait strategies, used as pure values: `wait_exponential` says how long, the jitter comes from the rng
that is passed in, so that a run can be replayed from its seed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import tenacity

from regrow.protocol.session.messages import Failure, FailureKind

if TYPE_CHECKING:
    import random

__all__ = ("RetryPolicy",)

_RETRYABLE: Final[frozenset[FailureKind]] = frozenset({"executor_died", "lease_lost"})
_FINAL: Final[frozenset[FailureKind]] = frozenset({"cancelled", "deadline", "expired", "quarantined", "rejected"})
_ATTEMPT_CAP: Final = 64  # attempts; 2**64 is over every cap, and a float stays finite


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Capped exponential delays with full or no jitter; `errors=True` also retries what the user's function raised."""

    base: float = 0.2
    factor: float = 2.0
    cap: float = 30.0
    jitter: bool = True
    errors: bool = False
    _wait: tenacity.wait.wait_base = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        wait = tenacity.wait_exponential(multiplier=self.base, exp_base=self.factor, max=self.cap)
        object.__setattr__(self, "_wait", wait)

    def worth_it(self, failure: Failure) -> bool:
        """Say whether a failure of this kind may go away by itself."""
        if failure.kind in _FINAL:
            return False
        return failure.retryable or failure.kind in _RETRYABLE or (self.errors and failure.kind == "error")

    def delay(self, attempts: int, rng: random.Random) -> float:
        """Give the seconds to wait after attempt number `attempts` (1 is the first) failed.

        >>> import random
        >>> [RetryPolicy(base=0.2, cap=1.0, jitter=False).delay(n, random.Random(1)) for n in (1, 2, 3, 4)]
        [0.2, 0.4, 0.8, 1.0]
        """
        state = tenacity.RetryCallState(_RETRYING, None, (), {})
        state.attempt_number = min(attempts, _ATTEMPT_CAP)
        longest = float(self._wait(state))
        return rng.uniform(0.0, longest) if self.jitter else longest


_RETRYING: Final = tenacity.Retrying()
