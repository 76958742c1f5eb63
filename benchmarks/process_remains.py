"""What a workload of `benchmarks.processes` leaves behind: processes and descriptors.

What lives here: looking for them. Imports the standard library only: sides run elsewhere too.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from benchmarks.actor_serving import Workload

__all__ = ("MARK", "descriptors", "leaving_nothing", "living", "settled", "shared_memory")

MARK = "REGROW_BENCHMARK_RUN"  # in the environment of every process of one run, whoever its parent is by now
SETTLE_SECONDS = 5.0
_OF_MULTIPROCESSING = ("psm_", "sem.", "pymp-")

T = TypeVar("T", dict[int, str], set[int])


def leaving_nothing(workloads: Mapping[str, Workload]) -> dict[str, Workload]:
    """Give workloads that fail if something is left when they are done."""
    return {name: _checked(workload) for name, workload in workloads.items()}


def _checked(workload: Workload) -> Workload:
    def run(count: int, size: int) -> dict[str, float]:
        processes, before = living(), descriptors()
        values = workload(count, size)
        gc.collect()  # what only a circle keeps open
        left = settled(lambda: living() - processes)
        more = settled(lambda: {fd: to for fd, to in descriptors().items() if before.get(fd) != to})
        if left or more:
            raise AssertionError(f"left behind: processes {sorted(left)}, descriptors {more}")
        return values

    return run


def settled(left: Callable[[], T], seconds: float = SETTLE_SECONDS) -> T:
    """Wait for so long until nothing is left; give what is."""
    end = time.monotonic() + seconds
    while (found := left()) and time.monotonic() < end:
        time.sleep(0.005)
    return found


def living() -> set[int]:
    """Give the processes of this run, and children of this one that have ended and were not reaped."""
    mark = f"{MARK}={os.environ.get(MARK, '')}".encode()
    found = {pid for pid in _pids() if mark in _content(Path(f"/proc/{pid}/environ")).split(b"\0")}
    tasks = (_content(task / "children").split() for task in Path("/proc/self/task").iterdir())
    return found | {int(pid) for children in tasks for pid in children}


def shared_memory() -> set[str]:
    """Give the names in /dev/shm, but for those of multiprocessing: regrow does not use it, other programs do."""
    return {name for name in os.listdir("/dev/shm") if not name.startswith(_OF_MULTIPROCESSING)}  # noqa: PTH208 - names


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - faster, there are many


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile, or is somebody else's
        return b""


def descriptors() -> dict[int, str]:
    """Give the descriptors of this process, and what each one leads to."""
    found = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - one descriptor less while looking
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115 - as above
        except OSError:
            continue  # the one that listdir itself had open
    return found
