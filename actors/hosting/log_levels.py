"""Levels of `logging` by name or number, without importing it."""

from __future__ import annotations

from ..roles.log_sender import LEVELS

__all__ = ("checked_level",)


def checked_level(level: str | int) -> int:
    """Give the number of a level. Errors: ValueError naming those that are known.

    >>> checked_level("WARNING"), checked_level(15)
    (30, 15)
    """
    number = LEVELS.get(level.lower()) if isinstance(level, str) else level
    if number is None or number < 0:
        raise ValueError(f"level: expected a number or one of {', '.join(LEVELS)}, got {level!r}")
    return number
