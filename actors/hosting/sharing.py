"""Which modules a zygote may import for all of its forks: those that leave nothing behind but themselves.

A thread would not be there after a fork, its locks would stay locked; a descriptor would be closed; a changed
environment or search path would reach children that never named the module. Whatever else an import changes in its
process (warnings, patched modules) is shared: who does not want that has the system not share at all.
"""

from __future__ import annotations

import importlib
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from .import_path import importing_target

__all__ = ("IMPORT_RAISED", "Footprint", "await_alone", "import_as", "probe", "threads_beside")

_FDS: Final = Path("/proc/self/fd")
_TASKS: Final = Path("/proc/self/task")
IMPORT_RAISED: Final = 70  # exit code of a probe
ALONE_SECONDS: Final = 0.1
WHY_MAX: Final = 500  # characters that a probe says


@dataclass(frozen=True, slots=True)
class Footprint:
    """What an import may leave in its process, before or after it."""

    fds: frozenset[int]
    children: frozenset[str]
    handlers: tuple[object, ...]
    log_handlers: tuple[logging.Handler, ...]
    environ: dict[str, str]
    path: tuple[str, ...]
    cwd: str
    settings: dict[str, object]  # of the process, which its forks inherit

    @classmethod
    def take(cls) -> Footprint:
        """Look at this process now."""
        return cls(
            fds=_open_fds(),
            children=_children(),
            handlers=tuple(signal.getsignal(signo) for signo in signal.valid_signals()),
            log_handlers=tuple(logging.getLogger().handlers),
            environ=dict(os.environ),
            path=tuple(sys.path),
            cwd=str(Path.cwd()),
            settings=_settings(),
        )

    def left_since(self) -> str | None:
        """Say in words what has been left behind since, None if nothing."""
        now = Footprint.take()
        threads = threads_beside()
        if threads:
            return f"has started threads: {threads}"
        found = {
            "started processes": sorted(now.children - self.children),
            "opened": [_shown(fd) for fd in now.fds - self.fds],
            "set signal handlers": [] if now.handlers == self.handlers else ["signal.getsignal"],
            "given handlers to": [] if now.log_handlers == self.log_handlers else ["the root logger"],
            "changed os.environ": sorted({key for key, _ in self.environ.items() ^ now.environ.items()}),
            "changed sys.path": [] if now.path == self.path else sorted({*now.path} ^ {*self.path}),
            "changed the directory": [] if now.cwd == self.cwd else [now.cwd],
            "changed the process": sorted(key for key, is_now in now.settings.items() if is_now != self.settings[key]),
        }
        told = [f"has {what}: {', '.join(things)}" for what, things in found.items() if things]
        return "; ".join(told) or None


@contextmanager
def import_as(path: list[str], cwd: str) -> Iterator[None]:
    """Import as a child would that is started there: its search path, its directory; nothing that it prints shows."""
    own_path, own_cwd = sys.path[:], Path.cwd()
    output: list[int] = []
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a path object costs pages that forks would copy
            for fd in (1, 2):
                output.append(os.dup(fd))
                os.dup2(nowhere.fileno(), fd)
        os.chdir(cwd)
        sys.path[:] = path
        importlib.invalidate_caches()
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, saved in zip((1, 2), output, strict=False):  # fewer if there were no descriptors left
            os.dup2(saved, fd)
            os.close(saved)
        sys.path[:] = own_path
        os.chdir(own_cwd)


def probe(module: str, path: list[str], cwd: str, answer_fd: int) -> NoReturn:
    """Try an import in a fork that ends with it, and write why it cannot be shared; nothing if it can.

    Whatever the import does to its process, it does it here. What it raises is not told: a child that needs it does.
    Runs in: the only thread of a fork.
    """
    code = IMPORT_RAISED
    try:
        os.setsid()
        os.closerange(3, answer_fd)
        os.closerange(answer_fd + 1, os.sysconf("SC_OPEN_MAX"))
        with import_as(path, cwd):
            before = Footprint.take()
            with importing_target(module):
                importlib.import_module(module)
            why = before.left_since()
        if why:
            os.write(answer_fd, f"it {why}".encode("utf-8", "replace")[:WHY_MAX])
        code = 0
    finally:
        os._exit(code)


def await_alone() -> None:
    """Wait until threads that were joined have left the kernel, too: a moment later than Python knows."""
    deadline = time.monotonic() + ALONE_SECONDS
    while len(os.listdir(_TASKS)) > 1 and time.monotonic() < deadline:  # noqa: PTH208 - as above
        os.sched_yield()


def threads_beside() -> str | None:
    """Name the threads of this process beside the only one that may be there, None if there are none.

    Libraries that know of forks end theirs before one (OpenBLAS, under numpy): a fork is tried before they count.
    """
    if threading.active_count() > 1:
        return ", ".join(sorted(t.name for t in threading.enumerate() if t is not threading.main_thread()))
    if len(os.listdir(_TASKS)) == 1:  # noqa: PTH208 - as above
        return None
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    left = len(os.listdir(_TASKS)) - 1  # noqa: PTH208 - as above
    return f"{left} of a library" if left else None


def _open_fds() -> frozenset[int]:
    fds = frozenset(int(name) for name in os.listdir(_FDS))  # noqa: PTH208 - as above
    return frozenset(fd for fd in fds if (_FDS / str(fd)).is_symlink())  # without the one that was open to look


def _settings() -> dict[str, object]:
    timers = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
    return {
        "umask": _umask(),
        "signal mask": signal.pthread_sigmask(signal.SIG_BLOCK, []),
        "timers": [signal.getitimer(timer) != (0.0, 0.0) for timer in timers],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        **{name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")},
    }


def _umask() -> str:
    """Read it without setting it. Some 50 microseconds."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    return status.partition("\nUmask:")[2].partition("\n")[0].strip()


def _children() -> frozenset[str]:
    try:
        return frozenset((_TASKS / str(os.getpid()) / "children").read_text("ascii").split())
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        return frozenset()


def _shown(fd: int) -> str:
    try:
        return str((_FDS / str(fd)).readlink())
    except OSError:
        return f"descriptor {fd}"
