"""The rules between the limits of one process: sizes that are none, and limits that make no sense together.

What lives here: checks on raw tables. What must not: the type of each value, which is pydantic's; values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .durations import parse_duration, parse_size
from .faults import Fault
from .mistakes import KeyPath

__all__ = ("limit_faults",)

_SIZES: Final = (
    *("memory_bytes", "data_bytes", "resident_bytes", "resident_soft_bytes", "max_growth_bytes"),
    "window_bytes",
)


def limit_faults(path: KeyPath, table: object, *, whole: bool) -> Iterator[Fault]:
    """Give what is wrong with the limits. `whole`: nothing is added to them elsewhere."""
    if not isinstance(table, dict):
        return
    sizes = {name: size for name in _SIZES if (size := _size(table.get(name))) is not None}
    for name, size in sizes.items():
        if size == 0:
            yield Fault((*path, name), "a size of more than zero", table[name])
    soft, hard = sizes.get("resident_soft_bytes"), sizes.get("resident_bytes")
    if soft is not None and hard is not None and soft >= hard > 0:
        expected = f"less than resident_bytes = {table['resident_bytes']!r}, at which it is killed"
        yield Fault((*path, "resident_soft_bytes"), expected, table["resident_soft_bytes"])
    if whole and "max_age" not in table and _longer_than_zero(table.get("max_age_variance")):
        yield Fault((*path, "max_age_variance"), "`max_age` beside it", table["max_age_variance"])


def _size(value: object) -> int | None:
    try:
        return None if value is None else parse_size(value)
    except ValueError:
        return None


def _longer_than_zero(value: object) -> bool:
    try:
        return value is not None and parse_duration(value) > 0
    except ValueError:
        return False
