"""A table that forgets its oldest entries."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeVar

__all__ = ("remember",)

REMEMBERED_MAX: Final = 1024  # refs passed on from other links, and reasons of late deaths

V = TypeVar("V")


def remember(table: OrderedDict[str, V], key: str, value: V) -> None:
    """Enter something as the latest; the oldest goes if there are too many."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED_MAX:
        table.popitem(last=False)
