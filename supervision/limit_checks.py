"""Find the mistakes in the limits of a hosted process.

What lives here: checks of values, each alone and some together. What must not: what a limit does (`actors/hosting/`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from ..actors.child_spec import Limits
from ..protocol.limits import WINDOW_MAX
from .errors import SpecProblem

__all__ = ("limit_problems",)

_SECONDS: Final = ("stopped_seconds", "hang_limit", "busy_limit", "deadline", "cpu_seconds", "max_age")
_COUNTS: Final = (
    *("memory_bytes", "data_bytes", "resident_bytes", "resident_soft_bytes", "max_growth_bytes"),
    *("open_files", "max_messages", "window_messages", "window_bytes"),
)


def limit_problems(where: str, limits: Limits) -> Iterator[SpecProblem]:
    """Give every mistake, in the order of the fields' kinds."""
    nice: object = limits.nice
    if isinstance(nice, bool) or not isinstance(nice, int) or not -20 <= nice <= 19:
        yield SpecProblem(f"{where}.nice", "an integer from -20 to 19", repr(nice))
    for name in _SECONDS:
        value = getattr(limits, name)
        if value is not None and not (_is_seconds(value) and value > 0):
            yield SpecProblem(f"{where}.{name}", "seconds > 0, or None for no limit", repr(value))
    for name in _COUNTS:
        value = getattr(limits, name)
        if value is not None and not (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            yield SpecProblem(f"{where}.{name}", "an integer > 0, or None for no limit", repr(value))
    deaths: object = limits.deaths_before_quarantine
    if isinstance(deaths, bool) or not isinstance(deaths, int) or deaths < 0:
        yield SpecProblem(f"{where}.deaths_before_quarantine", "an integer >= 0, 0 for never", repr(deaths))
    yield from _together(where, limits)


def _together(where: str, limits: Limits) -> Iterator[SpecProblem]:
    variance: object = limits.max_age_variance
    if not _is_seconds(variance):
        yield SpecProblem(f"{where}.max_age_variance", "seconds >= 0", repr(variance))
    elif variance and limits.max_age is None:
        yield SpecProblem(f"{where}.max_age_variance", "a max_age that it is added to", "none")
    for name in ("window_messages", "window_bytes"):
        value: object = getattr(limits, name)
        if isinstance(value, int) and value > WINDOW_MAX:
            yield SpecProblem(f"{where}.{name}", f"at most {WINDOW_MAX}", repr(value))
    soft, hard = limits.resident_soft_bytes, limits.resident_bytes
    if isinstance(soft, int) and isinstance(hard, int) and soft >= hard:
        yield SpecProblem(f"{where}.resident_soft_bytes", f"less than the resident_bytes of {hard}", repr(soft))


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
