"""Exponential growth up to a cap, without overflow.

Source: tenacity's wait_exponential, used as a pure value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from tenacity import RetryCallState

__all__ = ("grown",)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The one field of tenacity's RetryCallState that an exponential wait reads; the real one reads the clock."""

    attempt_number: int


@lru_cache(maxsize=128)
def _exponential(base: float, factor: float, cap: float) -> Callable[[RetryCallState], float]:
    from tenacity.wait import wait_exponential  # here, because `import regrow` has to stay cheap

    return wait_exponential(multiplier=base, exp_base=factor, max=cap)


def grown(base: float, factor: float, exponent: int, cap: float) -> float:
    """Give min(cap, base * factor ** exponent), for any exponent; nothing grows from a base of 0.

    `factor` is a float: an int to the power of 10**9 would fill the memory.
    >>> grown(0.2, 2.0, 3, 30.0), grown(0.2, 2.0, 10**9, 30.0), grown(0.0, 2.0, 10**9, 30.0)
    (1.6, 30.0, 0.0)
    """
    if base == 0:
        return 0.0
    return float(_exponential(base, factor, cap)(cast("RetryCallState", _Attempt(exponent + 1))))
