"""The gateway over real loopback sockets: what it lets in, what it carries, and what it survives."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
from loguru import logger
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from regrow.connect import AsyncClient, Gateway, close_codes
from regrow.connect.broker import BrokerSettings
from regrow.connect.errors import GatewayStartError
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.store import StoreError
from regrow.connect.store.sqlite import SqliteStore
from regrow.protocol.session import decode_message, encode_message
from regrow.protocol.session.messages import (
    SUBPROTOCOL,
    Accepted,
    Await,
    Closing,
    Connect,
    Drain,
    ErrorMessage,
    Heartbeat,
    HeartbeatAck,
    Hello,
    InFlight,
    Invoke,
    Lease,
    Ready,
    Result,
    ResultAck,
    Settled,
    Status,
    StatusRequest,
    Submit,
    Success,
)
from tests.connect.fake_peer import TOKEN, FakeWorker, calling, keep, on_a_loop

MAX = 256 * 1024
QUICK = GatewayOptions(
    broker=BrokerSettings(heartbeat_interval=30.0, lease=30.0, max_message_bytes=MAX),
    handshake_timeout=0.5,
    send_timeout=0.3,
    close_timeout=0.2,
    drain_timeout=2.0,
)


@asynccontextmanager
async def gateway(options: GatewayOptions = QUICK, **more: object) -> AsyncIterator[Gateway]:
    async with Gateway(token=[TOKEN, "older"], options=options, **more) as running:  # type: ignore[arg-type]
        yield running


@asynccontextmanager
async def raw(url: str, *, subprotocol: str = SUBPROTOCOL) -> AsyncIterator[ClientConnection]:
    async with connect(
        url,
        subprotocols=[Subprotocol(subprotocol)],
        compression=None,
        max_size=None,
        ping_interval=None,
        proxy=None,
        close_timeout=0.2,
    ) as ws:
        assert isinstance(decode_message(await ws.recv()), Hello)
        yield ws


async def last_words(ws: ClientConnection) -> tuple[ErrorMessage, int | None]:
    """Read to the end: what the gateway complained about, and its close code."""
    errors = []
    try:
        while True:
            message = decode_message(await asyncio.wait_for(ws.recv(), 5))
            if isinstance(message, ErrorMessage):
                errors.append(message)
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else None
    (error,) = errors
    return error, code


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what is waited for is the gateway's own state, it tells nobody
            await asyncio.sleep(0.01)


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    logger.enable("regrow")
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING", format="{level} {message}")
    yield lines
    logger.remove(sink)
    logger.disable("regrow")


@asynccontextmanager
async def bystander(running: Gateway) -> AsyncIterator[None]:
    """A worker and a client that must not notice what happens to others."""
    async with (
        FakeWorker(running.url, calling(f=lambda x: x + 1), instance="bystander") as worker,
        AsyncClient(running.url, token=TOKEN) as client,
    ):
        assert await client.invoke("f", 1, timeout=5) == 2
        yield
        assert await client.invoke("f", 2, timeout=5) == 3
        assert worker.closed is None
        assert len([m for m in worker.got if isinstance(m, Ready)]) == 1


# ── carrying ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@on_a_loop
async def test_a_request_goes_from_the_client_to_the_worker_and_back() -> None:
    async with gateway() as running, FakeWorker(running.url, calling(f=lambda x, by: x * by)) as worker:
        async with AsyncClient(running.url, token=TOKEN) as client:
            assert await client.invoke("f", 21, by=2) == 42
        ack = await worker.expect(ResultAck)
        assert ack.accepted


@on_a_loop
async def test_intervals_are_told_and_heartbeats_acknowledged() -> None:
    async with gateway() as running, FakeWorker(running.url) as worker:
        ready = await worker.expect(Ready)
        assert (ready.heartbeat_interval_ms, ready.lease_ms, ready.max_message_bytes) == (30_000, 30_000, MAX)
        await worker.say(Heartbeat(sequence=7, due_ns=time.monotonic_ns()))
        assert (await worker.expect(HeartbeatAck)).sequence == 7
        (row,) = running.status()["workers"]  # type: ignore[misc]
        assert row["heartbeats"]["count"] == 1
        assert 0 <= row["heartbeats"]["late_worst_ms"] < 1000


@on_a_loop
async def test_status_tells_about_the_gateway_and_the_broker() -> None:
    async with gateway() as running, FakeWorker(running.url, role="client") as client:
        await client.say(StatusRequest())
        values = (await client.expect(Status)).values
        assert values["gateway"] == running.id
        assert values["queued"] == 0
        assert values["connections"] == 1
        assert "loop_lag_worst_ms" in values


@on_a_loop
async def test_either_of_two_tokens_is_good() -> None:
    async with gateway() as running:
        for token in (TOKEN, "older"):
            async with FakeWorker(running.url, token=token):
                pass


@on_a_loop
async def test_two_thousand_requests_go_through_quickly() -> None:
    async with gateway() as running, FakeWorker(running.url, calling(f=lambda x: x), capacity=100):
        async with AsyncClient(running.url, token=TOKEN) as client:
            results = await asyncio.gather(*(client.invoke("f", n, timeout=15) for n in range(2000)))
    assert results == list(range(2000))


@on_a_loop
async def test_a_worker_that_reconnects_adopts_what_it_runs() -> None:
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as first:
            call = asyncio.create_task(client.invoke("f", timeout=10))
            invoke = await first.expect(Invoke)
            first.drop()
        claim = InFlight(request_id=invoke.request_id, lease_id=invoke.lease_id)
        async with FakeWorker(running.url, keep, epoch=2, in_flight=(claim,)) as second:
            await second.finish(invoke, Success(b"\x07"))
            assert await call == 7
            assert second.invokes == []


@on_a_loop
async def test_a_lease_that_runs_out_moves_the_request_to_another_worker() -> None:
    options = GatewayOptions(broker=BrokerSettings(lease=0.2), drain_timeout=0.1)
    async with gateway(options) as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as first:
            call = asyncio.create_task(client.invoke("f", timeout=10))
            await first.expect(Invoke)
            async with FakeWorker(running.url, calling(f=lambda: "second"), instance="w2"):
                lost = await first.expect(Lease)
                assert lost.lost
                await first.expect(Lease, 1)
                assert await call == "second" or first.invokes


# ── what is wrong with a peer ────────────────────────────────────────────────────────────────────────────────────────


@on_a_loop
async def test_a_wrong_token_is_told_so_and_closed(log: list[str]) -> None:
    async with gateway() as running, bystander(running):
        async with raw(running.url) as ws:
            await ws.send(encode_message(Connect(role="worker", token="guess", instance="thief")))
            error, code = await last_words(ws)
        assert (error.code, error.fatal, code) == ("unauthorized", True, close_codes.UNAUTHORIZED)
    assert any("token is not valid" in line for line in log)
    assert not any("guess" in line for line in log)


@on_a_loop
async def test_a_text_frame_is_refused(log: list[str]) -> None:
    async with gateway() as running, bystander(running):
        async with raw(running.url) as ws:
            await ws.send("hello there")
            error, code = await last_words(ws)
        assert (error.code, code) == ("protocol_error", close_codes.TEXT_FRAME)
    assert any("broke the protocol" in line for line in log)


GARBAGE = {
    "noise": os.urandom(64) + b"\xc1",
    "empty": b"",
    "a map": msgpack.packb({"kind": "connect"}),
    "a bomb of lists": b"\x91" * 100_000,
    "a bomb of claims": b"\xdd\xff\xff\xff\xff",
    "a wrong field": msgpack.packb(["connect", {"role": "emperor", "token": 7}]),
    "out of phase": encode_message(Heartbeat(sequence=1)),
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
@on_a_loop
async def test_garbage_closes_its_own_connection_and_no_other(log: list[str], data: bytes) -> None:
    async with gateway() as running, bystander(running):
        async with raw(running.url) as ws:
            await ws.send(data)
            error, code = await last_words(ws)
        assert (error.scope, error.code, code) == ("connection", "protocol_error", close_codes.PROTOCOL_ERROR)
        assert "Traceback" not in error.text
        assert "/work" not in error.text
    assert any("broke the protocol" in line for line in log)


@on_a_loop
async def test_garbage_after_the_handshake_loses_no_request() -> None:
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        async with FakeWorker(running.url, keep) as first:
            call = asyncio.create_task(client.invoke("f", timeout=10))
            await first.expect(Invoke)
            await first.ws.send(b"\xc1\xc1")
            await first.end()
            assert await first.expect(ErrorMessage)
        async with FakeWorker(running.url, calling(f=lambda: "again"), epoch=2):
            assert await call == "again"


@on_a_loop
async def test_a_frame_of_a_hundred_megabytes_is_refused_from_its_header(log: list[str]) -> None:
    async with gateway() as running, bystander(running):
        async with raw(running.url) as ws:
            header = b"\x82\xff" + struct.pack("!Q", 100 * 1024 * 1024) + b"\0\0\0\0"
            ws.transport.write(header)
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(ws.recv(), 5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == close_codes.TOO_BIG
    assert any("1009" in line for line in log)


@on_a_loop
async def test_a_peer_that_says_nothing_is_closed_after_the_handshake_timeout(log: list[str]) -> None:
    async with gateway() as running, bystander(running):
        async with raw(running.url) as ws:
            error, code = await last_words(ws)
        assert (error.code, code) == ("handshake_timeout", close_codes.HANDSHAKE_TIMEOUT)
    assert any("expected Connect within 0.5 s" in line for line in log)


@on_a_loop
async def test_a_socket_that_never_speaks_http_is_closed() -> None:
    async with gateway() as running, bystander(running):
        reader, writer = await asyncio.open_connection(running.host, running.port)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await writer.wait_closed()


@on_a_loop
async def test_another_version_is_refused_with_the_versions_that_are_spoken() -> None:
    async with gateway() as running:
        with pytest.raises(InvalidStatus) as refused:
            async with raw(running.url, subprotocol="regrow.v99"):
                pass
        assert refused.value.response.status_code == 400
        assert b"regrow.v1" in refused.value.response.body
        assert b"regrow.v99" in refused.value.response.body


@on_a_loop
async def test_a_second_connect_is_a_breach() -> None:
    async with gateway() as running, raw(running.url) as ws:
        hello = encode_message(Connect(role="client", token=TOKEN, instance="c"))
        await ws.send(hello)
        assert isinstance(decode_message(await ws.recv()), Ready)
        await ws.send(hello)
        error, _ = await last_words(ws)
        assert error.code == "protocol_error"


@on_a_loop
async def test_an_unknown_kind_of_message_is_ignored() -> None:
    async with gateway() as running, FakeWorker(running.url) as worker:
        sample = msgpack.unpackb(encode_message(Heartbeat(sequence=1)), use_list=True, strict_map_key=False)
        assert sample[0] == "heartbeat"
        await worker.ws.send(msgpack.packb(["telepathy", *sample[1:]]))
        await worker.say(Heartbeat(sequence=2))
        assert (await worker.expect(HeartbeatAck)).sequence == 2


@on_a_loop
async def test_a_worker_that_falls_silent_is_gone(log: list[str]) -> None:
    options = GatewayOptions(
        broker=BrokerSettings(heartbeat_interval=0.05, heartbeat_misses=2, lease=30), close_timeout=0.2, drain_timeout=0
    )
    async with gateway(options) as running, FakeWorker(running.url) as worker:
        closed = await worker.end()
        assert closed.rcvd is not None
        assert closed.rcvd.code == close_codes.HEARTBEATS_MISSED
        assert (await worker.expect(ErrorMessage)).code == "heartbeats_missed"
        assert running.status()["workers_connected"] == 0
    assert any("silent for" in line for line in log)


@on_a_loop
async def test_a_peer_that_does_not_read_is_let_go_and_harms_nobody(log: list[str]) -> None:
    async with gateway() as running, bystander(running):
        async with FakeWorker(running.url, instance="sink", functions=("big",), capacity=1000) as sink:
            sink.ws.transport.pause_reading()
            async with AsyncClient(running.url, token=TOKEN) as client:
                body = b"x" * 200_000
                calls = [asyncio.create_task(client.submit("big", body)) for _ in range(200)]
                await asyncio.gather(*calls)
                await until(lambda: running.status()["workers_connected"] == 1)
    assert any("does not read" in line for line in log)


@on_a_loop
async def test_a_peer_that_reads_gets_more_at_once_than_may_wait_for_one_that_does_not() -> None:
    options = replace(QUICK, max_unsent=5, max_unsent_bytes=2 * MAX, send_timeout=10.0)
    body = b"x" * 200_000
    async with gateway(options) as running, AsyncClient(running.url, token=TOKEN) as client:
        ids = [await client.submit("f", body) for _ in range(40)]
        async with FakeWorker(running.url, calling(f=lambda given: given), capacity=40):
            await until(lambda: running.status()["results_kept"] == 40)
        results = await asyncio.gather(*(client.result(request_id) for request_id in ids))
        assert all(result == body for result in results)


@on_a_loop
async def test_a_newer_link_of_the_same_worker_supersedes_the_older_one() -> None:
    async with gateway() as running, FakeWorker(running.url) as old, FakeWorker(running.url, epoch=2):
        closed = await old.end()
        assert closed.rcvd is not None
        assert closed.rcvd.code == close_codes.SUPERSEDED
        assert isinstance(old.got[-1], Closing)


@on_a_loop
async def test_an_oversized_status_is_an_error_of_that_request_only() -> None:
    async with gateway() as running, FakeWorker(running.url, role="client") as client:
        names = tuple(f"{n:05d}" + "f" * 100 for n in range(2300))
        async with (
            FakeWorker(running.url, functions=names),
            FakeWorker(running.url, functions=names, instance="w2"),
        ):
            await client.say(StatusRequest())
            assert (await client.expect(ErrorMessage)).code == "too_large"
        await client.say(StatusRequest())
        assert await client.expect(Status)


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
async def test_a_port_in_use_is_named() -> None:
    async with gateway() as running:
        with pytest.raises(GatewayStartError, match=rf"127\.0\.0\.1:{running.port}: .*in use"):
            await Gateway(port=running.port, token=TOKEN).start()


@on_a_loop
async def test_a_port_that_is_none_is_named_and_leaves_the_store_closed(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "q.db")
    with pytest.raises(GatewayStartError, match=r"127\.0\.0\.1:70000: .*0-65535"):
        await Gateway(port=70000, token=TOKEN, store=store).start()
    store.open(now=0.0, epoch=0.0)
    assert store.close(5.0)


@on_a_loop
async def test_without_a_token_only_this_machine_may_connect() -> None:
    with pytest.raises(GatewayStartError, match="expected a token"):
        await Gateway(host="0.0.0.0").start()
    async with Gateway() as running, FakeWorker(running.url, token=""):
        pass


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
    async with gateway() as running:
        for _ in range(3):
            peers = [FakeWorker(running.url, instance=f"w{n}") for n in range(30)]
            await asyncio.gather(*(peer.__aenter__() for peer in peers))
            assert running.status()["workers_connected"] == 30
            for peer in peers[::2]:
                peer.drop()
            await asyncio.gather(*(peer.__aexit__() for peer in peers))
            await until(lambda: running.status()["connections"] == 0)
        assert running.status()["workers"] == []
        assert not running._delivery.stalled
