"""A gateway with short limits, and ways to talk to it that no proper peer uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from regrow.connect import AsyncClient, Gateway
from regrow.connect.broker import BrokerSettings
from regrow.connect.gateway_options import GatewayOptions
from regrow.protocol.session import decode_message
from regrow.protocol.session.messages import (
    SUBPROTOCOL,
    ErrorMessage,
    Hello,
    Ready,
)
from tests.connect.fake_peer import TOKEN, FakeWorker, calling

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
