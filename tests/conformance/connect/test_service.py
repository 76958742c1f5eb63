"""Worker, gateway and client together, with a network between each two of them that a test can break."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

import regrow
from regrow.chaos import End, FaultProxy, Flow
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.gateway_process import GatewayActor
from regrow.connect.worker import Worker, WorkerOptions
from tests.conformance.case import case
from tests.conformance.connect.stage import TOKEN, Calls
from tests.system.waiting import WAIT, until

pytestmark = pytest.mark.system

BROKER = BrokerSettings(heartbeat_interval=0.1, heartbeat_misses=5, lease=3.0)


@dataclass
class Service:
    """All there is."""

    gateway: regrow.Gateway
    worker: Worker
    to_worker: FaultProxy
    to_client: FaultProxy
    calls: Calls
    client: regrow.Client = field(init=False)

    def begin(self) -> None:
        for proxy in (self.to_worker, self.to_client):
            proxy.pass_through()
        assert self.worker.watch.wait(lambda: self.worker.watch.link.phase == "ready", WAIT)

    def await_new_session(self, before: int) -> None:
        assert self.worker.watch.wait(lambda: self.worker.watch.link.readies > before, WAIT)

    @property
    def readies(self) -> int:
        return self.worker.watch.link.readies


@pytest.fixture(scope="module")
def shared_service() -> Iterator[Service]:
    calls = Calls()
    options = GatewayOptions(broker=BROKER, drain_timeout=0.1, close_timeout=0.2)
    with regrow.ActorSystem("service") as system:
        gateway = regrow.Gateway(token=TOKEN, options=options)
        system.spawn(GatewayActor, gateway)
        with FaultProxy(gateway.host, gateway.port) as to_worker, FaultProxy(gateway.host, gateway.port) as to_client:
            to_worker.refuse()
            quick = WorkerOptions(reconnect_base=0.01, reconnect_cap=0.1)
            worker = Worker(f"ws://127.0.0.1:{to_worker.port}", token=TOKEN, capacity=4, options=quick)
            worker.function(name="wait")(calls.wait)
            worker.start()
            try:
                yield Service(gateway, worker, to_worker, to_client, calls)
            finally:
                worker.stop(0.0)


@pytest.fixture
def service(shared_service: Service) -> Iterator[Service]:
    service = shared_service
    for kept in (service.calls.begun, service.calls.ended):
        kept.clear()
    with regrow.Client(f"ws://127.0.0.1:{service.to_client.port}", token=TOKEN) as client:
        service.client = client
        yield service
        service.calls.let_go()
    for proxy in (service.to_worker, service.to_client):
        proxy.refuse()


@case("Y-16")
def test_a_function_may_run_for_longer_than_a_lease(service: Service) -> None:
    """inngest-py long_function_run: 20 s run survives thanks to extensions."""
    service.begin()
    request = service.client.submit("wait", "long")
    service.calls.expect_begun("long")
    beaten = service.worker.watch.heartbeat
    before = beaten.count if beaten is not None else 0
    enough = before + round(1.3 * BROKER.lease / BROKER.heartbeat_interval)
    watch = service.worker.watch
    assert watch.wait(lambda: watch.heartbeat is not None and watch.heartbeat.count >= enough, WAIT)
    service.calls.let_go("long")
    assert service.client.result(request, timeout=WAIT) == "long is done"
    assert service.calls.begun == ["long"]


@case("J-32", "J-36")
def test_a_worker_whose_connection_is_reset_while_a_function_runs_delivers_its_result(service: Service) -> None:
    """inngest-js: connection lost during execution; inngest-py flush.connection_loss, with both of our ends."""
    service.begin()
    request = service.client.submit("wait", "reset")
    service.calls.expect_begun("reset")
    before = service.readies
    service.to_worker.cut()
    service.await_new_session(before)
    service.calls.let_go("reset")
    assert service.client.result(request, timeout=WAIT) == "reset is done"
    assert service.calls.begun == ["reset"]


@case("J-24", "G-06")
def test_both_ends_of_a_connection_that_is_a_black_hole_notice_and_the_function_runs_once(service: Service) -> None:
    """inngest gateway: ConsecutiveHeartbeatFail; inngest-js: missed heartbeats -> reconnect."""
    service.begin()
    request = service.client.submit("wait", "hole")
    service.calls.expect_begun("hole")
    before = service.readies
    service.to_worker.swallow()
    until(lambda: service.gateway.status()["workers_connected"] == 0)
    assert service.worker.watch.wait(lambda: service.worker.watch.link.phase != "ready", WAIT)
    service.to_worker.cut()
    service.to_worker.pass_through()
    service.await_new_session(before)
    service.calls.let_go("hole")
    assert service.client.result(request, timeout=WAIT) == "hole is done"
    assert service.calls.begun == ["hole"]


@case("G-50")
def test_a_client_whose_connection_is_lost_when_the_result_comes_is_told_on_its_next_one(service: Service) -> None:
    """inngest proxy: reply found by polling when the gRPC reply is lost."""
    service.begin()
    request = service.client.submit("wait", "client")
    service.calls.expect_begun("client")
    service.to_client.refuse()
    service.calls.let_go("client")
    service.calls.expect_end("client")
    service.to_client.pass_through()
    assert service.client.result(request, timeout=WAIT) == "client is done"


@case("G-51")
def test_a_request_waits_until_a_worker_can_be_reached(service: Service) -> None:
    """inngest tests/golang e2e: should remain queued without a connection."""
    service.to_client.pass_through()
    request = service.client.submit("wait", "queued")
    until(lambda: service.gateway.status()["queued"] == 1)
    assert service.calls.begun == []
    service.begin()
    service.calls.expect_begun("queued")
    service.calls.let_go("queued")
    assert service.client.result(request, timeout=WAIT) == "queued is done"


@case("N-12")
@pytest.mark.parametrize(
    "flow",
    [Flow(slice_bytes=7), Flow(latency=0.02, jitter=0.02), Flow(bytes_per_second=20_000)],
    ids=["slices", "latency", "bandwidth"],
)
def test_over_a_bad_line_everything_arrives_once(service: Service, flow: Flow) -> None:
    """Tested by nobody: slow consumers, torn frames."""
    service.begin()
    service.to_worker.shape(flow)
    service.to_client.shape(flow)
    keys = [f"{number}" * 50 for number in range(8)]
    requests = [service.client.submit("wait", key) for key in keys]
    release = threading.Thread(
        target=lambda: [service.calls.expect_begun(key) or service.calls.let_go(key) for key in keys]
    )
    release.start()
    assert [service.client.result(request, timeout=WAIT) for request in requests] == [f"{key} is done" for key in keys]
    release.join(WAIT)
    assert sorted(service.calls.begun) == sorted(keys)


@case("N-13")
def test_a_worker_that_hears_nothing_while_it_is_heard_comes_back(service: Service) -> None:
    """Tested by nobody: half-open TCP. What it says arrives, what it is told does not."""
    service.begin()
    request = service.client.submit("wait", "deaf")
    service.calls.expect_begun("deaf")
    before = service.readies
    service.to_worker.swallow(to=End.CLIENT)
    assert service.worker.watch.wait(lambda: service.worker.watch.link.phase != "ready", WAIT)
    service.to_worker.cut()
    service.to_worker.pass_through()
    service.await_new_session(before)
    service.calls.let_go("deaf")
    assert service.client.result(request, timeout=WAIT) == "deaf is done"
    assert service.calls.begun == ["deaf"]
