"""What the kernel says of a process and of its threads, without asking the process.

What lives here: reading /proc. What must not: what it means (`verdicts.py`).
Where there is no /proc (macOS), or a part of it may not be read, nothing is said, and nobody is accused by it.
Source: proc_pid_stat(5), proc_pid_syscall(5); /proc/PID/schedstat in the kernel's sched-stats.rst.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from typing import Final

from .verdicts import ProcessFacts, ThreadFacts

__all__ = ("is_stopped", "look_at", "look_closely", "read_small")

_STATE, _FAULTS, _UTIME, _STIME = 0, 9, 11, 12  # of /proc/PID/stat, counted after the name
_CHUNK: Final = 8192  # more than any of these files has
_TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_FUTEX: Final = {"x86_64": "202", "aarch64": "98"}.get(os.uname().machine, "unknown")
_NO_TIMEOUT: Final = "0x0"


def look_at(pid: int) -> ProcessFacts | None:
    """Say how it is as a whole; None if it has ended, or nobody says. Some 15 microseconds."""
    if sys.platform != "linux":
        return None
    data = read_small(f"/proc/{pid}/stat")
    if data is None:
        return None
    fields = data[data.rindex(")") + 2 :].split(" ", _STIME + 1)
    state = fields[_STATE]
    return ProcessFacts(
        state=state,
        traced=state in "Tt" and _is_traced(pid),
        cpu_ns=(int(fields[_UTIME]) + int(fields[_STIME])) * _TICK_NS,
        faults=int(fields[_FAULTS]),
    )


def look_closely(pid: int, ours: Collection[int]) -> ProcessFacts | None:
    """Say it with all threads, of which `ours` run no code of the user. Some 15 microseconds a thread more."""
    seen = look_at(pid)
    if seen is None:
        return None
    try:
        tids = [int(name) for name in os.listdir(f"/proc/{pid}/task")]  # noqa: PTH208 - a Path for each costs more
    except OSError:
        return None
    threads = {tid: facts for tid in tids if (facts := _thread(pid, tid, ours=tid in ours)) is not None}
    return ProcessFacts(
        state=seen.state, traced=_is_traced(pid), cpu_ns=seen.cpu_ns, faults=seen.faults, threads=threads
    )


def is_stopped(pid: int) -> bool:
    """Say whether a process is stopped by a signal and not traced; False where there is no /proc, or no process."""
    seen = look_at(pid)
    return seen is not None and seen.state == "T" and not seen.traced


def _thread(pid: int, tid: int, *, ours: bool) -> ThreadFacts | None:
    times = read_small(f"/proc/{pid}/task/{tid}/schedstat")
    if times is None:
        return None
    run, delay, _ = times.split()
    call = (read_small(f"/proc/{pid}/task/{tid}/syscall") or "").split()  # empty: we may not look
    endless = len(call) > 4 and call[0] == _FUTEX and call[4] == _NO_TIMEOUT
    return ThreadFacts(int(run), int(delay), endless, call == ["running"], ours)


def _is_traced(pid: int) -> bool:
    status = read_small(f"/proc/{pid}/status")
    return status is not None and "\nTracerPid:\t0\n" not in status


def read_small(path: str) -> str | None:
    """Read one of the kernel's files; None if there is none. A Path takes three times as long."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(fd, _CHUNK).decode("utf-8", "replace")
    except OSError:  # ESRCH: it ended meanwhile
        return None
    finally:
        os.close(fd)
