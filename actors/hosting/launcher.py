"""How a process comes to be: the request, the process that is launched, and the interface of whoever launches.

Two launchers stand behind `Launcher`: `exec_launcher.py` (a fresh interpreter) and `zygote_launcher.py` (a fork of a
pre-imported, single-threaded process). Whoever reaps a process sweeps its process group first, so that nothing it
left behind survives it and no signal can reach a group that got the number later.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .errors import LaunchFailed
from .loop import READ, Interest, IoLoop
from .os_process import ProcessEnd

__all__ = ("LaunchOutcome", "LaunchRequest", "LaunchedProcess", "Launcher", "discard", "slay")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """What a process is to be born with. The launcher closes the descriptors in this process once they are handed over.

    `orphan_grace`: seconds that it gets, after this process has died, before it is killed. `module`: what it will
    import, so that a launcher may have that at hand for the next one; "" if it must not be.
    """

    name: str
    socket_fd: int
    black_box_fd: int
    stdout_fd: int
    stderr_fd: int
    path: tuple[str, ...]
    cwd: str
    env: Mapping[str, str]
    orphan_grace: float
    module: str = ""

    @property
    def descriptors(self) -> tuple[int, int, int, int]:
        """The four descriptors in the order in which they travel."""
        return (self.socket_fd, self.black_box_fd, self.stdout_fd, self.stderr_fd)

    def close(self) -> None:
        """Release the descriptors; whoever launches does it, once."""
        for fd in self.descriptors:
            os.close(fd)


class LaunchedProcess(Protocol):
    """A process of ours, from launched to reaped. `death_fd` is readable once it has ended."""

    @property
    def pid(self) -> int:
        """Its number; its group and its session have the same."""

    @property
    def death_fd(self) -> int:
        """Readable once it has ended, whatever holds its pipes open; belongs to this object."""

    def send_signal(self, signo: int) -> bool:
        """Signal this process and never another one; say whether it was there. Runs in: any thread."""

    def signal_group(self, signo: int) -> bool:
        """Signal its whole process group; say whether anybody was there. Runs in: any thread."""

    def reap(self, on_reaped: Callable[[ProcessEnd], None]) -> None:
        """Sweep the group, collect the status, call back once. Only after `death_fd` is readable; never blocks."""

    def close(self) -> None:
        """Release `death_fd`. Call it after `on_reaped`."""


LaunchOutcome: TypeAlias = LaunchedProcess | LaunchFailed


class Launcher(Protocol):
    """Launches processes."""

    def launch(self, request: LaunchRequest, on_launched: Callable[[LaunchOutcome], None]) -> None:
        """Start one process; call back once, from this thread or the I/O thread. Never waits for the child."""

    def close(self) -> None:
        """Release what the launcher itself holds."""


def slay(process: LaunchedProcess) -> None:
    """Kill it and its group at once. Runs in: any thread."""
    process.signal_group(signal.SIGKILL)
    process.send_signal(signal.SIGKILL)  # a process just forked does not lead a group yet


def discard(process: LaunchedProcess, loop: IoLoop, on_error: Callable[[Exception], None]) -> None:
    """Kill one that nobody wants, and reap it once it is dead. Runs in: the I/O thread."""

    def bury(_events: int) -> None:
        loop.forget(process.death_fd)
        process.reap(lambda _end: process.close())

    slay(process)
    loop.watch(Interest(process.death_fd, bury, on_error), READ)
