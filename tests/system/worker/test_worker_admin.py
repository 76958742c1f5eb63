"""What a worker answers about itself while its gateway goes and comes, its processes die, and functions hang."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest

import regrow
from regrow.connect.worker import Worker, WorkerOptions
from tests.connect.test_gateway_metrics import samples
from tests.system.waiting import WAIT, until
from tests.system.worker.conftest import GatewayThread

MakeWorker = Callable[..., Worker]
OPTIONS = WorkerOptions(http="127.0.0.1:0", reconnect_cap=0.5)


def get(worker: Worker, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.http_port}{path}", timeout=WAIT) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def test_without_being_asked_a_worker_answers_nothing(make_worker: MakeWorker) -> None:
    assert make_worker("add").http_port is None


def test_readiness_follows_the_gateway_away_and_back(make_worker: MakeWorker, gateway: GatewayThread) -> None:
    worker = make_worker("add", options=OPTIONS)
    until(lambda: get(worker, "/readyz")[0] == 200)
    gateway.stop()
    until(lambda: get(worker, "/readyz")[0] == 503)
    said = json.loads(get(worker, "/readyz")[1])
    assert said["ready"] is False
    assert said["reasons"][0].startswith("no session with the gateway: ")
    assert get(worker, "/healthz") == (200, b"ok\n")
    gateway.start()
    until(lambda: get(worker, "/readyz") == (200, b'{"ready": true, "reasons": []}\n'))
    worker.stop(0.0)
    assert worker.http_port is None


def test_an_executor_that_is_killed_is_counted(make_worker: MakeWorker) -> None:
    pytest.importorskip("prometheus_client")
    worker = make_worker("add", options=OPTIONS)
    until(lambda: len(worker.executor_pids) == 2)
    os.kill(worker.executor_pids[0], signal.SIGKILL)

    def deaths() -> float:
        seen = samples(get(worker, "/metrics")[1])
        return sum(value for name, value in seen.items() if name.startswith("regrow_worker_child_deaths_total{"))

    until(lambda: deaths() == 1)
    until(lambda: samples(get(worker, "/metrics")[1])["regrow_worker_executors"] == 2)


def test_functions_that_hold_the_gil_hold_up_no_answer(make_worker: MakeWorker, client: regrow.Client) -> None:
    worker = make_worker("hold_gil", options=OPTIONS)
    calls = [client.submit("hold_gil", 20) for _ in range(2)]
    until(lambda: (status := worker.status().executor) is not None and status.running == 2)
    assert len(calls) == 2
    assert get(worker, "/healthz")[0] == 200
    assert get(worker, "/readyz")[0] == 200
    worker.kill()
