"""The gateway over real loopback sockets: its health, how it begins and how it ends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from regrow.connect import AsyncClient, Gateway
from regrow.connect.store import StoreError
from regrow.connect.store.sqlite import SqliteStore
from regrow.protocol.session import close_codes
from regrow.protocol.session.messages import (
    Accepted,
    Await,
    Closing,
    Drain,
    InFlight,
    Invoke,
    Result,
    ResultAck,
    Settled,
    Submit,
    Success,
)
from tests.connect.fake_peer import TOKEN, FakeWorker, keep, on_a_loop
from tests.connect.gateway_bench import QUICK, gateway, raw, until

# ── health ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def get(running: Gateway, path: str) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection(running.host, running.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@on_a_loop
async def test_health_is_answered_over_plain_http() -> None:
    async with gateway() as running:
        assert await get(running, "/healthz") == (200, b"ok\n")
        assert await get(running, "/readyz") == (200, b'{"ready": true, "reasons": []}\n')
        assert (await get(running, "/"))[0] == 426


@on_a_loop
async def test_while_draining_it_is_alive_but_not_ready_and_takes_no_connections() -> None:
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as worker:
            call = asyncio.create_task(client.invoke("f", timeout=10))
            invoke = await worker.expect(Invoke)
            stop = asyncio.create_task(running.stop())
            assert (await worker.expect(Drain)).grace_ms == 2000
            assert (await get(running, "/healthz"))[0] == 200
            status, body = await get(running, "/readyz")
            assert (status, b"draining" in body) == (503, True)
            with pytest.raises(InvalidStatus) as refused:
                async with raw(running.url):
                    pass
            assert refused.value.response.status_code == 503
            await worker.finish(invoke, Success(b"\x05"))
            assert await call == 5
            assert (await worker.expect(ResultAck)).accepted
            await stop
            closed = await worker.end()
            assert closed.rcvd is not None
            assert closed.rcvd.code == close_codes.RESTARTING
            assert isinstance(worker.got[-1], Closing)


@on_a_loop
async def test_a_stop_waits_no_longer_than_it_is_told() -> None:
    async with gateway() as running, FakeWorker(running.url, role="client", instance="c") as client:
        async with FakeWorker(running.url, keep) as worker:
            await client.say(Submit(request_id="r1", function="f", arguments=b""))
            await worker.expect(Invoke)
            begun = asyncio.get_running_loop().time()
            await running.stop(drain_timeout=0.2)
            assert asyncio.get_running_loop().time() - begun < 1.5


# ── begin and end ────────────────────────────────────────────────────────────────────────────────────────────────────


@on_a_loop
async def test_a_store_that_cannot_be_opened_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        await Gateway(token=TOKEN, store=SqliteStore(tmp_path / "no" / "q.db")).start()


@on_a_loop
async def test_a_store_that_fails_ends_the_gateway_and_acknowledges_nothing(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "q.db")
    async with gateway(store=store) as running, FakeWorker(running.url, role="client") as client:
        connection = store._connection
        assert connection is not None
        connection.execute("DROP TABLE requests")
        await client.say(Submit(request_id="r1", function="f", arguments=b""))
        with pytest.raises(StoreError, match="no such table"):
            await running.ended()
        await client.end()
        assert not [message for message in client.got if isinstance(message, Accepted)]


@on_a_loop
async def test_a_restart_on_a_file_loses_nothing(tmp_path: Path) -> None:
    def again(port: int = 0) -> Gateway:
        return Gateway(port=port, token=TOKEN, store=SqliteStore(tmp_path / "q.db"), options=QUICK)

    first = again()
    await first.start()
    async with FakeWorker(first.url, role="client", instance="c") as client, FakeWorker(first.url, keep) as worker:
        for name in ("runs", "waits"):
            await client.say(Submit(request_id=name, function="f" if name == "runs" else "g", arguments=b""))
        await client.expect(Accepted, 2)
        invoke = await worker.expect(Invoke)
        await first.stop(drain_timeout=0)
    claim = InFlight(request_id="runs", lease_id=invoke.lease_id)
    async with (
        again(first.port) as second,
        FakeWorker(second.url, role="client", instance="c") as client,
        FakeWorker(second.url, keep, epoch=2, functions=("f", "g"), in_flight=(claim,)) as worker,
    ):
        await client.say(Await(request_ids=("runs", "waits")))
        waits = await worker.expect(Invoke)
        assert waits.request_id == "waits"
        assert waits.lease_id > invoke.lease_id
        await worker.say(
            Result(request_id="runs", lease_id=invoke.lease_id, outcome=Success(b"1")),
            Result(request_id="waits", lease_id=waits.lease_id, outcome=Success(b"2")),
        )
        await client.expect(Settled, 2)
    async with again() as third, FakeWorker(third.url, role="client", instance="c") as client:
        await client.say(Await(request_ids=("runs", "waits")))
        await client.expect(Settled, 2)
        assert {m.request_id for m in client.got if isinstance(m, Settled)} == {"runs", "waits"}


@on_a_loop
async def test_many_connections_come_and_go_without_a_trace() -> None:
    patient = replace(QUICK, handshake_timeout=10.0)  # thirty at once take their time on a machine that has little
    async with gateway(patient) as running:
        for _ in range(3):
            peers = [FakeWorker(running.url, instance=f"w{n}") for n in range(30)]
            await asyncio.gather(*(peer.__aenter__() for peer in peers))
            assert running.status()["workers_connected"] == 30
            for peer in peers[::2]:
                peer.drop()
            await asyncio.gather(*(peer.__aexit__() for peer in peers))
            await until(lambda: running.status()["connections"] == 0)
        assert running.status()["workers"] == []
        assert not running._turn._delivery.stalled
