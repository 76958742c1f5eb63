"""The service as its users run it: `regrow gateway`, `regrow worker`, `regrow run`, as programs.

Each program is marked in its environment, which all that it starts inherits; so what it leaves behind is found by
looking, whoever is its parent by then.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil

import regrow
from tests.system.logged_program import LoggedProgram, environment
from tests.system.waiting import FACTOR, WAIT, until

JOBS = Path(__file__).parent / "service_jobs.py"
TOKEN = "secret"
_MARK = "SERVICE_TEST_MARK"


class Program(LoggedProgram):
    """One `regrow` command that can be found again, with all that it has started."""

    def __init__(self, directory: Path, *args: str, env: dict[str, str] | None = None) -> None:
        self.mark = uuid.uuid4().hex
        log = directory / f"{args[0]}-{self.mark[:6]}.log"
        super().__init__(directory, log, *args, env=environment(directory, **{_MARK: self.mark}) | (env or {}))

    def family(self) -> list[psutil.Process]:
        """Find every living process that carries its mark; zombies have ended."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if f"{_MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                    found.append(psutil.Process(int(entry.name)))
            except (OSError, psutil.NoSuchProcess):
                continue  # gone while we look, or not ours
        return found

    def gone(self, timeout: float = 2.0 * FACTOR) -> None:
        """See that nothing of it is left, within the time."""
        until(lambda: not self.family(), timeout, lambda: f"{[p.as_dict(['pid', 'cmdline']) for p in self.family()]}")

    def destroy(self) -> None:
        for _ in range(3):  # one may be forked while we look
            for process in self.family():
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self.process.wait(WAIT)


class Service:
    """A directory, and the programs that run in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.started: list[Program] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def program(self, *args: str, env: dict[str, str] | None = None) -> Program:
        program = Program(self.directory, *args, env=env)
        self.started.append(program)
        return program

    def begin_gateway(self, *flags: str) -> Program:
        """Start one on SQLite, at the port of the one before; returns at once."""
        store = f"--store=sqlite:{self.directory / 'gateway.sqlite'}"
        return self.program("gateway", f"--port={self.port}", f"--token={TOKEN}", store, *flags)

    def gateway(self, *flags: str) -> Program:
        """Start one and wait until it listens."""
        gateway = self.begin_gateway(*flags)
        gateway.wait_for("gateway listens on ")
        line = next(line for line in gateway.text().splitlines() if "gateway listens on " in line)
        self.port = int(line.rpartition(":")[2])
        return gateway

    def worker(self, *flags: str, app: str | Path = JOBS, env: dict[str, str] | None = None) -> Program:
        """Start one; returns at once."""
        return self.program("worker", str(app), f"--url={self.url}", f"--token={TOKEN}", *flags, env=env)

    def client(self) -> regrow.Client:
        return regrow.Client(self.url, token=TOKEN)

    def close(self) -> None:
        for program in self.started:
            program.destroy()


def begun(marker: Path, times: int = 1) -> Callable[[], bool]:
    """Give whether the function with this marker has begun so often."""
    file = Path(f"{marker}.started")
    return lambda: file.exists() and len(file.read_text().splitlines()) >= times
