"""What a zygote imports: what it was told to before it forks, and what its forks import anyway, when it has time.

The latter are tried in a fork first, so that a module which starts threads, hangs, or ends its process does that there.

Runs in: the one thread of the zygote.
"""

from __future__ import annotations

import importlib
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from .os_process import open_pidfd, signal_group
from .sharing import IMPORT_RAISED, Footprint, import_as, probe, threads_beside
from .zygote_wire import IMPORTED, UNFIT, WARNED

__all__ = ("Imports", "Wanted")

IDLE_MS: Final = 100  # without a request, before anything is done that none has asked for: no start shall wait
PROBE_SECONDS: Final = 10.0  # for an import in a fork that tries it


@dataclass(frozen=True, slots=True)
class Wanted:
    """A module that forks import: where from, and in which directory."""

    module: str
    path: list[str]
    cwd: str


@dataclass(frozen=True, slots=True)
class _Probe:
    """A fork that tries the import of a module."""

    wanted: Wanted
    pid: int
    pidfd: int
    answer_fd: int
    deadline: float


class Imports:
    """`tell` sends to the system what has become of them."""

    def __init__(self, poll: select.poll, tell: Callable[..., None]) -> None:
        self.spoiled = ""  # why this zygote can fork no more
        self._poll = poll
        self._tell = tell
        self._wanted: list[Wanted] = []
        self._fit: list[Wanted] = []  # tried, and to be imported here
        self._probe: _Probe | None = None
        self._known: set[str] = set()  # the modules of all that was wanted
        self._hurry = False  # several forks have imported one of those that are left

    def preload(self, modules: Sequence[str]) -> None:
        """Import these now, since somebody has said so; a thread that one of them starts is the end of all forking."""
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception as error:  # noqa: BLE001 - a module may raise anything; children will say it in detail
                self._tell(WARNED, f"cannot preload {module}: {type(error).__name__}: {error}")
            threads = threads_beside()
            if threads and not self.spoiled:
                self._spoil(module, f"it has started threads: {threads}")

    def want(self, wanted: Wanted) -> None:
        """Import this one when there is time, or soon if this is said again; if it can be shared."""
        if wanted.module in sys.modules:
            self._tell(IMPORTED, wanted.module, False)
        elif wanted.module in self._known:
            self._hurry = True
        else:
            self._known.add(wanted.module)
            self._wanted.append(wanted)

    def patience(self) -> int | None:
        """Say after how many milliseconds without a request `use_the_time` is to be called; None: never."""
        if self._probe is not None:
            return max(0, round((self._probe.deadline - time.monotonic()) * 1000))
        return IDLE_MS if (self._wanted or self._fit) and not self.spoiled else None

    @property
    def urgent(self) -> bool:
        """Whether `use_the_time` is to be called although there is none."""
        return self._hurry and self._probe is None and bool(self._wanted or self._fit) and not self.spoiled

    def use_the_time(self) -> bool:
        """Take one step, if there is one to take by now. True: there is a module more."""
        if self._probe is not None:
            if time.monotonic() >= self._probe.deadline:  # its end is read like any other
                signal_group(self._probe.pid, self._probe.pidfd, signal.SIGKILL)
        elif self._fit:
            return self._share(self._fit.pop())
        elif self._wanted:
            self._try(self._wanted.pop(0))
        return False

    def ended(self, pidfd: int) -> bool:
        """Read what a fork has found out, if it is one of these that has ended."""
        tried = self._probe
        if tried is None or tried.pidfd != pidfd:
            return False
        said, status = self._reap(tried)
        module = tried.wanted.module
        if status == signal.SIGKILL:
            self._tell(UNFIT, module, f"its import has not ended within {PROBE_SECONDS:g} s", False)
        elif said:
            self._tell(UNFIT, module, said.decode("utf-8", "replace"), False)
        elif status == 0:
            self._fit.append(tried.wanted)
        elif os.waitstatus_to_exitcode(status) != IMPORT_RAISED:
            self._tell(UNFIT, module, f"its import has ended the process (wait status {status})", False)
        return True

    def close(self) -> None:
        """End the fork that tries an import."""
        if self._probe is not None:
            signal_group(self._probe.pid, self._probe.pidfd, signal.SIGKILL)
            self._reap(self._probe)

    def _try(self, wanted: Wanted) -> None:
        answer, answer_child = os.pipe()
        pid = os.fork()
        if pid == 0:
            probe(wanted.module, wanted.path, wanted.cwd, answer_child)
        os.close(answer_child)
        self._probe = _Probe(wanted, pid, open_pidfd(pid), answer, time.monotonic() + PROBE_SECONDS)
        self._poll.register(self._probe.pidfd, select.POLLIN)

    def _reap(self, tried: _Probe) -> tuple[bytes, int]:
        self._probe = None
        self._poll.unregister(tried.pidfd)
        signal_group(tried.pid, tried.pidfd, signal.SIGKILL)  # what its import has started
        _, status = os.waitpid(tried.pid, 0)
        os.set_blocking(tried.answer_fd, False)
        try:
            said = os.read(tried.answer_fd, 4096)
        except BlockingIOError:  # something that it has started is in a session of its own, and holds it open
            said = b""
        os.close(tried.answer_fd)
        os.close(tried.pidfd)
        return said, status

    def _share(self, wanted: Wanted) -> bool:
        why: str | None = None
        try:
            with import_as(wanted.path, wanted.cwd):
                before = Footprint.take()
                importlib.import_module(wanted.module)
                why = before.left_since()
        except Exception as error:  # noqa: BLE001 - any module's error
            why = f"raised {type(error).__name__}: {error}"
        if why:
            self._spoil(wanted.module, f"it {why}; a fork that had tried it did not")
            return False
        self._hurry = False
        self._tell(IMPORTED, wanted.module, True)
        return True

    def _spoil(self, module: str, why: str) -> None:
        self.spoiled = f"{module}: {why}"
        self._tell(UNFIT, module, why, True)
