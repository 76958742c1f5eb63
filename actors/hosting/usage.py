"""What the kernel counts for a process: memory, processor time, age, and whose child it is.

What lives here: reading /proc. What must not: who the process is to anybody (`census.py`).
Where there is no /proc (macOS) nothing is said.
Source: proc_pid_stat(5), proc_pid_statm(5).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from .kernel_facts import read_small
from .vitals import resident_of

__all__ = ("Usage", "children_by_parent", "usage_of")

_STATE, _PARENT, _UTIME, _STIME, _STARTED = 0, 1, 11, 12, 19  # of /proc/PID/stat, counted after the name
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """One look. `name`: as ps and top show it; `state`: its letter in proc_pid_stat(5); `age`: seconds since it began.

    `own_bytes`: of those in memory without mapped files and shared memory; None of both: nothing of it is in memory.
    """

    name: str
    state: str
    cpu_seconds: float
    age: float
    resident_bytes: int | None = None
    own_bytes: int | None = None


def usage_of(pid: int) -> Usage | None:
    """Look; None if it has ended and was reaped, or nobody says. Some 30 microseconds."""
    stat = _stat(pid)
    if stat is None:
        return None
    name, fields = stat
    resident = resident_of(pid)
    return Usage(
        name=name,
        state=fields[_STATE],
        cpu_seconds=(int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS,
        age=max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[_STARTED]) / _TICKS),
        resident_bytes=None if resident is None else resident.total,
        own_bytes=None if resident is None else resident.own,
    )


def children_by_parent() -> Mapping[int, tuple[int, ...]]:
    """Give the children of all processes of this machine. Some 15 microseconds for each of these."""
    found: dict[int, tuple[int, ...]] = {}
    if sys.platform != "linux":
        return found
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdecimal()):  # noqa: PTH208 - as kernel_facts
        stat = _stat(pid)
        if stat is not None:
            parent = int(stat[1][_PARENT])
            found[parent] = (*found.get(parent, ()), pid)
    return found


def _stat(pid: int) -> tuple[str, list[str]] | None:
    if sys.platform != "linux":
        return None
    data = read_small(f"/proc/{pid}/stat")
    if data is None or ")" not in data:  # empty: it was reaped at this moment
        return None
    end = data.rindex(")")
    return data[data.index("(") + 1 : end], data[end + 2 :].split()
