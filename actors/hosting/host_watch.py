"""The zygote's watch over its system's process: looks at its beats, and ends it if there are none for too long.

Runs in: the one thread of the zygote. What lives here: looking, and doing. What must not: judging (`watchdog.py`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import Final

from .black_box import BlackBox
from .kernel_facts import look_closely
from .os_process import open_pidfd, signal_process, wait_writable
from .watchdog import Abort, Recover, Warn, WatchCommand, Watchdog, watch_seconds

__all__ = ("HostWatch",)

ABORT_SECONDS: Final = 3.0  # for the stacks to be written down, and a core; then it is killed


class HostWatch:
    """Watches our parent, as long as it is. `page_fd`: where it beats; ours to close. Errors: OSError: no descriptors;
    then it is the caller's still.
    """

    def __init__(self, page_fd: int, limit: float) -> None:
        self._pid = os.getppid()
        self._black_box = BlackBox(page_fd)
        self._pidfd = open_pidfd(self._pid)  # if it has died by now this is somebody else's: see `is_ours`
        os.close(page_fd)
        self._interval = watch_seconds(limit)
        self._watchdog = Watchdog(limit, time.monotonic())
        self._due = time.monotonic() + self._interval
        self._kill_at: float | None = None

    def patience(self) -> int:
        """Say after how many milliseconds `look` is to be called."""
        return max(0, round((self._due - time.monotonic()) * 1000))

    def look(self) -> None:
        """Look, if it is time for that, and do what follows."""
        now = time.monotonic()
        if now < self._due or os.getppid() != self._pid:  # it has died: the end of its socket says so next
            return
        self._due = now + self._interval
        if self._kill_at is not None:
            if now >= self._kill_at:
                signal_process(self._pidfd, signal.SIGKILL)
            return
        beats = self._black_box.sample().beats
        facts = None if self._watchdog.beats(beats) else look_closely(self._pid, ())
        for command in self._watchdog.receive(beats, facts, now):
            self._do(command, now)

    def close(self) -> None:
        """Watch no longer."""
        self._black_box.close()
        os.close(self._pidfd)

    def _do(self, command: WatchCommand, now: float) -> None:
        match command:
            case Warn(verdict, seconds, limit):
                self._say(f"has not got on for {seconds:.1f} s ({verdict}); at {limit:g} s it is ended")
            case Recover(seconds):
                self._say(f"gets on again, after {seconds:.1f} s")
            case Abort(verdict, seconds, _):
                self._say(f"has not got on for {seconds:.1f} s ({verdict}); ending it with SIGABRT")
                self._kill_at = now + ABORT_SECONDS
                signal_process(self._pidfd, signal.SIGABRT)

    def _say(self, words: str) -> None:
        """Say it on stderr: nobody else can, and nobody reads our socket."""
        line = f"regrow watchdog: process {self._pid} {words}\n".encode()
        if wait_writable(2, 0):  # else it is full: never wait for whoever should read it
            with contextlib.suppress(OSError):  # nobody reads that either
                os.write(2, line)
