"""A peer of the gateway that does what a test tells it, over a real socket: mostly a worker."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import ParamSpec, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from regrow.connect import Gateway
from regrow.protocol.codec import decode, encode
from regrow.protocol.session import Message, Role, SessionProtocol
from regrow.protocol.session.messages import (
    SUBPROTOCOL,
    Ack,
    Connect,
    Failure,
    Hello,
    InFlight,
    Invoke,
    Outcome,
    Ready,
    Result,
    Success,
)

P = ParamSpec("P")
M = TypeVar("M")

TOKEN = "secret"
LIMIT = 20.0  # seconds that a whole test may take

Behavior = Callable[["FakeWorker", Invoke], Outcome | None]


def on_a_loop(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """Run an async test on a loop of its own, within a limit."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def limited() -> None:
            async with asyncio.timeout(LIMIT):
                await test(*args, **kwargs)

        asyncio.run(limited())

    return run


def calling(**functions: Callable[..., object]) -> Behavior:
    """Serve plain functions at once."""

    def behave(worker: FakeWorker, invoke: Invoke) -> Outcome | None:
        args, kwargs = decode(invoke.arguments)  # type: ignore[misc]
        try:
            return Success(encode(functions[invoke.function](*args, **kwargs)))
        except Exception as error:
            return Failure("error", type(error).__name__, str(error), "Traceback: here\n")

    return behave


def keep(worker: FakeWorker, invoke: Invoke) -> Outcome | None:
    """Take the request and say nothing more about it."""
    return None


class FakeWorker:
    """`async with FakeWorker(url, behavior) as worker`. `got` keeps what the gateway said; `expect` waits for more."""

    def __init__(
        self,
        url: str,
        behave: Behavior = keep,
        *,
        instance: str = "w1",
        epoch: int = 1,
        functions: tuple[str, ...] = ("f",),
        capacity: int = 10,
        in_flight: tuple[InFlight, ...] = (),
        role: str = "worker",
        token: str = TOKEN,
        features: tuple[str, ...] = (),
    ) -> None:
        self.url = url
        self.behave = behave
        self.connect = Connect(
            role=role,  # type: ignore[arg-type]
            token=token,
            instance=instance,
            epoch=epoch,
            functions=functions,
            capacity=capacity,
            in_flight=in_flight,
            features=features,
        )
        self.session = SessionProtocol(Role(role))
        self.got: list[Message] = []
        self.invokes: list[Invoke] = []
        self.closed: ConnectionClosed | None = None
        self.news = asyncio.Condition()
        self.ws: ClientConnection
        self.reader: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self.ws = await connect(
            self.url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            max_size=None,
            ping_interval=None,
            proxy=None,
            close_timeout=0.2,
        )
        self.reader = asyncio.create_task(self.read())
        await self.expect(Hello)
        await self.say(self.connect)
        await self.expect(Ready)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.ws.close()
        await self.reader

    async def say(self, *messages: Message) -> None:
        for message in messages:
            await self.ws.send(self.session.send(message, asyncio.get_running_loop().time()))

    async def finish(self, invoke: Invoke, outcome: Outcome) -> None:
        await self.say(Result(request_id=invoke.request_id, lease_id=invoke.lease_id, outcome=outcome))

    async def read(self) -> None:
        try:
            while True:
                message = self.session.receive(await self.ws.recv(), asyncio.get_running_loop().time())
                assert message is not None
                async with self.news:
                    self.got.append(message)
                    self.news.notify_all()
                if isinstance(message, Invoke):
                    self.invokes.append(message)
                    await self.say(Ack(request_id=message.request_id, lease_id=message.lease_id))
                    outcome = self.behave(self, message)
                    if outcome is not None:
                        await self.finish(message, outcome)
        except ConnectionClosed as closed:
            self.closed = closed
        finally:
            self.session.close()
            async with self.news:
                self.news.notify_all()

    async def expect(self, kind: type[M], count: int = 1) -> M:
        """Wait until the gateway has said so many messages of a kind, and give the last one."""
        async with self.news, asyncio.timeout(5):
            while True:
                found = [message for message in self.got if isinstance(message, kind)]
                if len(found) >= count:
                    return found[count - 1]
                assert not self.reader.done(), f"closed ({self.closed}) before {kind.__name__} came; got {self.got}"
                await self.news.wait()

    async def end(self) -> ConnectionClosed:
        """Wait until the connection is gone."""
        async with asyncio.timeout(5):
            await asyncio.shield(self.reader)
        assert self.closed is not None
        return self.closed

    def drop(self) -> None:
        """Lose the connection without a word."""
        self.ws.transport.abort()


@contextmanager
def served_on_another_loop(gateway: Callable[[], Gateway], **functions: Callable[..., object]) -> Iterator[str]:
    """A gateway and a worker on a loop in another thread; gives the url."""
    ready: list[str] = []
    begun, over = threading.Event(), threading.Event()

    async def main() -> None:
        async with gateway() as running, FakeWorker(running.url, calling(**functions)):
            ready.append(running.url)
            begun.set()
            await asyncio.to_thread(over.wait, 20)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert begun.wait(5)
    try:
        yield ready[0]
    finally:
        over.set()
        thread.join(5)
