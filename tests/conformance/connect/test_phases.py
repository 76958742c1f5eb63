"""The gateway before workers and clients that do what the test says: what it takes, and from whom, and when."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from regrow.connect import AsyncClient, Gateway
from regrow.connect.broker import BrokerSettings
from regrow.protocol.codec import encode
from regrow.protocol.session.messages import (
    Closing,
    Drain,
    ExtendLease,
    Heartbeat,
    HeartbeatAck,
    InFlight,
    Invoke,
    Lease,
    Pause,
    Ready,
    ResultAck,
    Success,
)
from tests.conformance.case import case
from tests.connect.fake_peer import TOKEN, FakeWorker, calling, keep, on_a_loop
from tests.connect.gateway_bench import QUICK, gateway, until

pytestmark = pytest.mark.system

BEATING = replace(QUICK, broker=BrokerSettings(heartbeat_interval=0.1, heartbeat_misses=5), drain_timeout=0.0)


async def beats(worker: FakeWorker, count: int) -> None:
    """Have so many beats acknowledged, one each 50 ms."""
    for sequence in range(1, count + 1):
        before = len([message for message in worker.got if isinstance(message, HeartbeatAck)])
        await worker.say(Heartbeat(sequence=sequence, capacity=10))
        await worker.expect(HeartbeatAck, before + 1)
        await asyncio.sleep(0.05)  # time is what this is about: a silent worker is gone after 500 ms


def workers_of(running: Gateway) -> object:
    return running.status()["workers_connected"]


@case("G-01")
@on_a_loop
async def test_a_worker_that_was_let_in_is_counted_until_it_goes() -> None:
    """inngest gateway: ConnectionEstablished; disconnect lifecycle completes."""
    async with gateway() as running:
        async with FakeWorker(running.url) as worker:
            assert worker.connect.instance == "w1"
            assert (await worker.expect(Ready)).connection_id
            assert workers_of(running) == 1
        await until(lambda: workers_of(running) == 0)


@case("G-02", "G-03", "G-04")
@on_a_loop
async def test_leases_are_renewed_and_those_there_are_not_are_lost_without_harm_to_the_connection() -> None:
    """inngest gateway: LeaseRenewal; with invalid lease, with deleted lease -> NACK, the socket stays open."""
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as worker:
            await client.submit("f")
            invoke = await worker.expect(Invoke)
            asked = (
                InFlight(request_id=invoke.request_id, lease_id=invoke.lease_id),
                InFlight(request_id=invoke.request_id, lease_id=invoke.lease_id + 1),
                InFlight(request_id="deleted", lease_id=1),
            )
            await worker.say(ExtendLease(requests=asked), ExtendLease(requests=asked[:1]))
            await worker.expect(Lease, 4)
            answers = [message for message in worker.got if isinstance(message, Lease)]
            assert [answer.lost for answer in answers] == [False, True, True, False]
            await beats(worker, 1)


@case("G-09", "G-17")
@pytest.mark.parametrize("paused", [False, True])
@on_a_loop
async def test_a_worker_that_beats_is_kept_also_if_it_is_paused(paused: bool) -> None:
    """inngest gateway: WorkerHeartbeats -> refreshed; DrainingConnectionNotKilledByHeartbeatDetector."""
    async with gateway(BEATING) as running, FakeWorker(running.url) as worker:
        if paused:
            await worker.say(Pause())
        await beats(worker, 20)
        assert worker.closed is None
        assert workers_of(running) == 1


@case("G-16", "G-19")
@on_a_loop
async def test_a_worker_that_paused_gets_nothing_however_long_it_beats() -> None:
    """inngest gateway: PAUSE when not draining works; HeartbeatDoesNotResetDrainingStatus."""
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as worker:
            await worker.say(Pause())
            await beats(worker, 3)
            request = await client.submit("f")
            await beats(worker, 3)
            assert worker.invokes == []
            async with FakeWorker(running.url, calling(f=lambda: "other"), instance="w2"):
                assert await client.result(request) == "other"
            assert worker.invokes == []


@case("G-18", "G-22", "G-23")
@on_a_loop
async def test_while_the_gateway_drains_pauses_beats_renewals_and_results_are_taken() -> None:
    """inngest gateway drain: PAUSE accepted; heartbeat; lease extension works; REPLY persisted and acked."""
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as worker:
            call = asyncio.create_task(client.invoke("f", timeout=10))
            invoke = await worker.expect(Invoke)
            stop = asyncio.create_task(running.stop())
            await worker.expect(Drain)
            await worker.say(Pause())
            await beats(worker, 2)
            held = InFlight(request_id=invoke.request_id, lease_id=invoke.lease_id)
            await worker.say(ExtendLease(requests=(held,)))
            assert not (await worker.expect(Lease)).lost
            await worker.finish(invoke, Success(encode("in time")))
            assert (await worker.expect(ResultAck)).accepted
            assert await call == "in time"
            assert await stop


@case("G-20", "G-21")
@on_a_loop
async def test_a_worker_that_leaves_a_gateway_that_drains_gives_back_what_it_has_not_begun() -> None:
    """inngest gateway drain: worker closes 1000/WORKER_SHUTDOWN on CLOSING -> fully cleaned up."""
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as worker:
            await client.submit("f")
            await worker.expect(Invoke)
            stop = asyncio.create_task(running.stop(drain_timeout=10.0))
            await worker.expect(Drain)
            await worker.say(Closing(reason="the worker stops", release=True))
            await worker.ws.close()
            async with asyncio.timeout(5):  # nothing is in flight any more, so the 10 s are not waited for
                await stop


@case("G-15")
@on_a_loop
async def test_a_result_whose_client_has_gone_is_kept_for_whoever_asks() -> None:
    """inngest gateway: gRPC failure after the reply was saved is non-fatal; already-buffered response returned."""
    async with gateway() as running, FakeWorker(running.url, keep) as worker:
        async with AsyncClient(running.url, token=TOKEN) as client:
            request = await client.submit("f")
            invoke = await worker.expect(Invoke)
        await worker.finish(invoke, Success(encode("kept")))
        assert (await worker.expect(ResultAck)).accepted
        async with AsyncClient(running.url, token=TOKEN) as other:
            assert await other.result(request) == "kept"


@case("G-30")
@on_a_loop
async def test_the_first_result_of_a_lease_counts_and_a_later_one_is_acknowledged_and_forgotten() -> None:
    """inngest gateway: BufferResponse -> set once."""
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as worker:
            request = await client.submit("f")
            invoke = await worker.expect(Invoke)
            await worker.finish(invoke, Success(encode("first")))
            await worker.finish(invoke, Success(encode("second")))
            await worker.expect(ResultAck, 2)
            assert await client.result(request) == "first"


@case("G-40", "G-41")
@on_a_loop
async def test_only_a_worker_that_is_well_gets_requests_and_without_one_they_wait() -> None:
    """inngest routing: single healthy connection gets the request; unhealthy filtered; none is handled."""
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        first = await client.submit("f")
        async with FakeWorker(running.url, calling(f=lambda: "ill"), instance="ill", capacity=0) as ill:
            await ill.say(Heartbeat(sequence=1, capacity=10, executor_alive=False))
            await ill.expect(HeartbeatAck)
            async with FakeWorker(running.url, calling(f=lambda: "well")) as well:
                assert await client.invoke("f", timeout=5) == "well"
                assert await client.result(first) in {"well", "ill"}
            assert len(well.invokes) >= 1
            later = await client.submit("f")
            await beats_of_the_ill(ill)
            assert later not in [invoke.request_id for invoke in ill.invokes]


async def beats_of_the_ill(worker: FakeWorker) -> None:
    for sequence in range(2, 5):
        await worker.say(Heartbeat(sequence=sequence, capacity=10, executor_alive=False))
        await worker.expect(HeartbeatAck, sequence)


@case("G-42")
@on_a_loop
async def test_a_worker_gets_no_more_than_it_has_room_for_and_the_next_when_there_is_room() -> None:
    """inngest capacity: partial, full, changes with leases, concurrent assigns respect the limit."""
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep, capacity=2) as worker:
            requests = [await client.submit("f") for _ in range(5)]
            for done, request in enumerate(requests):
                await worker.expect(Invoke, min(done + 2, 5))
                assert len(worker.invokes) <= done + 2
                await worker.finish(worker.invokes[done], Success(encode(done)))
                assert await client.result(request) == done
