"""Times and sizes as people write them in a policy file: "250ms", "1.5s", "2m", "512MiB", or plain numbers.

What lives here: text to number and back. What must not: pydantic, files, what a time is for.
"""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = (
    "DURATION_EXPECTED",
    "DURATION_PATTERN",
    "SIZE_EXPECTED",
    "SIZE_PATTERN",
    "format_duration",
    "parse_duration",
    "parse_size",
)

DURATION_EXPECTED: Final = 'a duration (seconds, or text such as "250ms", "1.5s", "2m")'
SIZE_EXPECTED: Final = 'a size (bytes, or text such as "512MiB", "2GiB")'

_SECONDS: Final[dict[str, float]] = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(us|ms|s|m|h|d)\s*")
_BYTES: Final[dict[str, int]] = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
DURATION_PATTERN: Final = r"^\s*(\d+(\.\d+)?\s*(us|ms|s|m|h|d)\s*)+$"
"""What `parse_duration` takes as text, as a regular expression for others."""

SIZE_PATTERN: Final = r"^\s*\d+(\.\d+)?\s*[kKmMgGtT]?[iI]?[bB]\s*$"
"""What `parse_size` takes as text."""

_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?i?b)", re.IGNORECASE)


def parse_duration(value: object) -> float:
    """Give the seconds that a number or a text stands for.

    Errors: ValueError for anything else, for negative, infinite and NaN values.
    >>> parse_duration("250ms"), parse_duration("1m30s"), parse_duration(2)
    (0.25, 90.0, 2.0)
    """
    if isinstance(value, str):
        seconds, end = 0.0, 0
        text = value.strip()
        for part in _PART.finditer(text):
            if part.start() != end:
                break
            seconds += float(part[1]) * _SECONDS[part[2]]
            end = part.end()
        if not text or end != len(text) or not math.isfinite(seconds):
            raise ValueError(f"expected {DURATION_EXPECTED}, got {value!r}")
        # 0.1 * 1e-3 and its like leave noise in the last digits that a report would show.
        return round(seconds, 9)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"expected {DURATION_EXPECTED}, got {value!r}")
    return float(value)


def parse_size(value: object) -> int:
    """Give the bytes that an integer or a text stands for.

    Errors: ValueError for anything else and for negative values.
    >>> parse_size("512MiB"), parse_size("1.5kB"), parse_size(10)
    (536870912, 1500, 10)
    """
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            raise ValueError(f"expected {SIZE_EXPECTED}, got {value!r}")
        size = float(found[1]) * _BYTES[found[2].lower()]
        if not math.isfinite(size):
            raise ValueError(f"expected {SIZE_EXPECTED}, got {value!r}")
        return round(size)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected {SIZE_EXPECTED}, got {value!r}")
    return value


def format_duration(seconds: float) -> str:
    """Write seconds for people, in the units that `parse_duration` reads.

    >>> format_duration(0.25), format_duration(0), format_duration(90), format_duration(4000)
    ('250ms', '0s', '1m30s', '1h6m')
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us" if seconds >= 1e-6 else "0s"
    if seconds < 1:
        return f"{seconds * 1e3:.3g}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes}m" if minutes else f"{hours}h"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours}h" if hours else f"{days}d"
