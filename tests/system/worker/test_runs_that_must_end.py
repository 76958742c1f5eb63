"""What a function knows of its run, and how a run ends that must, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import regrow
from regrow.connect.errors import InvocationFailed
from regrow.connect.worker import Worker, WorkerOptions

MakeWorker = Callable[..., Worker]
IMPATIENT = WorkerOptions(cancel_grace=0.3, interrupt_grace=0.3)
everywhere = pytest.mark.parametrize("isolation", ["process", "thread", "inline"])


def failure(client: regrow.Client, function: str) -> InvocationFailed:
    with pytest.raises(InvocationFailed) as raised:
        client.invoke(function, timeout=30)
    return raised.value


@everywhere
def test_a_function_is_given_its_run(make_worker: MakeWorker, client: regrow.Client, isolation: str) -> None:
    make_worker("knows_its_run", isolation=isolation, deadline=20.0)
    assert client.invoke("knows_its_run", 2) == [True, 1, False, True, 2]
    with pytest.raises(InvocationFailed, match=r"knows_its_run\(\): n: expected float, got 'two'"):
        client.invoke("knows_its_run", "two")


@everywhere
def test_an_async_function_that_waits_is_cancelled_at_its_deadline(
    make_worker: MakeWorker, client: regrow.Client, isolation: str
) -> None:
    """The graces are longer than the test: only the first rung can have ended it."""
    worker = make_worker(
        "waits_for_ever", isolation=isolation, deadline=0.3, options=WorkerOptions(cancel_grace=60, interrupt_grace=60)
    )
    ended = failure(client, "waits_for_ever")
    assert (ended.kind, "deadline of 'waits_for_ever'" in ended.text) == ("deadline", True)
    executor = worker.status().executor
    assert executor is not None
    assert executor.statistics.killed == 0


@pytest.mark.parametrize("isolation", ["process", "thread"])
@pytest.mark.parametrize("function", ["flag_heeded", "computes_for_ever"])
def test_a_function_heeds_its_flag_or_is_interrupted(
    make_worker: MakeWorker, client: regrow.Client, isolation: str, function: str
) -> None:
    options = WorkerOptions(cancel_grace=0.3, interrupt_grace=60)
    worker = make_worker(function, isolation=isolation, deadline=0.3, options=options)
    assert failure(client, function).kind == "deadline"
    executor = worker.status().executor
    assert executor is not None
    assert (executor.statistics.killed, executor.statistics.deaths) == (0, 0)


@pytest.mark.parametrize("isolation", ["process", "thread"])
def test_a_run_that_heeds_nothing_is_killed_or_given_up_and_its_place_filled(
    make_worker: MakeWorker, client: regrow.Client, isolation: str
) -> None:
    worker = make_worker("swallows_interrupts", isolation=isolation, deadline=0.3, options=IMPATIENT, capacity=1)
    for _ in range(2):  # the second one finds a place
        ended = failure(client, "swallows_interrupts")
        assert ended.kind == "deadline"
        assert ("killed" in ended.text) == (isolation == "process")
        assert ("given up" in ended.text) == (isolation == "thread")
    executor = worker.status().executor
    assert executor is not None
    assert executor.statistics.killed == 2
