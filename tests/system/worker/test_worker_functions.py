"""Functions end to end: a client, a gateway, a worker, real processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest

import regrow
from regrow.actors import ActorExited
from regrow.connect.errors import InvocationFailed
from regrow.connect.worker import Worker, WorkerOptions

MakeWorker = Callable[..., Worker]
WAIT = 20.0


def failure(client: regrow.Client, function: str, *args: object) -> InvocationFailed:
    with pytest.raises(InvocationFailed) as raised:
        client.invoke(function, *args, timeout=30)
    return raised.value


def test_a_function_computes_in_a_process_of_its_own(make_worker: MakeWorker, client: regrow.Client) -> None:
    worker = make_worker("burn", "add")
    pid = client.invoke("burn", 0.1)
    assert pid in worker.executor_pids
    assert pid != os.getpid()
    assert client.invoke("add", 1, b=2) == 3


def test_functions_run_beside_each_other_up_to_capacity(make_worker: MakeWorker, client: regrow.Client) -> None:
    make_worker("pair")
    requests = [client.submit("pair", number) for number in range(20)]
    results = [client.result(request, timeout=30) for request in requests]
    assert [first for first, _ in results] == list(range(20))  # type: ignore[misc]
    assert len({pid for _, pid in results}) == 2  # type: ignore[misc]


def test_a_thread_function_runs_in_the_main_process(make_worker: MakeWorker, client: regrow.Client) -> None:
    worker = make_worker("where", isolation="thread")
    assert client.invoke("where") == os.getpid()
    assert worker.executor_pids == ()


@pytest.mark.parametrize("isolation", ["process", "thread"])
def test_headers_of_the_client_reach_the_function(
    make_worker: MakeWorker, client: regrow.Client, isolation: str
) -> None:
    make_worker("headers", isolation=isolation).wait_ready()
    sent = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    assert client.having(regrow.RequestOptions(headers=sent)).invoke("headers") == sent
    assert client.invoke("headers") == {}


def test_a_death_is_answered_with_signal_and_function(make_worker: MakeWorker, client: regrow.Client) -> None:
    worker = make_worker("die", "add", options=WorkerOptions(deaths_before_quarantine=1))
    ended = failure(client, "die", int(signal.SIGSEGV))
    assert "'die'" in str(ended)
    assert client.invoke("add", 1, 1) == 2
    assert worker.status().executor is not None


def test_the_report_of_a_death_names_function_and_request(make_worker: MakeWorker, client: regrow.Client) -> None:
    worker = make_worker("die", options=WorkerOptions(deaths_before_quarantine=1))
    ends: SimpleQueue[ActorExited] = SimpleQueue()
    worker.system.bus.subscribe(ends.put, ActorExited)
    request = client.submit("die", int(signal.SIGKILL))
    report = ends.get(timeout=WAIT).report
    assert report is not None
    assert report.in_hand == f"die {request}"


def test_a_fork_of_a_function_that_returns_does_not_answer_for_it(
    make_worker: MakeWorker, client: regrow.Client
) -> None:
    worker = make_worker("fork_and_return", "where")
    assert [client.invoke("fork_and_return") for _ in range(3)] == ["parent"] * 3
    executor = worker.status().executor
    assert executor is not None
    assert executor.statistics.deaths == 0


def test_multiprocessing_works_in_a_function(make_worker: MakeWorker, client: regrow.Client) -> None:
    make_worker("terminate_forked")
    assert client.invoke("terminate_forked", timeout=30) == [0, -signal.SIGTERM]


def test_a_fork_that_is_ended_before_it_has_run_ends(make_worker: MakeWorker, client: regrow.Client) -> None:
    """CPython forgets in a fresh fork what a handler of its parent has caught."""
    make_worker("end_forks_at_once")
    assert client.invoke("end_forks_at_once", timeout=60) == [-signal.SIGTERM] * 10


def test_programs_started_by_a_function_can_be_interrupted(make_worker: MakeWorker, client: regrow.Client) -> None:
    make_worker("interrupt_program")
    assert client.invoke("interrupt_program", timeout=30) == -signal.SIGINT


def test_a_process_that_has_closed_its_own_ears_is_replaced(make_worker: MakeWorker, client: regrow.Client) -> None:
    make_worker("close_selector", "add")
    assert client.invoke("close_selector", timeout=30) == "closed"
    assert [client.invoke("add", 1, number, timeout=30) for number in range(4)] == [1, 2, 3, 4]


def test_a_function_that_was_killed_is_run_again_here_if_it_wants_to_be(
    make_worker: MakeWorker, client: regrow.Client, tmp_path: Path
) -> None:
    worker = make_worker("die_once", retries=1)
    assert client.invoke("die_once", str(tmp_path / "marker"), timeout=30) == "second"
    executor = worker.status().executor
    assert executor is not None
    assert (executor.statistics.deaths, executor.statistics.rerun) == (1, 1)


def test_a_function_that_was_killed_is_given_back_and_delivered_again(
    make_worker: MakeWorker, client: regrow.Client, tmp_path: Path
) -> None:
    worker = make_worker("die_once")
    assert client.invoke("die_once", str(tmp_path / "marker"), timeout=30) == "second"
    executor = worker.status().executor
    assert executor is not None
    assert (executor.statistics.taken, executor.statistics.rerun) == (2, 0)


def test_a_poisonous_request_is_quarantined_and_the_worker_lives(
    make_worker: MakeWorker, client: regrow.Client
) -> None:
    make_worker("die", "add")
    ended = failure(client, "die", int(signal.SIGKILL))
    assert "3 times" in str(ended)
    assert client.invoke("add", 2, 2) == 4


def test_a_result_that_cannot_be_said_names_the_path(make_worker: MakeWorker, client: regrow.Client) -> None:
    make_worker("unsayable")
    assert "['rows'][1]" in str(failure(client, "unsayable"))


def test_an_exception_travels_as_data_with_its_traceback(make_worker: MakeWorker, client: regrow.Client) -> None:
    make_worker("fail")
    ended = failure(client, "fail")
    assert "LookupError" in str(ended)
    assert "worker_jobs.py" in ended.failure.traceback


def test_arguments_that_do_not_fit_are_refused_with_the_signature(
    make_worker: MakeWorker, client: regrow.Client
) -> None:
    make_worker("add")
    assert "a: 'int'" in str(failure(client, "add"))


def test_past_its_deadline_a_function_that_holds_the_gil_is_killed_and_nobody_else_is(
    make_worker: MakeWorker, client: regrow.Client
) -> None:
    quick = WorkerOptions(cancel_grace=0.1, interrupt_grace=0.1)
    worker = make_worker("hold_gil", "add", options=quick, deadline=0.3)
    before = set(worker.executor_pids)
    start = time.monotonic()
    ended = failure(client, "hold_gil", 20)
    assert time.monotonic() - start < 10
    assert ended.failure.kind == "deadline"
    assert client.invoke("add", 1, 1, timeout=20) == 2
    assert len(before & set(worker.executor_pids)) == 1


def test_a_cancelled_function_may_heed_its_flag(
    make_worker: MakeWorker, client: regrow.Client, eventually: Callable[..., None]
) -> None:
    worker = make_worker("heed")
    request = client.submit("heed")
    eventually(lambda: (status := worker.status().executor) is not None and status.running == 1)
    client.cancel(request)
    eventually(lambda: (status := worker.status().executor) is not None and status.running == 0)


def test_beats_are_on_time_while_functions_hold_the_gil(make_worker: MakeWorker, client: regrow.Client) -> None:
    worker = make_worker("hold_gil")
    requests = [client.submit("hold_gil", 1) for _ in range(2)]
    for request in requests:
        client.result(request, timeout=30)
    beat = worker.watch.heartbeat
    assert beat is None or beat.worst_lateness < 0.5


def test_runs_of_a_function_with_a_concurrency_go_one_after_the_other(
    make_worker: MakeWorker, client: regrow.Client
) -> None:
    make_worker("pair", concurrency=1, rate="1000/s", priority=3, quarantine=2)
    requests = [client.submit("pair", number) for number in range(10)]
    results = [client.result(request, timeout=30) for request in requests]
    assert [first for first, _ in results] == list(range(10))  # type: ignore[misc]
    assert len({pid for _, pid in results}) == 1  # type: ignore[misc]
