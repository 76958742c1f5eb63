"""What was seen of a hosted process while it lived: its memory, and what the kernel had counted by then.

What lives here: looking, and what the last look said. What must not: what is done about it (`upkeep.py`).
Where there is no /proc (macOS) nothing is seen.
Source: proc_pid_statm(5).
"""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import Final

from ..signals import OomVerdict
from .kernel_facts import read_small
from .oom import OomCount, count_again, judge_oom, read_oom_count

__all__ = ("Resident", "Vitals", "resident_of")

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_SETTLED_SECONDS: Final = 0.5  # a count this old was made before an end that is known only now


@dataclass(frozen=True, slots=True)
class Resident:
    """Bytes of a process that are in memory. `own`: without files and shared memory that it has mapped (blobs)."""

    total: int
    own: int


def resident_of(pid: int) -> Resident | None:
    """Look; None if it has ended, or nobody says. Some 10 microseconds."""
    pages = (read_small(f"/proc/{pid}/statm") or "").split()
    if len(pages) < 3 or pages[1] == "0":  # nothing in memory: it waits to be reaped
        return None
    total = int(pages[1]) * _PAGE
    return Resident(total, total - int(pages[2]) * _PAGE)


class Vitals:
    """The looks at one process. Runs in: the I/O thread."""

    def __init__(self) -> None:
        self.resident: Resident | None = None
        self._counts: deque[tuple[float, OomCount | None]] = deque(maxlen=2)

    def look(self, pid: int, now: float) -> Resident | None:
        """Look once; None if it has ended: then what was seen before still counts."""
        count = read_oom_count(pid)  # first: who lives after this had not been counted in it
        resident = resident_of(pid)
        if resident is not None:
            self.resident = resident
            self._counts.append((now, count))
        return resident

    def oom(self, now: float, *, killed: bool) -> OomVerdict | None:
        """Say whether it ended for want of memory. `killed`: by a SIGKILL that nobody here had sent."""
        if not killed:
            return judge_oom(None, None, killed=False)
        before = self._count_before(now)
        return judge_oom(before, None if before is None else count_again(before), killed=True)

    def _count_before(self, now: float) -> OomCount | None:
        """Give the last count, or the one before if the last may have been made while it was being killed."""
        if not self._counts:
            return None
        (_, earlier), (at, latest) = self._counts[0], self._counts[-1]
        same = earlier is not None and latest is not None and earlier.group == latest.group
        return earlier if same and now - at < _SETTLED_SECONDS else latest
