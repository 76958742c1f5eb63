"""Which siblings share the fate of a failed child.

What lives here: the three strategies and the one function that applies them. What must not: states, time, commands.
Source: OTP supervisor restart strategies.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import assert_never

__all__ = ("Strategy", "affected")


class Strategy(StrEnum):
    """Who is stopped and started again when one child has to be."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


def affected(strategy: Strategy, ids: Sequence[str], failed: str) -> tuple[str, ...]:
    """Give the children that a restart of `failed` includes, in start order.

    They are stopped in reverse of that order and started in it.
    Errors: ValueError if `failed` is not one of `ids`.
    >>> affected(Strategy.REST_FOR_ONE, ["db", "cache", "web"], "cache")
    ('cache', 'web')
    """
    position = ids.index(failed)
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return (failed,)
        case Strategy.ONE_FOR_ALL:
            return tuple(ids)
        case Strategy.REST_FOR_ONE:
            return tuple(ids[position:])
        case _:
            assert_never(strategy)
