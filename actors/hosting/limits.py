"""The limits of a hosted process that the system enforces, taken on by itself before it runs any code of the user.

What lives here: saying them, and taking them on. What must not: those that the host looks after (`wear.py`, `hang.py`).
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Mapping
from typing import Final

from ..child_spec import Limits

__all__ = ("apply_limits", "options_of")

_MORE_SECONDS: Final = 5  # of the processor, for code that handles SIGXCPU; then it is killed
_KINDS: Final = {
    "open_files": resource.RLIMIT_NOFILE,
    "memory_bytes": resource.RLIMIT_AS,
    "data_bytes": resource.RLIMIT_DATA,
}


def options_of(limits: Limits) -> dict[str, object]:
    """Say the limits that a process takes on itself, as options of its Init."""
    return {name: getattr(limits, name) for name in (*_KINDS, "cpu_seconds", "nice")}


def apply_limits(options: Mapping[str, object]) -> None:
    """Take on `open_files`, `memory_bytes`, `data_bytes`, `cpu_seconds` (then SIGXCPU) and `nice` (relative).

    Errors: OSError, ValueError when the system refuses, as for a negative nice without the right to it.
    """
    for name, kind in _KINDS.items():
        value = options.get(name)
        if isinstance(value, int):
            _limit(kind, value)
    seconds = options.get("cpu_seconds")
    if isinstance(seconds, int | float):
        _limit(resource.RLIMIT_CPU, math.ceil(seconds), more=_MORE_SECONDS)
    nice = options.get("nice")
    if isinstance(nice, int) and nice:
        os.nice(nice)


def _limit(kind: int, value: int, *, more: int | None = None) -> None:
    """`more`: what the hard limit is over it; None leaves that as it is."""
    _, hard = resource.getrlimit(kind)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    if more is not None:
        hard = most + more if hard == resource.RLIM_INFINITY else min(most + more, hard)
    resource.setrlimit(kind, (most, hard))
