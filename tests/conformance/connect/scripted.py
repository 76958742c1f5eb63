"""A gateway that does what a test tells it, over real sockets, and keeps what it hears."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from regrow.protocol.codec import encode
from regrow.protocol.session import Role, SessionProtocol
from regrow.protocol.session.messages import (
    SUBPROTOCOL,
    Connect,
    ExtendLease,
    Heartbeat,
    HeartbeatAck,
    Hello,
    Invoke,
    Lease,
    Message,
    Ready,
    Result,
    ResultAck,
)
from tests.system.waiting import WAIT

M = TypeVar("M")

BEAT = 0.05  # seconds between two heartbeats, and between two renewals


@dataclass
class Script:
    """What the gateway does by itself. What it does not, the test says."""

    greets: bool = True
    admits: bool = True
    acknowledges_beats: bool = True
    renews: bool = True
    acknowledges_results: bool = True
    misses: int = 20  # a busy machine is no silent gateway
    refusals: list[int] = field(default_factory=list)  # HTTP statuses for the next who come
    forever: int | None = None  # one for all who come


class Session:
    """One connection of a worker, as the gateway sees it."""

    def __init__(self, gateway: ScriptedGateway, websocket: ServerConnection) -> None:
        self._gateway = gateway
        self._websocket = websocket
        self._session = SessionProtocol(Role.GATEWAY)
        self._saying = threading.Lock()  # the test and the script both speak
        self.heard: list[Message] = []
        self.over = False

    @property
    def connection_id(self) -> str:
        return f"c{self._gateway.sessions.index(self) + 1}"

    def say(self, *messages: Message) -> None:
        with self._saying:
            for message in messages:
                self._websocket.send(self._session.send(message, 0.0))

    def say_bytes(self, data: bytes | str) -> None:
        self._websocket.send(data)

    def close(self, code: int) -> None:
        self._websocket.close(code)

    def invoke(self, key: str, lease_id: int = 1, function: str = "wait") -> None:
        self._gateway.invoked = True
        arguments = encode(((key,), {}))
        self.say(Invoke(request_id=key, function=function, arguments=arguments, lease_id=lease_id))

    def all(self, kind: type[M]) -> list[M]:
        with self._gateway.news:
            return [message for message in self.heard if isinstance(message, kind)]

    def expect(self, kind: type[M], count: int = 1) -> M:
        """Wait until so many messages of a kind were heard on this connection, and give the last one."""
        self._gateway.until(lambda: len(self.all(kind)) >= count, lambda: f"{count} {kind.__name__} in {self.heard}")
        return self.all(kind)[count - 1]

    def expect_more(self, kind: type[M], count: int = 1) -> M:
        """Wait for so many from here on."""
        return self.expect(kind, len(self.all(kind)) + count)

    def expect_end(self) -> None:
        self._gateway.until(lambda: self.over, lambda: f"an end after {self.heard}")

    def serve(self) -> None:
        try:
            if self._gateway.script.greets:
                self.say(Hello(gateway="scripted"))
            for data in self._websocket:
                message = self._session.receive(data, 0.0)
                if message is not None:
                    with self._gateway.news:
                        self.heard.append(message)
                        self._gateway.news.notify_all()
                    self._answer(message)
        except ConnectionClosed:
            pass  # as tests have it
        finally:
            with self._gateway.news:
                self.over = True
                self._gateway.news.notify_all()

    def _answer(self, message: Message) -> None:
        script = self._gateway.script
        match message:
            case Connect() if script.admits:
                self.admit()
            case Heartbeat(sequence=sequence) if script.acknowledges_beats:
                self.say(HeartbeatAck(sequence=sequence))
            case ExtendLease(requests=requests) if script.renews:
                self.say(*(Lease(request_id=each.request_id, lease_id=each.lease_id) for each in requests))
            case Result(request_id=request_id, lease_id=lease_id) if script.acknowledges_results:
                self.say(ResultAck(request_id=request_id, lease_id=lease_id))

    def admit(self) -> None:
        ready = Ready(
            connection_id=self.connection_id,
            heartbeat_interval_ms=round(BEAT * 1000),
            heartbeat_misses=self._gateway.script.misses,
            lease_ms=30_000,
            lease_renew_ms=round(BEAT * 1000),
            max_message_bytes=1 << 20,
        )
        self.say(ready)


class ScriptedGateway:
    """`sessions` are the connections so far, `script` what it does with them."""

    def __init__(self) -> None:
        self.news = threading.Condition()
        self.fresh()

    def fresh(self) -> None:
        """Forget what was."""
        with self.news:
            self.script = Script()
            self.sessions: list[Session] = []
            self.refused: list[int] = []
            self.invoked = False

    def until(self, holds: Callable[[], bool], what: Callable[[], str]) -> None:
        with self.news:
            assert self.news.wait_for(holds, WAIT), f"not within {WAIT:g} s: {what()}"

    def session(self, number: int) -> Session:
        """Wait for the so many-th connection, the first is number 1, and for its worker to introduce itself."""
        self.until(lambda: len(self.sessions) >= number, lambda: f"connection {number}, there are {self.sessions}")
        session = self.sessions[number - 1]
        if self.script.greets:
            session.expect(Connect)
        return session

    def handle(self, websocket: ServerConnection) -> None:
        session = Session(self, websocket)
        with self.news:
            self.sessions.append(session)
            self.news.notify_all()
        session.serve()

    def answer(self, connection: ServerConnection, _request: Request) -> Response | None:
        with self.news:
            script = self.script
            status = script.refusals.pop(0) if script.refusals else script.forever
            if status is None:
                return None
            self.refused.append(status)
            self.news.notify_all()
        return connection.respond(HTTPStatus(status), "no\n")


@contextmanager
def scripted_gateway() -> Iterator[tuple[ScriptedGateway, int]]:
    """Give it and its port."""
    gateway = ScriptedGateway()
    server = serve(
        gateway.handle,
        "127.0.0.1",
        0,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        process_request=gateway.answer,
        compression=None,
        close_timeout=0.2,
        ping_interval=None,
    )
    thread = threading.Thread(target=server.serve_forever, name="scripted-gateway", daemon=True)
    thread.start()
    try:
        yield gateway, server.socket.getsockname()[1]
    finally:
        for session in gateway.sessions:
            with suppress(ConnectionClosed):
                session.close(1001)
        server.shutdown()
        thread.join(WAIT)
