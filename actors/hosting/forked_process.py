"""A process that a zygote has forked, as its system sees it; the zygote is its parent and tells how it ended."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from .os_process import ProcessEnd, lost_status, signal_group, signal_process

__all__ = ("ForkedProcess",)


@dataclass(eq=False, slots=True)
class ForkedProcess:
    """A `LaunchedProcess`. Runs in: the I/O thread, but for the signals."""

    pid: int
    death_fd: int
    end: ProcessEnd | None = None  # set when the zygote has reaped it, or died
    on_reaped: Callable[[ProcessEnd], None] | None = None  # set by reap() if the word is not here yet
    lock: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False
    orphaned: bool = False  # its zygote died, nobody will tell us the status

    def send_signal(self, signo: int) -> bool:
        """Signal this process and never another one; say whether it was there."""
        with self.lock:
            return not self.closed and signal_process(self.death_fd, signo)

    def signal_group(self, signo: int) -> bool:
        """Signal its whole process group; say whether anybody was there."""
        with self.lock:
            return not self.closed and self.end is None and signal_group(self.pid, self.death_fd, signo)

    def reap(self, on_reaped: Callable[[ProcessEnd], None]) -> None:
        """Call back as soon as the zygote has said the status. The zygote has swept the group by then."""
        if self.end is None and self.orphaned:
            signal_group(self.pid, self.death_fd, signal.SIGKILL)
            self.end = ProcessEnd(lost_status(self.death_fd))
        if self.end is not None:
            on_reaped(self.end)
        else:
            self.on_reaped = on_reaped

    def ended(self, end: ProcessEnd) -> None:
        """Take the zygote's word, or that there will be none."""
        self.end = end
        if self.on_reaped is not None:
            self.on_reaped(end)

    def lose_parent(self) -> None:
        """The zygote died: whoever waits for the status gets what the kernel has kept."""
        self.orphaned = True
        if self.end is None and self.on_reaped is not None:
            signal_group(self.pid, self.death_fd, signal.SIGKILL)
            self.ended(ProcessEnd(lost_status(self.death_fd)))

    def close(self) -> None:
        """Release the descriptor."""
        with self.lock:
            if not self.closed:
                self.closed = True
                os.close(self.death_fd)
