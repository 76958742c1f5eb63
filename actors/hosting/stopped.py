"""Finding a process that is alive and does nothing because it was stopped: SIGSTOP, a terminal, a frozen debugger.

What lives here: the verdict, pure, and the one look at the kernel that it needs. What must not: killing.
A process that a debugger traces is never found, and a watcher that was itself held up does not count that time.
Source: proc_pid_stat(5): state T is stopped by a signal, t is stopped by a tracer.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

__all__ = ("LOOKS", "StoppedWatch", "is_stopped")

LOOKS: Final = 4  # within the limit, so that one late look is no verdict


class StoppedWatch:
    """Adds up how long a process has been found stopped, look by look.

    >>> watch = StoppedWatch(limit=1.0)
    >>> [watch.look(stopped=True, now=now) for now in (0.0, 0.25, 0.5, 0.75, 1.0)]
    [False, False, False, False, True]
    """

    def __init__(self, limit: float) -> None:
        self.limit: Final = limit
        self.interval: Final = limit / LOOKS
        self._held = 0.0
        self._last: float | None = None  # when it was found stopped last; None: it was not

    def look(self, *, stopped: bool, now: float) -> bool:
        """Take one look into account; say whether it has been stopped for the whole limit."""
        if not stopped:
            self._held, self._last = 0.0, None
            return False
        if self._last is not None:
            self._held += min(now - self._last, 2 * self.interval)  # more than that is our own delay
        self._last = now
        return self._held >= self.limit


def is_stopped(pid: int) -> bool:
    """Say whether a process is stopped by a signal and not traced; False where there is no /proc, or no process."""
    if sys.platform != "linux":
        return False
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return False  # it has ended; its pidfd says so better
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return fields.get("State", "").startswith("T") and fields.get("TracerPid", "0") == "0"
