"""SIGKILL for the main process of a worker under load: all of it is gone at once, and another one finishes its work."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.system.service.programs import JOBS, Program, Service, begun
from tests.system.waiting import FACTOR, WAIT, until

THREADS = """
import regrow
from service_jobs import hold_gil, wait_for

worker = regrow.Worker("ws://127.0.0.1:1", capacity=3, name="threads")
worker.function(isolation="thread")(hold_gil)
worker.function(isolation="process")(wait_for)
"""


def link_of(worker: Program) -> psutil.Process:
    return next(process for process in worker.family() if process.name() == "link")


def leave_it(_worker: Program) -> None:
    """The link lives, and says goodbye for all of them."""


def freeze_link(worker: Program) -> None:
    link_of(worker).suspend()


@pytest.mark.parametrize(
    ("before", "lease", "patience"),
    [(leave_it, "60s", 2.0), (freeze_link, "2s", 5.0)],
    ids=["the link says goodbye", "the link is frozen, leases run out"],
)
def test_all_of_it_is_gone_in_two_seconds_and_another_worker_finishes_its_work(
    service: Service, tmp_path: Path, before: Callable[[Program], None], lease: str, patience: float
) -> None:
    """Executors wait, hold the GIL in C, have a program of their own; small work waits behind them."""
    markers = {name: tmp_path / name for name in ("wait_for", "hold_gil", "keep_a_program")}
    service.gateway(f"--lease={lease}", "--heartbeat-interval=500ms")
    first = service.worker()
    with service.client() as client:
        requests = [client.submit(name, str(marker)) for name, marker in markers.items()]
        for marker in markers.values():
            until(begun(marker), what=first.text)
        small = [client.submit("spin", 2_000 + number) for number in range(30)]
        until(lambda: len(first.family()) == 8)  # main, zygote, its spare, link, three executors, a program
        before(first)
        first.process.kill()
        killed = time.monotonic()
        first.gone(2.0 * FACTOR)
        until(lambda: client.status()["leased"] == client.status()["running"] == 0, patience * FACTOR)
        released = time.monotonic() - killed
        assert released < patience * FACTOR
        for marker in markers.values():
            marker.touch()
        service.worker()
        results = [client.result(request, timeout=WAIT) for request in requests]
        assert results == ["seen", "held", "seen"]
        for number, request in enumerate(small):
            assert client.result(request, timeout=WAIT) == sum(n * n for n in range(2_000 + number))
        settled = client.status()["settled"]
        assert isinstance(settled, dict)
        assert settled["completed"] == len(requests) + len(small)


def test_a_main_process_that_holds_the_gil_is_killed_with_all_that_is_its_own(service: Service, tmp_path: Path) -> None:
    (tmp_path / "threads.py").write_text(THREADS)
    holds, waits = tmp_path / "holds", tmp_path / "waits"
    service.gateway()
    first = service.worker(app="threads.py", env={"PYTHONPATH": f"{Path(__file__).parents[3]}:{JOBS.parent}"})
    with service.client() as client:
        requests = [client.submit("wait_for", str(waits)), client.submit("hold_gil", str(holds))]
        until(begun(waits), what=first.text)
        until(begun(holds), what=first.text)
        first.signal(signal.SIGKILL)
        first.gone()
        waits.touch()
        holds.touch()
        service.worker()
        assert [client.result(request, timeout=WAIT) for request in requests] == ["seen", "held"]


def test_a_whole_tree_that_is_killed_at_once_leaves_work_that_is_redelivered(service: Service, tmp_path: Path) -> None:
    """As the out-of-memory killer of a container does it: nobody can say goodbye."""
    marker = tmp_path / "go"
    service.gateway("--lease=2s", "--heartbeat-interval=500ms")
    first = service.worker()
    with service.client() as client:
        request = client.submit("wait_for", str(marker))
        until(begun(marker), what=first.text)
        for process in first.family():
            os.kill(process.pid, signal.SIGKILL)
        first.gone()
        marker.touch()
        second = service.worker()
        assert client.result(request, timeout=WAIT) == "seen", second.text()
