"""How long to wait before a restart.

What lives here: `Backoff`, a value that implements `actors.child_spec.Delays`. What must not: clock, sleep, `random`'s
module functions.
Source: tenacity's wait strategies, used as pure values; Akka's BackoffSupervisor for the reset default.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, cast, get_args

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ("NO_BACKOFF", "Backoff", "Jitter")

Jitter: TypeAlias = Literal["full", "none", "equal"]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The one field of tenacity's RetryCallState that an exponential wait reads; the real one reads the clock."""

    attempt_number: int


@lru_cache(maxsize=128)
def _exponential(base: float, factor: float, cap: float) -> Callable[[RetryCallState], float]:
    from tenacity.wait import wait_exponential  # here, because `import regrow` has to stay cheap

    return wait_exponential(multiplier=base, exp_base=factor, max=cap)


def _checked(name: str, value: object, *, least: float = 0.0, unit: str = "seconds") -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < least:
        raise ValueError(f"{name}: expected finite {unit} >= {least:g}, got {value!r}")
    return float(value)


@dataclass(frozen=True, slots=True, init=False)
class Backoff:
    """Restart 1 waits `initial` (at once), restart 2 `base`, each later one `factor` times as long, up to `cap`.

    `jitter` spreads what is to be waited from restart 2 on: "full" anywhere between 0 and the delay, "equal" between
    half of it and all of it, "none" not at all; never above `cap`. The count starts again when a life has been ready
    for `reset_after` seconds; by default (base + cap) / 2 as in Akka, because a reset that comes before the typical
    time to crash keeps the delay from growing.
    Differs from OTP: OTP restarts at once, every time; `NO_BACKOFF` does that here.
    Errors: ValueError naming field, expected and got.
    >>> [Backoff(jitter="none").delay(n, random.Random(0)) for n in (1, 2, 3, 4, 10**9)]
    [0.0, 0.2, 0.4, 0.8, 30.0]
    """

    initial: float
    base: float
    factor: float
    cap: float
    jitter: Jitter
    reset_after: float

    def __init__(
        self,
        initial: float = 0.0,
        base: float = 0.2,
        factor: float = 2.0,
        cap: float = 30.0,
        jitter: Jitter = "full",
        reset_after: float | None = None,
    ) -> None:
        if jitter not in get_args(Jitter):
            raise ValueError(f'jitter: expected "full", "none" or "equal", got {jitter!r}')
        checked: dict[str, float] = {
            "initial": _checked("initial", initial),
            "base": _checked("base", base),
            "factor": _checked("factor", factor, least=1.0, unit="number"),  # a float: an int ** 10**9 fills the memory
            "cap": _checked("cap", cap),
        }
        if checked["cap"] < checked["base"]:
            raise ValueError(f"cap: expected at least base ({checked['base']:g}), got {cap!r}")
        default_reset = (checked["base"] + checked["cap"]) / 2
        checked["reset_after"] = default_reset if reset_after is None else _checked("reset_after", reset_after)
        for name, value in checked.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "jitter", jitter)

    def delay(self, restarts: int, rng: random.Random) -> float:
        """Seconds to wait before restart number `restarts` (1 is the first) since the last reset.

        `rng` is used only where there is something to spread. Errors: ValueError if `restarts` is below 1.
        """
        if restarts < 1:
            raise ValueError(f"restarts: expected an integer >= 1, got {restarts!r}")
        if restarts == 1:
            return self.initial
        attempt = cast("RetryCallState", _Attempt(restarts - 1))
        whole = float(_exponential(self.base, self.factor, self.cap)(attempt))
        if self.jitter == "none" or whole <= 0:
            return whole
        least = 0.0 if self.jitter == "full" else whole / 2
        return rng.uniform(least, whole)


NO_BACKOFF: Final = Backoff(base=0.0, cap=0.0, jitter="none")
"""Restart at once, every time, as OTP does; the restart intensity alone ends a crash loop."""
