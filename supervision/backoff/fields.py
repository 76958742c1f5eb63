"""What the values of the family have in common: the checks of their fields, and how their restarts are counted.

What lives here: functions of numbers. What must not: any rule of how long to wait.
"""

from __future__ import annotations

import math

__all__ = ("checked", "checked_span", "halfway", "position", "reset_time", "store")


def checked(
    name: str, value: object, *, least: float = 0.0, most: float = math.inf, unit: str = "seconds", bounds: str = ""
) -> float:
    """Give a field's value as a float. Errors: ValueError naming field, expected (`bounds` in words) and got."""
    number = _number(value)
    if not math.isfinite(number) or not least <= number <= most:
        said = bounds or (f">= {least:g}" if most == math.inf else f"from {least:g} to {most:g}")
        raise ValueError(f"{name}: expected finite {unit} {said}, got {value!r}")
    return number


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:  # an int that no float can hold
        return math.inf


def checked_span(low_name: str, low: object, high_name: str, high: object) -> tuple[float, float]:
    """Give two fields of which the second may not be below the first. Errors: ValueError naming field and got."""
    least, most = checked(low_name, low), checked(high_name, high)
    if most < least:
        raise ValueError(f"{high_name}: expected at least {low_name} ({least:g}), got {high!r}")
    return least, most


def halfway(low: float, high: float) -> float:
    """Give (low + high) / 2, also where that sum would be more than a float can hold."""
    half = (low + high) / 2
    return half if math.isfinite(half) else low / 2 + high / 2


def reset_time(given: object, default: float) -> float:
    """Give the field `reset_after`: what is given, else what follows from the other fields."""
    return default if given is None else checked("reset_after", given)


def position(restarts: object, initial: float | None) -> int:
    """Give the index in the series of delays of restart number `restarts`; -1: it waits `initial`.

    Errors: ValueError if `restarts` is below 1.
    >>> position(1, 0.0), position(2, 0.0), position(1, None)
    (-1, 0, 0)
    """
    if isinstance(restarts, bool) or not isinstance(restarts, int) or restarts < 1:
        raise ValueError(f"restarts: expected an integer >= 1, got {restarts!r}")
    return restarts - 1 if initial is None else restarts - 2


def store(value: object, **fields: object) -> None:
    """Set the checked fields of a frozen value that is being made."""
    for name, field in fields.items():
        object.__setattr__(value, name, field)
