"""The service that `benchmarks.service_soak` runs, as its users do, and all that can be done to it.

What lives here: the programs, their keeper, the faults. What must not: requests, and what became of them.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from benchmarks.service_soak_jobs import JOURNAL
from regrow.chaos import Fault, FaultProxy, Freeze, Kill, TargetGone, Thaw, inject

__all__ = ("FAULTS", "Disk", "Program", "Service")

HEARTBEAT, LEASE = "300ms", "2s"  # short, so that a freeze of seconds loses leases
DISK_BYTES: Final = 96 * 1024 * 1024
RESTART_SECONDS: Final = 0.3  # that a service manager waits before it starts again what has ended
ORDERLY: Final = {"gateway": (1, 3), "worker": (1, 3)}  # exit codes with which a manager starts it again
"""1 it gave up, 3 it could not start: both are what a full disk and a storm of kills may do to them."""


@dataclass(slots=True)
class Program:
    """One command that is kept running."""

    name: str
    kind: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    due: float = 0.0  # when it is started again

    def start(self) -> None:
        """Start it; its words are appended to its log."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "regrow.cli", *self.command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def find(self, role: str) -> list[int]:
        """Give the processes of it that have this role: "main", or the name that the system shows for them."""
        if self.process is None or self.process.poll() is not None:
            return []
        if role == "main":
            return [self.process.pid]
        found = []
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if child.name().startswith(role):
                        found.append(child.pid)
        return found


class Disk:
    """A small disk of its own for all that has to be durable, if this user may mount one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "regrow-soak", str(path)]
        try:
            self.small = subprocess.run(command, check=False, capture_output=True, timeout=10).returncode == 0
        except FileNotFoundError:
            self.small = False

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), (self.path / "filler").open("ab") as file:  # ENOSPC is what is wanted
            while True:
                file.write(bytes(1 << 16))
                file.flush()

    def free(self) -> None:
        """Give the room back."""
        (self.path / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Unmount it."""
        if self.small:
            subprocess.run(["umount", "-l", str(self.path)], check=False, timeout=10)


@dataclass(slots=True)
class Service:
    """A gateway and workers, each behind a proxy, on a disk of their own."""

    directory: Path
    mark: dict[str, str]
    store: str = "sqlite"
    workers: int = 2
    only: tuple[str, ...] = ()  # the kinds of faults that may happen; none named: all
    ended: Counter[str] = field(default_factory=Counter[str])
    objections: list[str] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    proxies: dict[str, FaultProxy] = field(default_factory=dict)
    disk: Disk = field(init=False)
    kept: bool = True

    def __post_init__(self) -> None:
        self.journal.mkdir()
        self.disk = Disk(self.directory / "disk")
        port = _free_port()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("REGROW_")}
        environment |= self.mark | {JOURNAL: str(self.journal), "PYTHONPATH": os.pathsep.join(sys.path)}
        store = f"sqlite:{self.disk.path / 'gateway.sqlite'}" if self.store == "sqlite" else self.store
        flags = [f"--port={port}", f"--store={store}", f"--heartbeat-interval={HEARTBEAT}", f"--lease={LEASE}"]
        gateway = Program("gateway", "gateway", ["gateway", *flags], self.directory / "gateway.log", environment)
        self.programs.append(gateway)
        for name in ["clients", *(f"worker-{number}" for number in range(1, self.workers + 1))]:
            self.proxies[name] = FaultProxy("127.0.0.1", port).__enter__()
        jobs = Path(__file__).with_name("service_soak_jobs.py")
        for name in list(self.proxies)[1:]:
            command = ["worker", str(jobs), f"--url={self.url(name)}", f"--name={name}"]
            command += [f"--state-dir={self.disk.path / name}", f"--control={self.directory / name}.sock"]
            self.programs.append(Program(name, "worker", command, self.directory / f"{name}.log", environment))
        for program in self.programs:
            program.start()

    @property
    def journal(self) -> Path:
        """Where the functions write down what they do."""
        return self.directory / "journal"

    def url(self, name: str) -> str:
        """Where `name` finds the gateway."""
        return f"ws://127.0.0.1:{self.proxies[name].port}"

    def keep(self, now: float) -> None:
        """Start again what has ended, as a service manager would."""
        for program in self.programs:
            if program.due:
                if now >= program.due:
                    program.due = 0.0
                    program.start()
            elif self.kept and program.process is not None and (code := program.process.poll()) is not None:
                self.ended[f"{program.kind} {code}"] += 1
                if code >= 0 and code not in ORDERLY[program.kind]:
                    self.objections.append(f"{program.name} ended with {code}")
                program.due = now + RESTART_SECONDS

    # ── faults ───────────────────────────────────────────────────────────────────────────────────────────────────

    def fault(self, rng: random.Random) -> tuple[str, float, Callable[[], None]] | None:
        """Do one thing at random. Give what, for how long, and how it is undone; None if nobody was there for it."""
        kinds = [each for each in self.only or FAULTS if each != "full disk" or self.disk.small]
        if not kinds:
            return None
        kind = rng.choices(kinds, [FAULTS[each] for each in kinds])[0]
        deed, _, role = kind.partition(" ")
        if kind == "full disk":
            self.disk.fill()
            return kind, rng.uniform(0.2, 3.0), self.disk.free
        if deed in ("kill", "freeze"):
            pids = [pid for program in self._of(role) for pid in program.find(_ROLES[role])]
            if not pids:
                return None
            pid = rng.choice(pids)
            if not _hit(Kill() if deed == "kill" else Freeze(), pid):
                return None
            return kind, rng.choice((0.3, 1.0, 4.0, 7.0)) if deed == "freeze" else 0.0, lambda: _thaw(pid)
        proxy = self.proxies["clients" if role == "clients" else rng.choice(list(self.proxies)[1:])]
        if deed == "cut":
            proxy.cut()
            return kind, 0.0, _nothing
        if deed == "partition":
            proxy.swallow()
        else:
            proxy.refuse()
        # What was swallowed is lost in the middle of a stream: no such connection may ever go on.
        return kind, rng.choice((0.2, 1.0, 3.0, 6.0)), lambda: _heal(proxy)

    def _of(self, role: str) -> Iterator[Program]:
        wanted = "gateway" if role == "gateway" else "worker"
        return (program for program in self.programs if program.kind == wanted)

    # ── the end ──────────────────────────────────────────────────────────────────────────────────────────────────

    def stop(self) -> None:
        """Ask all to end, the workers first; object to what does not end in order."""
        self.kept = False
        for kind in ("worker", "gateway"):
            running = [each for each in self.programs if each.kind == kind and each.process is not None]
            for program in running:
                if program.process is not None and program.process.poll() is None:
                    program.process.send_signal(signal.SIGTERM)
            for program in running:
                if program.process is None:
                    continue
                try:
                    code = program.process.wait(40.0)
                except subprocess.TimeoutExpired:
                    self.objections.append(f"{program.name} did not end")
                    program.process.kill()
                    program.process.wait(10.0)
                else:
                    if code:
                        self.objections.append(f"{program.name} was told to end, and ended with {code}")

    def close(self) -> None:
        """Let go of everything, whatever state it is in."""
        for program in self.programs:
            if program.process is not None and program.process.poll() is None:
                program.process.kill()
                program.process.wait(10.0)
        for proxy in self.proxies.values():
            proxy.close()
        self.disk.close()


FAULTS: Final = {
    "kill link": 4,
    "kill executor": 6,
    "kill worker": 2,
    "kill gateway": 3,
    "freeze link": 3,
    "freeze executor": 3,
    "freeze worker": 2,
    "freeze gateway": 2,
    "partition workers": 3,
    "partition clients": 1,
    "refuse workers": 1,
    "refuse clients": 1,
    "cut workers": 2,
    "cut clients": 1,
    "full disk": 1,
}
"""What is done, and how often compared with the others."""

_ROLES: Final = {"link": "link", "executor": "executor", "worker": "main", "gateway": "main"}


def _hit(fault: Fault, pid: int) -> bool:
    try:
        inject(fault, pid)
    except TargetGone:
        return False
    return True


def _thaw(pid: int) -> None:
    _hit(Thaw(), pid)


def _heal(proxy: FaultProxy) -> None:
    proxy.cut()
    proxy.pass_through()


def _nothing() -> None:
    """What needs no undoing."""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
