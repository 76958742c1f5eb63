"""`regrow gateway` and `regrow worker` under a service manager: ready, alive, stopping; and silent when they hang."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.service.programs import Program, Service
from tests.system.waiting import WAIT

pytestmark = pytest.mark.system


class Manager:
    """Stands in for systemd: a socket for one program."""

    def __init__(self, path: Path, watchdog_usec: int = 0) -> None:
        self.env = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(watchdog_usec or "")}
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(WAIT)
        self.socket.bind(str(path))

    def wait_for(self, word: str) -> dict[str, str]:
        """Give the next message that has this word; those before it are passed over."""
        while True:
            said = self.next()
            if word in said:
                return said

    def next(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))

    def silent(self, seconds: float) -> bool:
        """Say whether nothing comes for so long, after what is there already."""
        self.socket.settimeout(seconds)
        try:
            while True:
                self.socket.recv(4096)
                self.socket.settimeout(seconds)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(WAIT)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "n", watchdog_usec=200_000)
    yield made
    made.socket.close()


def environment_of(program: Program) -> list[bytes]:
    """Give what the processes that it started find in their environment, as far as a manager is concerned."""
    children = [process for process in program.family() if process.pid != program.process.pid]
    words = [Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0") for process in children]
    return [word for some in words for word in some if word.startswith((b"NOTIFY_SOCKET", b"WATCHDOG_"))]


def begin_gateway(service: Service, manager: Manager) -> Program:
    return service.program("gateway", "--port=0", "--token=secret", env=manager.env)


def test_a_gateway_is_ready_when_it_listens_beats_and_says_that_it_stops(service: Service, manager: Manager) -> None:
    gateway = begin_gateway(service, manager)
    assert manager.wait_for("READY")["STATUS"].startswith("listens on ws://127.0.0.1:")
    for _ in range(3):
        manager.wait_for("WATCHDOG")
    gateway.signal(signal.SIGTERM)
    assert manager.wait_for("STOPPING")["STATUS"].startswith("SIGTERM: drains")
    assert gateway.end() == 0


def test_a_gateway_that_is_frozen_gives_no_sign_of_life(service: Service, manager: Manager) -> None:
    gateway = begin_gateway(service, manager)
    manager.wait_for("WATCHDOG")
    os.kill(gateway.process.pid, signal.SIGSTOP)
    assert manager.silent(0.5)
    os.kill(gateway.process.pid, signal.SIGCONT)
    manager.wait_for("WATCHDOG")


def test_a_gateway_that_reads_its_keys_again_says_so(service: Service, manager: Manager, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert service.program("token", "new-key", f"--key-file={keys}").end() == 0
    gateway = service.program("gateway", "--port=0", f"--key-file={keys}", env=manager.env)
    manager.wait_for("READY")
    gateway.signal(signal.SIGHUP)
    assert "MONOTONIC_USEC" in manager.wait_for("RELOADING")
    manager.wait_for("READY")


def test_a_worker_is_ready_with_its_first_session_and_tells_how_its_link_is(service: Service, manager: Manager) -> None:
    service.gateway()
    worker = service.worker(env=manager.env)
    assert manager.wait_for("READY")["STATUS"].startswith("ready")
    for _ in range(3):
        manager.wait_for("WATCHDOG")
    assert environment_of(worker) == []
    service.started[0].process.kill()
    while not manager.wait_for("STATUS")["STATUS"].startswith("waiting"):
        pass
    manager.wait_for("WATCHDOG")  # a gateway that is away is no reason to end it
    worker.signal(signal.SIGTERM)
    assert manager.wait_for("STOPPING")["STATUS"].startswith("SIGTERM: drains")
    assert worker.end() == 0


def test_a_worker_without_a_gateway_is_alive_and_not_ready(service: Service, manager: Manager) -> None:
    service.port = 1
    service.worker(env=manager.env)
    for _ in range(3):
        while "WATCHDOG" not in (said := manager.next()):
            assert "READY" not in said


def test_a_worker_whose_main_process_hangs_gives_no_sign_of_life(service: Service, manager: Manager) -> None:
    service.gateway()
    worker = service.worker(env=manager.env)
    manager.wait_for("READY")
    manager.wait_for("WATCHDOG")
    os.kill(worker.process.pid, signal.SIGSTOP)
    assert manager.silent(0.5)
    os.kill(worker.process.pid, signal.SIGCONT)
    manager.wait_for("WATCHDOG")
