"""Programs as a user starts them: subprocesses that are listened to, and that leave nothing behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 40.0 * float(os.environ.get("REGROW_TEST_TIMEOUT_FACTOR", "1"))  # seconds; of a wait that should take one


class Program:
    """A running program. `output` is all that it wrote so far, both streams."""

    def __init__(self, *argv: str, cwd: Path = ROOT, **env: str) -> None:
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-u", *argv],
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # a process group of its own, as a shell gives it
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def expect(self, text: str) -> str:
        """Wait until it has written this; give the line."""
        deadline = time.monotonic() + PATIENCE
        while not (found := [line for line in self.output.splitlines(keepends=True) if text in line and "\n" in line]):
            assert self._read(deadline), f"{text!r} never came; the program wrote:\n{self.output}"
        return found[0].rstrip("\n")

    def end(self, signo: int | None = None) -> int:
        """Send a signal, if one is given, and wait until it and all that it started have ended; give its exit code.

        SIGINT goes to the process group, as Ctrl-C in a terminal sends it.
        """
        family = psutil.Process(self.process.pid).children(recursive=True)
        if signo == signal.SIGINT:
            os.killpg(self.process.pid, signo)
        elif signo is not None:
            self.process.send_signal(signo)
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        code = self.process.wait(PATIENCE)
        _, alive = psutil.wait_procs(family, timeout=5.0)
        assert alive == [], f"left behind; the program wrote:\n{self.output}"
        return code

    def said(self) -> str:
        """Give what it has written up to now."""
        while self._read(time.monotonic()):
            pass
        return self.output

    def kill(self) -> None:
        """End it and its own, whatever state they are in."""
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self, deadline: float) -> bool:
        """Read what is there next; False at the end, or at the deadline."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
        self.output += data.decode(errors="replace")
        return bool(data)


@pytest.fixture
def launch() -> Iterator[Callable[..., Program]]:
    """Start a program: arguments for Python, `cwd`, environment variables by keyword."""
    started: list[Program] = []

    def start(*argv: str, cwd: Path = ROOT, **env: str) -> Program:
        started.append(Program(*argv, cwd=cwd, **env))
        return started[-1]

    yield start
    for program in reversed(started):
        program.kill()
