"""The gateway over real loopback sockets: what it lets in, what it carries, and what it survives."""

from __future__ import annotations

import asyncio
import os
import struct
import time
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from regrow.connect import AsyncClient, Gateway
from regrow.connect.broker import BrokerSettings
from regrow.connect.errors import GatewayStartError, Rejected
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.store.sqlite import SqliteStore
from regrow.protocol.session import close_codes, decode_message, encode_message
from regrow.protocol.session.features import PROGRESS
from regrow.protocol.session.messages import (
    SUBPROTOCOL,
    Accepted,
    Await,
    Closing,
    Connect,
    ErrorMessage,
    Heartbeat,
    HeartbeatAck,
    InFlight,
    Invoke,
    Lease,
    Progress,
    Ready,
    ResultAck,
    Settled,
    Status,
    StatusRequest,
    Submit,
    Success,
)
from tests.connect.fake_peer import TOKEN, FakeWorker, calling, keep, on_a_loop
from tests.connect.gateway_bench import MAX, QUICK, bystander, gateway, last_words, raw, until

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
async def test_a_connect_of_another_version_is_told_what_is_expected_and_not_to_come_back() -> None:
    async with gateway() as running, raw(running.url) as ws:
        await ws.send(encode_message(Connect(role="worker", token=TOKEN, instance="w", version="regrow.v99")))
        error, code = await last_words(ws)
        assert (error.code, error.fatal, code) == ("unsupported_version", True, close_codes.UNSUPPORTED_VERSION)
        assert error.text == "unsupported version: expected a peer that speaks regrow.v1, got 'regrow.v99'"


@on_a_loop
async def test_progress_is_passed_on_to_clients_that_asked_for_it() -> None:
    async with gateway() as running, FakeWorker(running.url) as worker:
        asks = FakeWorker(running.url, instance="c1", role="client", features=(PROGRESS, "telepathy"))
        deaf = FakeWorker(running.url, instance="c2", role="client")
        async with asks, deaf:
            assert (await asks.expect(Ready)).features == (PROGRESS,)
            assert (await deaf.expect(Ready)).features == ()
            await asks.say(Submit(request_id="r1", function="f", arguments=b""))
            await asks.expect(Accepted)
            for client in (asks, deaf):
                await client.say(Await(request_ids=("r1",)), StatusRequest())
                await client.expect(Status)
            invoke = await worker.expect(Invoke)
            await worker.say(Progress(request_id="r1", done=0.5))
            await worker.finish(invoke, Success(b""))
            for client in (asks, deaf):
                await client.expect(Settled)
            assert [said for said in asks.got if isinstance(said, Progress)] == [Progress(request_id="r1", done=0.5)]
            assert [said for said in deaf.got if isinstance(said, Progress)] == []


@on_a_loop
async def test_a_worker_that_cannot_take_a_request_by_its_size_is_not_sent_it_for_ever() -> None:
    async with gateway() as running, AsyncClient(running.url, token=TOKEN) as client:
        small = connect(running.url, subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=1000, compression=None)
        async with small as ws:
            await ws.recv()
            await ws.send(
                encode_message(Connect(role="worker", token=TOKEN, instance="w", functions=("f",), capacity=1))
            )
            await ws.recv()
            with pytest.raises(Rejected, match="bytes of arguments were more than"):
                await client.invoke("f", "x" * 2000, timeout=10)
            await ws.wait_closed()


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


# ── where it listens ─────────────────────────────────────────────────────────────────────────────────────────────────


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
