"""What a service manager is told, on a socket of the test, and what it cannot break."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from regrow.connect.service_manager import ServiceManager

WAIT = 5.0


class Manager:
    """Stands in for systemd."""

    def __init__(self, address: str | bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(WAIT)
        self.socket.bind(address)

    def next(self) -> dict[str, str]:
        said = self.socket.recv(4096).decode()
        return dict(line.split("=", 1) for line in said.split("\n"))


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


def test_its_words_arrive_in_order(manager: Manager, tmp_path: Path) -> None:
    ours = ServiceManager.from_environment({"NOTIFY_SOCKET": str(tmp_path / "notify")})
    ours.ready("listens\non ws://x")
    ours.status("waits")
    ours.reloading()
    ours.stopping("drains")
    ours.beat()
    assert manager.next() == {"READY": "1", "STATUS": "listens on ws://x"}
    assert manager.next() == {"STATUS": "waits"}
    reload = manager.next()
    assert reload["RELOADING"] == "1"
    assert int(reload["MONOTONIC_USEC"]) > 0
    assert manager.next() == {"STOPPING": "1", "STATUS": "drains"}
    assert manager.next() == {"WATCHDOG": "1"}


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="expected Linux, where names need no file")  # noqa: PTH110
def test_a_name_that_is_no_file_is_heard_as_well() -> None:
    name = f"regrow-test-{os.getpid()}"
    manager = Manager(f"\0{name}")
    ServiceManager.from_environment({"NOTIFY_SOCKET": f"@{name}"}).ready("here")
    assert manager.next()["READY"] == "1"
    manager.socket.close()


def test_what_it_reads_it_takes_away_so_that_no_child_speaks_for_us() -> None:
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid()), "PATH": "p"}
    ours = ServiceManager.from_environment(environment)
    assert environment == {"PATH": "p"}
    assert ours.beat_seconds == 1.5


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "10000000"}, 5.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
    ],
)
def test_how_often_it_wants_a_sign_of_life(more: dict[str, str], seconds: float | None) -> None:
    assert ServiceManager.from_environment({"NOTIFY_SOCKET": "/run/x"} | more).beat_seconds == seconds


@pytest.mark.parametrize("address", ["", "relative/path", "vsock:2:1234"])
def test_without_a_manager_nothing_is_said(address: str) -> None:
    ours = ServiceManager.from_environment({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    assert not ours
    assert ours.beat_seconds is None
    ours.ready("nobody hears it")


def test_one_that_is_gone_is_complained_of_once_and_harms_nobody(
    tmp_path: Path, log: list[str], manager: Manager
) -> None:
    ours = ServiceManager(str(tmp_path / "notify"))
    manager.socket.close()
    for _ in range(3):
        ours.beat()
    assert len([line for line in log if "cannot be told WATCHDOG=1" in line]) == 1


def test_one_that_does_not_read_is_not_waited_for(tmp_path: Path, manager: Manager) -> None:
    ours = ServiceManager(str(tmp_path / "notify"))
    for _ in range(10_000):  # far more than its socket holds
        ours.status("x" * 1000)
    assert manager.next() == {"STATUS": "x" * 200}
