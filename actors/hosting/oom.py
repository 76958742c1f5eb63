"""Whether the kernel ended a process because memory ran out: what it counts, and what follows from that.

What lives here: the counters, read, and the conclusion, pure. What must not: when they are read (`vitals.py`).

The kernel does not say whom it killed, only how often it did. So a process that ended by a SIGKILL which nobody here
had sent, while the counter of its own memory group went up, is taken for the one. Where only the count of the whole
machine is known it may have been somebody else, and its size has to speak.
Source: cgroup-v2.rst, memory.events and memory.events.local; cgroup-v1 memory.oom_control; proc_pid_oom_score(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ..signals import OomVerdict
from .kernel_facts import read_small

__all__ = ("OomCount", "count_again", "judge_oom", "read_oom_count")

_MACHINE: Final = "/proc/vmstat"
_V2: Final = "/sys/fs/cgroup"
_V1: Final = "/sys/fs/cgroup/memory"
_LARGE_SCORE: Final = 700
"""A process of no size has an oom_score of 666; here it has some 5 % of the memory of the machine."""


@dataclass(frozen=True, slots=True)
class OomCount:
    """How many processes were killed for want of memory. `group`: the file that says so for a memory group alone; None:
    on the whole machine, and then `score` is how likely the process would be chosen, by the kernel's own estimate.
    """

    kills: int
    group: str | None = None
    score: int | None = None


def judge_oom(before: OomCount | None, after: OomCount | None, *, killed: bool) -> OomVerdict | None:
    """Say how likely a process was killed for want of memory; None if that cannot be known.

    `before`: counted while it lived; `killed`: it ended by a SIGKILL that nobody here had sent.
    >>> judge_oom(OomCount(2, "/a"), OomCount(3, "/a"), killed=True)
    'likely'
    >>> judge_oom(OomCount(2, "/a"), OomCount(2, "/a"), killed=True)
    'unlikely'
    """
    if not killed:
        return "unlikely"  # it kills with SIGKILL, and with nothing else
    if before is None or after is None or before.group != after.group:
        return None
    if after.kills <= before.kills:
        return "unlikely"
    if after.group is not None or (before.score or 0) >= _LARGE_SCORE:
        return "likely"
    return "possible"


def read_oom_count(pid: int) -> OomCount | None:
    """Count for the memory group of a process that lives, or for the machine; None where nobody counts (macOS)."""
    group = _group_file(pid)
    counted = None if group is None else _in_group(group)
    if counted is not None:
        return counted
    kills = _field(_MACHINE, "oom_kill")
    score = None if kills is None else read_small(f"/proc/{pid}/oom_score")
    return None if kills is None else OomCount(kills, score=None if score is None else int(score))


def count_again(before: OomCount) -> OomCount | None:
    """Count once more where it was counted before, for a process that has ended."""
    if before.group is not None:
        return _in_group(before.group)
    kills = _field(_MACHINE, "oom_kill")
    return None if kills is None else OomCount(kills)


def _in_group(path: str) -> OomCount | None:
    kills = _field(path, "oom_kill")
    return None if kills is None else OomCount(kills, path)


def _group_file(pid: int) -> str | None:
    """Give the file that counts for its memory group. The root of the machine has none, that of a container has."""
    for line in (read_small(f"/proc/{pid}/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        inside = path.strip("/")
        if "memory" in controllers.split(","):
            return f"{_V1}/{inside}/memory.oom_control"
        if not controllers:  # version 2, which is said last
            return f"{_V2}/{inside}/memory.events.local"
    return None


def _field(path: str, name: str) -> int | None:
    for line in (read_small(path) or "").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return None
