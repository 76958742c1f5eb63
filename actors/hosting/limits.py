"""The limits of a hosted process, taken on by itself before it runs any code of the user."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping

__all__ = ("apply_limits",)


def apply_limits(options: Mapping[str, object]) -> None:
    """Apply `nice` (relative), `memory_bytes` (RLIMIT_AS: then MemoryError, which is a Crash) and `open_files`.

    Errors: OSError, ValueError when the system refuses, as for a negative nice without the right to it.
    """
    nice, memory_bytes, open_files = (options.get(name) for name in ("nice", "memory_bytes", "open_files"))
    if isinstance(open_files, int):
        _limit(resource.RLIMIT_NOFILE, open_files)
    if isinstance(memory_bytes, int):
        _limit(resource.RLIMIT_AS, memory_bytes)
    if isinstance(nice, int) and nice:
        os.nice(nice)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))
