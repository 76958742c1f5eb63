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

from .os_process import open_pidfd_or_end, signal_group
from .sharing import IMPORT_RAISED, Footprint, import_as, probe, threads_beside
from .zygote_wire import IMPORTED, UNFIT, WARNED

__all__ = ("Imports", "Wanted")

IDLE_MS: Final = 100  # without a request, before anything is done that none has asked for: no start shall wait
PROBE_SECONDS: Final = 10.0  # for an import in a fork that tries it
TRIES_MAX: Final = 3  # of an import for which there are no descriptors or processes left
TRY_AGAIN_SECONDS: Final = 1.0


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
        self._tries: dict[str, int] = {}  # in vain, by module
        self._not_before = 0.0  # monotonic seconds: when to try that again
        self._known: set[str] = set()  # the modules of all that was wanted
        self._hurry = False  # several forks have imported one of those that are left

    def preload(self, modules: Sequence[str]) -> None:
        """Import these now, since somebody has said so; a thread that one of them starts is the end of all forking."""
        for module in modules:
            try:
                importlib.import_module(module)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything; children will say it in detail
                self._tell(WARNED, f"cannot preload {module}: {type(error).__name__}: {error}")
            threads = self._threads_after(module)
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
        if self.spoiled or not (self._wanted or self._fit):
            return None
        return max(IDLE_MS, round((self._not_before - time.monotonic()) * 1000))

    @property
    def urgent(self) -> bool:
        """Whether `use_the_time` is to be called although there is none."""
        if not self._hurry or self._probe is not None or self.spoiled or not (self._wanted or self._fit):
            return False
        return time.monotonic() >= self._not_before

    def use_the_time(self) -> bool:
        """Take one step, if there is one to take by now. True: there is a module more."""
        if self._probe is not None:
            if time.monotonic() >= self._probe.deadline:  # its end is read like any other
                signal_group(self._probe.pid, self._probe.pidfd, signal.SIGKILL)
        elif self._fit:
            return self._share(self._fit.pop())
        elif self._wanted and time.monotonic() >= self._not_before:
            wanted = self._wanted.pop(0)
            try:
                self._try(wanted)
            except OSError as error:
                self._put_off(wanted, error)
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

    def _put_off(self, wanted: Wanted, error: OSError) -> None:
        """Try it again in a while, a few times; before all others."""
        tries = self._tries[wanted.module] = self._tries.get(wanted.module, 0) + 1
        if tries < TRIES_MAX:
            self._wanted.insert(0, wanted)
            self._not_before = time.monotonic() + TRY_AGAIN_SECONDS
            self._tell(WARNED, f"the zygote cannot try the import of {wanted.module} now: {error}")
        else:
            self._tell(UNFIT, wanted.module, f"its import could not be tried, {tries} times: {error}", False)

    def _try(self, wanted: Wanted) -> None:
        """Have a fork try it. Errors: OSError: no descriptors or processes left; then there is no such fork."""
        answer, answer_child = os.pipe()
        try:
            pid = os.fork()
            if pid == 0:
                probe(wanted.module, wanted.path, wanted.cwd, answer_child)
            pidfd = open_pidfd_or_end(pid)
        except OSError:
            os.close(answer)
            raise
        finally:
            os.close(answer_child)
        self._probe = _Probe(wanted, pid, pidfd, answer, time.monotonic() + PROBE_SECONDS)
        self._poll.register(pidfd, select.POLLIN)

    def _threads_after(self, module: str) -> str | None:
        try:
            return threads_beside()
        except OSError as error:
            self._tell(WARNED, f"the zygote cannot see whether {module} has started threads: {error}")
            return None

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
        before: Footprint | None = None
        try:
            with import_as(wanted.path, wanted.cwd):
                before = Footprint.take()
                importlib.import_module(wanted.module)
                why = before.left_since()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - any module's error
            if before is None and isinstance(error, OSError):  # it has not begun
                self._put_off(wanted, error)
                return False
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
