"""Fixtures of every test: nothing may be left behind, and waits come in one unit that the environment scales.

What lives here: the leak check (threads, descriptors, child processes) and `ms`. What must not: fixtures of one room.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

TIMEOUT_FACTOR: Final = float(os.environ.get("REGROW_TEST_TIMEOUT_FACTOR", "1"))
MS: Final = 0.001 * TIMEOUT_FACTOR  # seconds; waits of real-OS tests are multiples of it, as in websockets' suite

# Seconds that things on their way out may take: a thread between its last line and its end, a child being reaped.
SETTLE_TIMEOUT: Final = 3.0 * TIMEOUT_FACTOR

# "same": the same examples in every run, for `make test`. "soak": other ones in every run, and many, for `make soak`.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile(
    "soak",
    max_examples=1000,
    stateful_step_count=40,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile("same")

# Owned by the interpreter or by pytest, started on first use and never ended by design.
_FOREIGN_THREADS: Final = ("pytest_timeout", "pydevd.", "QueueFeederThread")
_FOREIGN_COMMANDS: Final = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
_FOREIGN_FILES: Final = ("/dev/urandom", "/dev/random", "anon_inode:[io_uring]")

_SELF_TASKS: Final = Path("/proc/self/task")
_SELF_FDS: Final = Path("/proc/self/fd")


def pytest_configure() -> None:
    """Take Ctrl-C as usual, here and in the programs under test, also in a shell's background job, which ignores it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the process has at one moment. `fds`: number -> what it leads to; `children`: pid -> command line."""

    threads: frozenset[threading.Thread]
    fds: dict[int, str]
    children: dict[int, str]

    @classmethod
    def now(cls) -> Belongings:
        """Look. Only Linux tells about descriptors and children; elsewhere those two stay empty."""
        threads = frozenset(t for t in threading.enumerate() if not t.name.startswith(_FOREIGN_THREADS))
        return cls(threads, _open_fds(), _living_children())

    def beyond(self, before: Belongings) -> Belongings:
        """Give what is here and was not there before."""
        return Belongings(
            self.threads - before.threads,
            {fd: what for fd, what in self.fds.items() if before.fds.get(fd) != what},
            {pid: command for pid, command in self.children.items() if pid not in before.children},
        )

    def __bool__(self) -> bool:
        return bool(self.threads or self.fds or self.children)

    def __str__(self) -> str:
        lines = [f"thread {t.name!r} ({_where(t)})" for t in sorted(self.threads, key=lambda t: t.name)]
        lines += [f"file descriptor {fd} -> {what}" for fd, what in sorted(self.fds.items())]
        lines += [f"child process {pid}: {command}" for pid, command in sorted(self.children.items())]
        return "\n".join(f"  {line}" for line in lines)


def _where(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or -1)
    if frame is None:
        return "not running Python code"
    summary = traceback.extract_stack(frame, limit=None)
    own = [entry for entry in summary if "threading.py" not in entry.filename] or list(summary)
    return f"in {own[-1].name}, {own[-1].filename}:{own[-1].lineno}"


def _open_fds() -> dict[int, str]:
    if not _SELF_FDS.is_dir():
        return {}
    found = {}
    for name in os.listdir(_SELF_FDS):  # noqa: PTH208 - one descriptor less open while looking
        try:
            target = str((_SELF_FDS / name).readlink())
        except OSError:
            continue  # the descriptor that listdir itself had open
        if not target.startswith(_FOREIGN_FILES):
            found[int(name)] = target
    return found


def _living_children(of: Path = _SELF_TASKS) -> dict[int, str]:
    """Give the children, and theirs; those that ended and were not reaped count too."""
    found: dict[int, str] = {}
    for task in of.glob("*/children"):
        try:
            pids = [int(pid) for pid in task.read_text().split()]
        except OSError:
            continue  # that thread has just ended; its children belong to another one now
        for pid in pids:
            command = _command_of(pid)
            if not any(foreign in command for foreign in _FOREIGN_COMMANDS):
                found[pid] = command
                found |= _living_children(Path(f"/proc/{pid}/task"))
    return found


def _command_of(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        command = ""
    return command or "(ended, not reaped)"


def _settle(before: Belongings) -> Belongings:
    """Wait until nothing is left over that was not there before, or until the time is up; give what is left."""
    left = Belongings.now().beyond(before)
    if not left:
        return left
    gc.collect()  # event loops and sockets that only a reference cycle keeps
    deadline = time.monotonic() + SETTLE_TIMEOUT
    tick = threading.Event()
    pause = 0.001
    while (left := Belongings.now().beyond(before)) and time.monotonic() < deadline:
        tick.wait(pause)
        pause = min(pause * 2, 0.05)
    return left


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    """Fail the test that leaves a thread, a descriptor or a child process behind, and say which."""
    before = Belongings.now()
    yield
    left = _settle(before)
    for pid in left.children:  # named below; ended here, so that one bad test does not slow the others down
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
    if left:
        pytest.fail(f"left behind after {SETTLE_TIMEOUT:g} s:\n{left}", pytrace=False)


@pytest.fixture(scope="session")
def ms() -> float:
    """One millisecond in seconds, times REGROW_TEST_TIMEOUT_FACTOR."""
    return MS
