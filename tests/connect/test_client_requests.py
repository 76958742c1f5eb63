"""What a client says of each request, against a real gateway: in order, later, where, once."""

from __future__ import annotations

import asyncio
import math

import pytest

from regrow.connect import AsyncClient, Client
from regrow.connect.client_options import ClientOptions
from regrow.connect.errors import DeadlineExceeded, FunctionFailed, Rejected
from regrow.connect.request_options import NO_OPTIONS, RequestOptions
from regrow.protocol.codec import encode
from regrow.protocol.session.messages import Cancel, Invoke, Success, Terms
from tests.connect.fake_peer import TOKEN, FakeWorker, calling, keep, on_a_loop, served_on_another_loop
from tests.connect.test_client import gateway

ONCE = RequestOptions(idempotency_key="order-4711")


def client(url: str) -> AsyncClient:
    return AsyncClient(url, token=TOKEN, options=ClientOptions(close_timeout=0.2, default_timeout=5.0))


@on_a_loop
async def test_a_key_keeps_requests_in_order_although_the_worker_has_room() -> None:
    async with gateway() as up, client(up.url) as c, FakeWorker(up.url, keep, capacity=8) as worker:
        same = c.having(RequestOptions(key="k"))
        requests = [await same.submit("f", number) for number in range(4)]
        await c.having(RequestOptions(key="another")).submit("f")
        for number in range(4):
            await worker.expect(Invoke, 2 + number)
            first, *_ = [it for it in worker.invokes if it.request_id in requests[number:]]
            assert [it.request_id for it in worker.invokes if it.request_id in requests] == requests[: number + 1]
            await worker.finish(first, Success(b"\xc0"))
            assert await c.result(requests[number]) is None


@on_a_loop
async def test_asking_again_under_the_same_key_gives_the_same_result_and_runs_nothing() -> None:
    calls: list[int] = []

    def f(n: int) -> int:
        calls.append(n)
        return len(calls)

    async with gateway() as up, FakeWorker(up.url, calling(f=f)), client(up.url) as c, client(up.url) as other:
        assert await c.having(ONCE).invoke("f", 7) == 1
        assert await c.having(ONCE).invoke("f", 7) == 1
        assert await other.having(ONCE).invoke("f", 7) == 1
        request_id = await other.having(ONCE).submit("f", 7)
        assert await c.result(request_id) == 1
        assert calls == [7]


@on_a_loop
async def test_asking_at_the_same_time_under_one_key_is_one_request_for_all_who_wait() -> None:
    async with gateway() as up, FakeWorker(up.url, keep) as worker, client(up.url) as c:
        waiting = [asyncio.create_task(c.having(ONCE).invoke("f")) for _ in range(5)]
        invoke = await worker.expect(Invoke)
        assert await c.having(ONCE).submit("f") == invoke.request_id
        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        await worker.finish(invoke, Success(encode(42)))
        assert await asyncio.gather(*waiting[1:]) == [42] * 4
        assert len(worker.invokes) == 1


@on_a_loop
async def test_a_failure_is_what_everybody_who_asks_under_the_key_is_told() -> None:
    async with gateway() as up, FakeWorker(up.url, calling(f=lambda: 1 // 0)), client(up.url) as c:
        for _ in range(2):
            with pytest.raises(FunctionFailed, match="division"):
                await c.having(ONCE).invoke("f")


@on_a_loop
async def test_another_question_under_the_same_key_is_refused_by_the_gateway_and_by_the_client() -> None:
    async with gateway() as up, client(up.url) as c, client(up.url) as other:
        await c.having(ONCE).submit("f", 1, timeout=60.0)
        for function, argument in (("f", 2), ("g", 1)):
            with pytest.raises(Rejected, match="idempotency_conflict"):
                await other.having(ONCE).submit(function, argument)
        waiting = asyncio.create_task(c.having(ONCE).invoke("f", 1))
        await asyncio.sleep(0)
        with pytest.raises(Rejected, match="idempotency_conflict"):
            await c.having(ONCE).invoke("f", 2)
        waiting.cancel()
        await asyncio.wait([waiting])


@on_a_loop
async def test_other_options_under_the_same_key_are_those_that_it_came_with_first() -> None:
    later = RequestOptions(idempotency_key="order-4711", delay=3600.0)
    async with gateway() as up, FakeWorker(up.url, calling(f=lambda n: n + 1)), client(up.url) as c:
        assert await asyncio.gather(c.having(ONCE).invoke("f", 1), c.having(later).invoke("f", 1)) == [2, 2]
        assert await c.having(later).invoke("f", 1) == 2


@on_a_loop
async def test_a_timeout_of_one_does_not_cancel_what_has_a_key_but_its_deadline_ends_it() -> None:
    async with gateway() as up, FakeWorker(up.url, keep) as worker, client(up.url) as c:
        with pytest.raises(DeadlineExceeded):
            await c.having(ONCE).invoke("f", timeout=0.2)
        cancel = await worker.expect(Cancel)
        assert "was not finished within" in cancel.reason  # the gateway's own, at the deadline
        with pytest.raises(DeadlineExceeded):
            await c.having(ONCE).invoke("f", timeout=5.0)


@on_a_loop
async def test_keyword_arguments_are_the_same_in_any_order() -> None:
    async with gateway() as up, FakeWorker(up.url, calling(f=lambda a, b: a - b)), client(up.url) as c:
        assert await c.having(ONCE).invoke("f", a=5, b=2) == 3
        assert await c.having(ONCE).invoke("f", b=2, a=5) == 3


def test_the_blocking_client_has_it_too() -> None:
    with served_on_another_loop(gateway, f=lambda n: n + 1) as url:
        with Client(url, token=TOKEN, options=ClientOptions(close_timeout=0.2)) as c:
            same = c.having(ONCE)
            assert same.submit("f", 1) == same.submit("f", 1)
            assert same.invoke("f", 1) == 2
            assert c.having(RequestOptions(delay=0.05, key="k")).invoke("f", 2) == 3


def test_nothing_said_is_nothing_sent() -> None:
    assert NO_OPTIONS.terms("f", (), {}) is None
    assert RequestOptions(priority=3, max_attempts=1).terms("f", (), {}) is None
    assert RequestOptions(delay=1.5).terms("f", (), {}) == Terms(delay_ms=1500)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"delay": -1.0}, r"delay: expected seconds >= 0, got -1\.0"),
        ({"delay": math.nan}, "delay: expected seconds >= 0, got nan"),
        ({"result_ttl": math.inf}, "result_ttl: expected seconds >= 0 or None, got inf"),
        ({"key_concurrency": 0}, "key_concurrency: expected a whole number >= 1, got 0"),
        ({"max_attempts": 0}, "max_attempts: expected a whole number >= 1, got 0"),
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(given: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RequestOptions(**given)  # type: ignore[arg-type]
