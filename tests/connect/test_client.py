"""Clients against real gateways: results, errors, and gateways that go away and come back."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from regrow.connect import AsyncClient, Client, Gateway
from regrow.connect.broker import BrokerSettings
from regrow.connect.client_options import ClientOptions
from regrow.connect.errors import (
    Cancelled,
    ClientClosed,
    DeadlineExceeded,
    Expired,
    FunctionFailed,
    GatewayUnreachable,
    Rejected,
    Unauthorized,
    UnknownFunction,
    UnknownRequest,
    UnsupportedVersion,
    WaitTimeout,
)
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.store.sqlite import SqliteStore
from regrow.protocol.codec import encode
from regrow.protocol.errors import CodecError, FrameTooLarge
from regrow.protocol.session import encode_message
from regrow.protocol.session.messages import SUBPROTOCOL, Cancel, Drain, Hello, Invoke, Success
from tests.connect.fake_peer import TOKEN, FakeWorker, calling, keep, on_a_loop, served_on_another_loop

OPTIONS = GatewayOptions(
    broker=BrokerSettings(heartbeat_interval=0.5, unknown_function_grace=0.1),
    close_timeout=0.2,
    drain_timeout=0.2,
)


def gateway(port: int = 0, path: Path | None = None) -> Gateway:
    return Gateway(port=port, token=TOKEN, store=None if path is None else SqliteStore(path), options=OPTIONS)


def client(url: str | list[str], token: str | list[str] = TOKEN, **options: object) -> AsyncClient:
    return AsyncClient(url, token=token, options=ClientOptions(close_timeout=0.2, **options))  # type: ignore[arg-type]


@on_a_loop
async def test_values_keep_their_types_both_ways() -> None:
    value = {"at": (1, 2.5), "tags": {"a", "b"}, b"key": None}
    async with gateway() as running, FakeWorker(running.url, calling(f=lambda x, again: [x, again])):
        async with client(running.url) as c:
            assert await c.invoke("f", value, again=value) == [value, value]


@on_a_loop
async def test_what_the_function_raised_is_told_with_its_traceback() -> None:
    async with gateway() as running, FakeWorker(running.url, calling(f=lambda: 1 // 0)), client(running.url) as c:
        with pytest.raises(FunctionFailed, match="division or modulo by zero") as failed:
            await c.invoke("f")
    error = failed.value
    assert (error.kind, error.type, error.attempts) == ("error", "ZeroDivisionError", 1)
    assert "Traceback: here" in error.traceback
    assert "remote traceback" in str(error)


@on_a_loop
async def test_arguments_that_cannot_be_said_are_refused_by_path_at_the_call() -> None:
    async with client("ws://127.0.0.1:9") as c:
        with pytest.raises(CodecError, match=r"arguments.*jobs.*\[1\]"):
            await c.invoke("f", {"jobs": [1, object()]})


@on_a_loop
async def test_arguments_that_are_too_large_are_refused_at_the_call() -> None:
    async with gateway() as running, client(running.url) as c:
        await c.status()
        with pytest.raises(FrameTooLarge):
            await c.invoke("f", b"x" * (9 * 1024 * 1024))
        with pytest.raises(Rejected, match="arguments: expected at most"):
            await c.invoke("f", b"x" * (8 * 1024 * 1024 - 2000))


@on_a_loop
async def test_an_unknown_function_is_an_error_of_its_own() -> None:
    async with gateway() as running, FakeWorker(running.url), client(running.url) as c:
        with pytest.raises(UnknownFunction, match="none of 1 connected workers serves 'tpyo'"):
            await c.invoke("tpyo", timeout=5)


@on_a_loop
async def test_the_timeout_is_the_deadline_of_the_request() -> None:
    async with gateway() as running, client(running.url) as c:
        with pytest.raises(Expired):
            await c.invoke("f", timeout=0.3)
        async with FakeWorker(running.url, keep) as worker:
            with pytest.raises(DeadlineExceeded) as late:
                await c.invoke("f", timeout=0.3)
            assert late.value.kind == "deadline"
            await worker.expect(Cancel)


@on_a_loop
async def test_a_call_whose_task_is_cancelled_is_cancelled_at_the_worker() -> None:
    async with gateway() as running, FakeWorker(running.url, keep) as worker, client(running.url) as c:
        call = asyncio.create_task(c.invoke("f"))
        await worker.expect(Invoke)
        call.cancel()
        await worker.expect(Cancel)
        with pytest.raises(asyncio.CancelledError):
            await call


@on_a_loop
async def test_submit_now_and_ask_for_the_result_later_from_elsewhere() -> None:
    async with gateway() as running, client(running.url) as c:
        request_id = await c.submit("f", 20)
        async with FakeWorker(running.url, calling(f=lambda x: x + 1)), client(running.url) as other:
            assert await other.result(request_id, timeout=5) == 21
            assert await asyncio.gather(*(c.result(request_id) for _ in range(5))) == [21] * 5


@on_a_loop
async def test_waiting_for_a_result_ends_and_the_request_goes_on() -> None:
    async with gateway() as running, client(running.url) as c:
        request_id = await c.submit("f")
        with pytest.raises(WaitTimeout, match=r"no answer within 0\.1 s"):
            await c.result(request_id, timeout=0.1)
        async with FakeWorker(running.url, calling(f=lambda: "done")):
            assert await c.result(request_id, timeout=5) == "done"


@on_a_loop
async def test_the_result_of_nothing_is_an_error() -> None:
    async with gateway() as running, client(running.url) as c:
        with pytest.raises(UnknownRequest, match="never-there"):
            await c.result("never-there")


@on_a_loop
async def test_cancel_says_whether_it_came_in_time() -> None:
    async with gateway() as running, client(running.url) as c:
        waiting, done = await c.submit("g"), await c.submit("f")
        async with FakeWorker(running.url, calling(f=lambda: 1)):
            await c.result(done)
            assert await c.cancel(waiting, timeout=5) is True
            assert await c.cancel(done, timeout=5) is False
            with pytest.raises(Cancelled):
                await c.result(waiting)


@on_a_loop
async def test_a_wrong_token_fails_every_call_at_once() -> None:
    async with gateway() as running, client(running.url, token="wrong") as c:
        with pytest.raises(Unauthorized):
            await c.invoke("f", timeout=10)
        with pytest.raises(Unauthorized):
            await c.status(timeout=10)


@on_a_loop
async def test_a_gateway_of_another_version_is_an_error_that_no_retry_heals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.connect.client_link.SUBPROTOCOL", "regrow.v99")
    async with gateway() as running, client(running.url) as c:
        with pytest.raises(UnsupportedVersion, match=r"regrow\.v1, got regrow\.v99"):
            await c.invoke("f", timeout=10)


@on_a_loop
async def test_a_gateway_that_greets_in_another_version_is_given_up_with_both_versions() -> None:
    async def greet(ws: ServerConnection) -> None:
        await ws.send(encode_message(Hello(gateway="g", versions=("regrow.v7",))))
        await ws.wait_closed()

    async with serve(greet, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL)]) as server:
        async with client(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}") as c:
            with pytest.raises(UnsupportedVersion, match=r"speaks regrow\.v1, got one of regrow\.v7"):
                await c.invoke("f", timeout=10)


@on_a_loop
async def test_of_several_gateways_one_that_is_there_is_found_and_the_next_when_it_goes() -> None:
    async with gateway() as last:
        async with gateway() as first, FakeWorker(first.url, calling(f=lambda: 1)):
            async with client(["ws://127.0.0.1:9", first.url, last.url]) as c:
                assert await c.invoke("f", timeout=10) == 1
                assert c.url == first.url
                await first.stop(0.0)
                async with FakeWorker(last.url, calling(f=lambda: 2)):
                    assert await c.invoke("f", timeout=10) == 2
                    assert c.url == last.url


@on_a_loop
async def test_a_gateway_that_drains_is_left_when_nothing_waits_there_any_more() -> None:
    async with gateway() as next_one, gateway() as first, FakeWorker(next_one.url, calling(f=lambda: "there")):
        async with FakeWorker(first.url, keep) as worker, client([first.url, next_one.url]) as c:
            waiting = asyncio.ensure_future(c.invoke("f", timeout=10))
            invoke = await worker.expect(Invoke)
            async with client([first.url, next_one.url]) as idle:
                await idle.status(timeout=10)
                stopped = asyncio.ensure_future(first.stop(10.0))
                await worker.expect(Drain)
                assert await idle.invoke("f", timeout=10) == "there"
                assert idle.url == next_one.url
            assert c.url == first.url, "its request runs there"
            await worker.finish(invoke, Success(encode("here")))
            assert await waiting == "here"
            assert await c.invoke("f", timeout=10) == "there"
            assert await stopped


@on_a_loop
async def test_one_that_drains_and_is_the_only_one_is_waited_for() -> None:
    async with gateway() as only:
        async with FakeWorker(only.url, keep) as worker, client(only.url) as c:
            waiting = asyncio.ensure_future(c.invoke("f", timeout=10))
            invoke = await worker.expect(Invoke)
            stopped = asyncio.ensure_future(only.stop(10.0))
            await worker.expect(Drain)
            assert (await c.status(timeout=10))["draining"] is True
            await worker.finish(invoke, Success(encode("here")))
            assert await waiting == "here"
            assert await stopped


@on_a_loop
async def test_a_token_that_is_refused_is_replaced_by_the_one_to_fall_back_on() -> None:
    async with gateway() as running, FakeWorker(running.url, calling(f=lambda: 1)):
        async with client(running.url, token=["wrong", TOKEN]) as c:
            assert await c.invoke("f", timeout=10) == 1
        async with client(running.url, token=["wrong", "wrong as well"]) as c:
            with pytest.raises(Unauthorized):
                await c.invoke("f", timeout=10)


@on_a_loop
async def test_a_gateway_that_is_not_there_is_unreachable_within_the_timeout() -> None:
    async with client("ws://127.0.0.1:9") as c:
        for ask in (c.invoke, c.result, lambda _, timeout: c.status(timeout)):
            with pytest.raises(
                GatewayUnreachable, match=r"ws://127\.0\.0\.1:9 cannot be reached: .*Connect call failed"
            ):
                await ask("f", timeout=0.2)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "127.0.0.1:9", "ws://", "ws://[::1", "ws://h:99999", ""])
def test_a_url_that_is_none_of_a_web_socket_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r"url: expected ws://HOST:PORT or wss://HOST:PORT, got"):
        Client(url)


@on_a_loop
async def test_what_ends_the_connection_for_good_fails_every_later_call_as_well() -> None:
    async with client("ws://127.0.0.1:9", ssl=ssl.create_default_context()) as c:
        for _ in range(2):
            with pytest.raises(ValueError, match="ssl"):
                await c.invoke("f", timeout=10)


@on_a_loop
async def test_a_timeout_of_infinity_is_no_deadline() -> None:
    async with gateway() as running, client(running.url) as c, FakeWorker(running.url, calling(f=lambda: 1)) as worker:
        assert await c.invoke("f", timeout=math.inf) == 1
        assert worker.invokes[0].deadline_ms is None


@on_a_loop
async def test_a_gateway_that_takes_the_connection_and_says_nothing_is_unreachable_as_well() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with client(f"ws://127.0.0.1:{silent.getsockname()[1]}") as c:
            with pytest.raises(GatewayUnreachable, match=r"cannot be reached: no answer yet \(for 0.2 s\)"):
                await c.invoke("f", timeout=0.2)


@on_a_loop
async def test_calls_wait_for_a_gateway_that_comes_later() -> None:
    first = gateway()
    await first.start()
    await first.stop()
    async with client(first.url) as c:
        call = asyncio.create_task(c.invoke("f", 1, timeout=10))
        await asyncio.sleep(0.05)
        async with gateway(first.port) as second, FakeWorker(second.url, calling(f=lambda x: x)):
            assert await call == 1


@on_a_loop
async def test_a_restart_of_the_gateway_in_the_middle_is_not_noticed(tmp_path: Path) -> None:
    first = gateway(path=tmp_path / "q.db")
    await first.start()
    async with client(first.url) as c:
        async with FakeWorker(first.url, keep) as worker:
            calls = [asyncio.create_task(c.invoke("f", n, timeout=15)) for n in range(20)]
            late = await c.submit("g", 99)
            await worker.expect(Invoke, 10)
            await worker.finish(worker.invokes[0], Success(b"\x2a"))
            assert await calls[0] == 42
            await first.stop(drain_timeout=0)
        async with gateway(first.port, tmp_path / "q.db") as second:
            serve = calling(f=lambda x: x, g=lambda x: -x)
            async with FakeWorker(second.url, serve, epoch=2, functions=("f", "g")) as worker:
                assert await asyncio.gather(*calls[1:]) == list(range(1, 20))
                assert await c.result(late, timeout=5) == -99
                assert len(worker.invokes) == 20


@on_a_loop
async def test_a_gateway_that_forgets_everything_is_told_again() -> None:
    first = gateway()
    await first.start()
    async with client(first.url) as c:
        async with FakeWorker(first.url, keep) as worker:
            call = asyncio.create_task(c.invoke("f", 5, timeout=15))
            await worker.expect(Invoke)
            await first.stop(drain_timeout=0)
        async with gateway(first.port) as second, FakeWorker(second.url, calling(f=lambda x: x), epoch=2):
            assert await call == 5


@on_a_loop
async def test_a_silent_gateway_is_noticed_by_its_missing_heartbeats() -> None:
    async with gateway() as running, client(running.url) as c:
        await c.status()
        link = c._link
        assert link is not None
        first = link._ws
        assert first is not None
        first.transport.pause_reading()
        async with asyncio.timeout(10):
            while link._ws in (first, None):  # noqa: ASYNC110  # the link tells nobody but its owner's calls
                await asyncio.sleep(0.02)
        assert (await c.status(timeout=5))["clients"] == 1


@on_a_loop
async def test_closing_fails_what_is_waited_for() -> None:
    async with gateway() as running:
        c = client(running.url)
        call = asyncio.create_task(c.invoke("f"))
        await c.status()
        await c.close()
        with pytest.raises(ClientClosed):
            await call
        with pytest.raises(ClientClosed):
            await c.status()
        await c.close()


@on_a_loop
async def test_more_pending_requests_than_agreed_are_refused() -> None:
    async with gateway() as running, client(running.url, max_pending=2) as c:
        calls = [asyncio.create_task(c.invoke("f", timeout=0.3)) for _ in range(3)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(result) for result in results] == [Expired, Expired, Rejected]


# ── the client for programs without a loop ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def served() -> Iterator[str]:
    with served_on_another_loop(gateway, f=lambda x: x * 2) as url:
        yield url


def test_the_blocking_client_does_the_same_and_leaves_no_thread(served: str) -> None:
    with Client(served, token=TOKEN) as c:
        assert c.invoke("f", 21) == 42
        request_id = c.submit("f", 4)
        assert c.result(request_id, timeout=5) == 8
        assert c.cancel(request_id) is False
        assert c.status()["workers_connected"] == 1
        with pytest.raises(WaitTimeout):
            c.result(c.submit("f", 1, timeout=5), timeout=1e-9)
    assert not [thread for thread in threading.enumerate() if thread.name == "regrow-client"]
    with pytest.raises(ClientClosed):
        c.invoke("f", 1)
    c.close()


def test_many_threads_share_a_client(served: str) -> None:
    with Client(served, token=TOKEN) as c, ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: c.invoke("f", n), range(200))) == [2 * n for n in range(200)]


def test_a_call_that_another_thread_closes_the_client_under_ends(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    c = Client(served, token=TOKEN)
    assert c.invoke("f", 1) == 2
    closing = threading.Thread(target=c.close)
    schedule = asyncio.run_coroutine_threadsafe

    def close_first(call: Coroutine[object, object, object], loop: asyncio.AbstractEventLoop) -> Future[object]:
        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", schedule)
        closing.start()
        closing.join(0.1)
        return schedule(call, loop)

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", close_first)
    with suppress(ClientClosed):
        assert c.invoke("f", 1) == 2  # it got through before the end
    closing.join(5)
    with pytest.raises(ClientClosed):
        c.invoke("f", 1)


def test_a_client_that_was_never_used_has_nothing_to_close() -> None:
    Client("ws://127.0.0.1:9").close()
