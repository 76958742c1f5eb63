"""`regrow` as the first process of a pid namespace, as in a container: signals, orphans and exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import regrow

WAIT = 30.0
NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
APP = """
import os, subprocess
import regrow
worker = regrow.Worker("ws://127.0.0.1:1", token="secret", capacity=1)

@worker.function
def leave_an_orphan() -> None:
    subprocess.run(["sh", "-c", "sleep 0.2 &"], check=True)

@worker.function
def zombies() -> list[str]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{pid}/stat").read()
        except FileNotFoundError:
            continue
        name, _, rest = stat.partition(") ")
        if rest.startswith("Z"):
            found.append(name)
    return found

@worker.function
def sleepers() -> int:
    return subprocess.run(["pgrep", "-c", "-x", "sleep"], stdout=subprocess.DEVNULL).returncode
"""


def refused() -> str:
    try:
        tried = subprocess.run([*NAMESPACE, "true"], capture_output=True, text=True, timeout=WAIT, check=False)
    except FileNotFoundError:
        return "there is no unshare(1) here"
    return f"no pid namespace is to be had: {tried.stderr.strip()}" if tried.returncode else ""


WHY_NOT = refused()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

Launch = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def launch() -> Iterator[Launch]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, prefix: tuple[str, ...] = NAMESPACE) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-m", "regrow.cli", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=WAIT)


def url_of(gateway: subprocess.Popen[str]) -> str:
    assert gateway.stdout is not None
    return gateway.stdout.readline().split()[-1]


def first_process(process: subprocess.Popen[str]) -> psutil.Process:
    """Give process 1 of the namespace, which unshare waits for."""
    return psutil.Process(process.pid).children()[0]


def test_a_gateway_as_process_1_drains_on_sigterm(launch: Launch) -> None:
    process = launch("gateway", "--port=0", "--token=secret")
    url_of(process)
    first_process(process).send_signal(signal.SIGTERM)
    assert process.wait(WAIT) == 0


def test_a_start_that_fails_is_told_by_process_1(launch: Launch) -> None:
    assert launch("gateway", "--port=0", "--store=sqlite:/nowhere/at/all.db").wait(WAIT) == 3


def test_a_worker_as_process_1_leaves_no_zombie_and_drains_on_sigterm(launch: Launch, tmp_path: Path) -> None:
    gateway = launch("gateway", "--port=0", "--token=secret", prefix=())
    url = url_of(gateway)
    (tmp_path / "app_as_init.py").write_text(APP)
    process = launch("worker", str(tmp_path / "app_as_init.py"), f"--url={url}")
    with regrow.Client(url, token="secret") as client:
        client.invoke("leave_an_orphan", timeout=WAIT)
        while client.invoke("sleepers", timeout=WAIT) == 0:
            pass
        assert client.invoke("zombies", timeout=WAIT) == []
    first_process(process).send_signal(signal.SIGTERM)
    assert process.wait(WAIT) == 0
