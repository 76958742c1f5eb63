"""The link of a worker dies, the gateway goes and comes: nothing is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

import regrow
from regrow.actors.roles.messages import LinkStateChanged
from regrow.connect.worker import Worker, WorkerOptions
from regrow.connect.worker_errors import WorkerGaveUp, WorkerNotReady, WorkerRefused
from regrow.connect.worker_tree import EXECUTOR, LINK
from tests.system.waiting import until
from tests.system.worker.conftest import GatewayThread
from tests.system.worker.waiting_call import WaitingCall

MakeWorker = Callable[..., Worker]


def kill_link(worker: Worker) -> None:
    """SIGKILL the connection process and wait for the next READY."""
    readies, pid = worker.watch.link.readies, worker.link_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert worker.watch.wait(lambda: worker.watch.link.readies > readies, 20)
    assert worker.link_pid != pid


def test_a_killed_link_comes_back_and_what_runs_is_adopted(
    make_worker: MakeWorker, client: regrow.Client, tmp_path: Path
) -> None:
    worker = make_worker("wait_for")
    call = WaitingCall(client, tmp_path)
    kill_link(worker)
    call.let_go()
    call.assert_returns()
    executor = worker.status().executor
    assert executor is not None
    assert executor.statistics.taken == 1
    assert worker.watch.link.links == 2


def test_a_link_that_is_restarted_by_hand_gives_nothing_back_that_runs(
    make_worker: MakeWorker, client: regrow.Client, tmp_path: Path
) -> None:
    worker = make_worker("wait_for")
    call = WaitingCall(client, tmp_path)
    other = make_worker("wait_for")
    readies = worker.watch.link.readies
    worker.root.terminate_child(LINK)
    worker.root.restart_child(LINK)
    assert worker.watch.wait(lambda: worker.watch.link.readies > readies, 20)
    call.let_go()
    call.assert_returns()
    for each, taken in ((worker, 1), (other, 0)):
        executor = each.status().executor
        assert executor is not None
        assert executor.statistics.taken == taken


def test_a_result_that_ends_while_there_is_no_link_is_delivered_by_the_next(
    make_worker: MakeWorker, client: regrow.Client, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    worker = make_worker("wait_for")
    call = WaitingCall(client, tmp_path)
    pid = worker.link_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    call.let_go()
    eventually(lambda: (status := worker.status().executor) is not None and status.running == 0)
    os.kill(pid, signal.SIGKILL)
    call.assert_returns()


def test_links_killed_again_and_again_under_load_lose_nothing(make_worker: MakeWorker, client: regrow.Client) -> None:
    worker = make_worker("pair")
    requests = []
    for turn in range(3):
        requests += [client.submit("pair", 100 * turn + number) for number in range(30)]
        kill_link(worker)
    results = [client.result(request, timeout=30) for request in requests]
    assert sorted(first for first, _ in results) == sorted(
        100 * turn + number for turn in range(3) for number in range(30)
    )  # type: ignore[misc]


def test_a_gateway_that_is_not_there_is_waited_for(make_worker: MakeWorker, gateway: object) -> None:
    gateway.stop()  # type: ignore[attr-defined]
    quick = WorkerOptions(reconnect_base=0.02, reconnect_cap=0.1)
    worker = make_worker("add", ready=False, options=quick)
    with pytest.raises(WorkerNotReady, match="refused"):
        worker.wait_ready(0.3)
    gateway.start()  # type: ignore[attr-defined]
    assert worker.wait_ready(20).phase == "ready"


def test_a_gateway_that_restarts_is_found_again(
    make_worker: MakeWorker, gateway: object, client: regrow.Client
) -> None:
    worker = make_worker("add", options=WorkerOptions(reconnect_base=0.02, reconnect_cap=0.2))
    assert client.invoke("add", 1, 1) == 2
    readies, pid = worker.watch.link.readies, worker.link_pid
    gateway.stop()  # type: ignore[attr-defined]
    gateway.start()  # type: ignore[attr-defined]
    assert worker.watch.wait(lambda: worker.watch.link.readies > readies, 20)
    assert worker.link_pid == pid
    assert client.invoke("add", 1, 2, timeout=30) == 3


def test_a_gateway_that_goes_is_left_for_another_one_and_nothing_is_lost(
    make_worker: MakeWorker, gateway: GatewayThread, tmp_path: Path
) -> None:
    other = GatewayThread()
    other.start()
    try:
        urls = [gateway.url, other.url]
        worker = make_worker("wait_for", url=urls, options=WorkerOptions(reconnect_base=0.02, reconnect_cap=0.2))
        assert worker.watch.link.url == gateway.url
        go = tmp_path / "go"
        with regrow.Client(urls, token="secret") as client, ThreadPoolExecutor(1) as pool:
            call = pool.submit(client.invoke, "wait_for", str(go), timeout=60)
            until((tmp_path / "go.started").exists)
            gateway.stop()
            assert worker.watch.wait(lambda: worker.watch.link.url == other.url and _is_ready(worker), 20)
            go.write_text("go")
            assert call.result(30) == "seen"
            assert client.url == other.url
    finally:
        other.stop()


def test_a_gateway_that_drains_gets_what_runs_finished_and_the_next_one_is_there_before_it_is_left(
    make_worker: MakeWorker, tmp_path: Path
) -> None:
    first, second = GatewayThread(drain_timeout=30.0), GatewayThread()
    for each in (first, second):
        each.start()
    try:
        worker = make_worker("wait_for", "add", url=[first.url, second.url])
        with regrow.Client(first.url, token="secret") as client:
            call = WaitingCall(client, tmp_path)
            first.begin_stop()
            assert worker.watch.wait(lambda: worker.watch.link.phase == "draining", 20)
            call.let_go()
            call.assert_returns()
            assert worker.watch.wait(lambda: worker.watch.link.url == second.url and _is_ready(worker), 20)
        status = worker.status().executor
        assert status is not None
        assert status.statistics.taken == 1, "it was not begun again"
        first.stop()
        with regrow.Client(second.url, token="secret") as client:
            assert client.invoke("add", 1, 2, timeout=20) == 3
        until(lambda: _sockets_to(worker, first, second) == [second.port])
    finally:
        for each in (first, second):
            each.stop()


def _sockets_to(worker: Worker, *gateways: GatewayThread) -> list[int]:
    """Give the ports of these gateways that the link has sockets to."""
    ports = {each.port for each in gateways}
    found = psutil.Process(worker.link_pid).net_connections("tcp")
    return [each.raddr.port for each in found if each.raddr and each.raddr.port in ports]


def _is_ready(worker: Worker) -> bool:
    return worker.watch.link.phase == "ready"


def test_what_becomes_of_the_link_is_told_on_the_bus_from_the_first_moment_on(
    gateway: GatewayThread, eventually: Callable[..., None]
) -> None:
    import worker_jobs

    told: list[LinkStateChanged] = []
    quick = WorkerOptions(reconnect_base=0.02, reconnect_cap=0.1)
    worker = Worker(gateway.url, token="secret", capacity=1, options=quick)
    worker.function(worker_jobs.add)
    worker.subscribe(told.append, LinkStateChanged)
    with worker:
        worker.wait_ready(20)
        assert [event.phase for event in told] == ["connecting", "ready"]
        assert {event.url for event in told} == {gateway.url}
        gateway.stop()
        eventually(lambda: [event.code for event in told if event.phase == "waiting"][-1:] == ["unreachable"])
        gateway.start()
        eventually(lambda: told[-1].phase == "ready")
    phases = [event.phase for event in told]
    assert phases[:3] == ["connecting", "ready", "draining"]
    assert phases.count("ready") == 2


def test_a_worker_without_patience_gives_up_and_says_why(gateway: GatewayThread) -> None:
    import worker_jobs

    gateway.stop()
    quick = WorkerOptions(reconnect_base=0.01, reconnect_cap=0.02, max_attempts=3)
    worker = Worker(gateway.url, token="secret", capacity=1, options=quick)
    worker.function(worker_jobs.add)
    with worker, pytest.raises(WorkerGaveUp, match="no session after 3 attempts"):
        worker.wait_ready(20)


def test_a_wrong_token_is_final_and_said(gateway: object) -> None:
    import worker_jobs

    worker = Worker(gateway.url, token="wrong", capacity=1)  # type: ignore[attr-defined]
    worker.function(worker_jobs.add)
    worker.start()
    try:
        with pytest.raises(WorkerRefused, match="unauthorized"):
            worker.wait_ready(20)
    finally:
        worker.stop(0.0)


def test_a_stop_drains_what_runs(make_worker: MakeWorker, client: regrow.Client, tmp_path: Path) -> None:
    worker = make_worker("wait_for")
    call = WaitingCall(client, tmp_path)
    worker.begin_drain()
    call.let_go()
    assert worker.stop(20)
    call.assert_returns(10)


def test_a_stop_beside_another_one_returns_when_the_worker_has_ended(make_worker: MakeWorker) -> None:
    worker = make_worker("add", ready=False)
    for _ in range(4):
        zygote = worker.system.hosting.zygote_pid
        assert zygote is not None
        killers = [threading.Thread(target=worker.kill) for _ in range(2)]
        for killer in killers:
            killer.start()
        worker.stop(0.0)
        assert not psutil.pid_exists(zygote)
        for killer in killers:
            killer.join(20)
        worker.start()


def test_results_that_were_owed_at_the_end_are_delivered_by_the_next_run(
    make_worker: MakeWorker, gateway: object, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    with regrow.Client(gateway.url, token="secret") as client:  # type: ignore[attr-defined]
        state = tmp_path / "state"
        worker = make_worker("wait_for", state_dir=state)
        call = WaitingCall(client, tmp_path)
        instance = worker.instance
        gateway.stop()  # type: ignore[attr-defined]
    call.let_go()
    eventually(lambda: (status := worker.status().executor) is not None and status.running == status.unstored == 0)
    assert not worker.stop(0.2)
    again = make_worker("wait_for", state_dir=state, ready=False)
    assert again.instance == instance
    assert (state / "outbox.sqlite").exists()


def test_a_link_that_hangs_is_killed_and_replaced(make_worker: MakeWorker, client: regrow.Client) -> None:
    worker = make_worker("add", options=WorkerOptions(link_silence_beats=2))
    readies, pid = worker.watch.link.readies, worker.link_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert worker.watch.wait(lambda: worker.watch.link.readies > readies, 20)
    assert worker.link_pid != pid
    assert client.invoke("add", 1, 1, timeout=20) == 2


def test_functions_that_hold_the_gil_do_not_keep_a_crashed_dispatcher_from_coming_back(
    make_worker: MakeWorker, client: regrow.Client, eventually: Callable[..., None]
) -> None:
    worker = make_worker("hold_gil", "add", options=WorkerOptions(processes=6), capacity=6)
    for _ in range(6):
        client.submit("hold_gil", 60)
    eventually(lambda: (status := worker.status().executor) is not None and status.running == 6)
    first = worker.executor_pids
    readies = worker.watch.link.readies
    dispatcher = worker.system.whereis(EXECUTOR)
    assert dispatcher is not None
    dispatcher.kill()
    assert worker.watch.wait(lambda: worker.watch.link.readies > readies, 5)
    assert not [pid for pid in first if psutil.pid_exists(pid)]


def test_when_the_dispatcher_crashes_pool_and_link_follow_and_what_ran_is_delivered_again(
    make_worker: MakeWorker, client: regrow.Client, tmp_path: Path
) -> None:
    worker = make_worker("wait_for")
    call = WaitingCall(client, tmp_path)
    call.forget_that_it_started()
    links = worker.watch.link.links
    executor = worker.system.whereis("executor")
    assert executor is not None
    executor.kill()
    assert worker.watch.wait(lambda: worker.watch.link.links > links, 20)
    call.wait_started(10)
    call.let_go()
    call.assert_returns(20)


def test_a_death_is_noticed_although_somebody_has_stopped_the_zygote(
    make_worker: MakeWorker, client: regrow.Client, tmp_path: Path
) -> None:
    worker = make_worker("wait_for", "add")
    call = WaitingCall(client, tmp_path)
    zygote = worker.system.hosting.zygote_pid
    assert zygote is not None
    os.kill(zygote, signal.SIGSTOP)
    os.kill(call.pid, signal.SIGKILL)
    call.let_go()
    call.assert_returns()
    assert worker.system.hosting.zygote_pid != zygote
