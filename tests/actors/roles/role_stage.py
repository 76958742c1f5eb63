"""Stand-ins for the roles' neighbors: a wire that records, a gateway that does as it is told."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from regrow.actors import ActorRef, ActorSystem
from regrow.actors.roles.link_messages import CONNECTION, SessionReady
from regrow.actors.roles.losses import Loss
from regrow.actors.roles.wire import WireClosed
from regrow.actors.testing import ManualClock, Probe
from regrow.protocol.session.messages import SUBPROTOCOL, Connect, Hello, Message, Ready
from regrow.protocol.session.protocol import Intervals, SessionProtocol
from regrow.protocol.session.states import Role

WAIT = 5.0
INTERVALS = Intervals(heartbeat=5.0, misses=3, lease=30.0, lease_renew=10.0, max_message_bytes=1 << 20)


class FakeWire:
    """What heartbeat and leases need of a Wire."""

    def __init__(self) -> None:
        self.sent: SimpleQueue[Message] = SimpleQueue()
        self.silence = 0.0
        self.lag: Callable[[], object] = lambda: None
        self.loss: Loss | None = None

    def send(self, message: Message) -> None:
        if self.loss is not None:
            raise WireClosed("closed")
        self.lag()
        self.sent.put(message)

    def silent_for(self) -> float:
        return self.silence

    def abort(self, loss: Loss) -> None:
        self.loss = loss

    def next(self) -> Message:
        return self.sent.get(timeout=WAIT)

    def ready(self, intervals: Intervals = INTERVALS) -> SessionReady:
        return SessionReady(self, intervals, "c1")  # type: ignore[arg-type]


class RoleStage:
    """A role on a clock that stands still, beside the connection that it joins and over a wire that records."""

    ref: ActorRef

    def __init__(self, now: float) -> None:
        self.clock = ManualClock(now)
        self.system = ActorSystem(clock=self.clock)
        self.connection = Probe(self.system)
        self.system.registry.register(CONNECTION, self.connection.ref)
        self.wire = FakeWire()

    def tell(self, message: object) -> None:
        self.ref.tell(message)
        self.connection.sync(self.ref)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.connection.sync(self.ref)


class FakeSession:
    """One connection of a worker, as the fake gateway sees it."""

    def __init__(self, websocket: ServerConnection) -> None:
        self.websocket = websocket
        self.session = SessionProtocol(Role.GATEWAY)
        self.heard: SimpleQueue[Message | None] = SimpleQueue()  # None: it has gone
        self.deaf = threading.Event()  # set by the test: read nothing any more
        self.gave_up = threading.Event()

    def say(self, message: Message) -> None:
        self.websocket.send(self.session.send(message, 0.0))

    def hear(self) -> Message:
        message = self.heard.get(timeout=WAIT)
        assert message is not None, "the worker has gone"
        return message

    def admit(self, *, features: tuple[str, ...] = (), **ready: int) -> Connect:
        """Say Hello, take Connect, say Ready."""
        self.say(Hello(gateway="fake", features=features))
        connect = self.hear()
        assert isinstance(connect, Connect)
        given = {
            "heartbeat_interval_ms": 5000,
            "heartbeat_misses": 3,
            "lease_ms": 30_000,
            "lease_renew_ms": 10_000,
            "max_message_bytes": 1 << 20,
        } | ready
        self.say(Ready(connection_id="c", features=features, **given))
        return connect

    def gone(self) -> None:
        while self.heard.get(timeout=WAIT) is not None:
            pass

    def read(self) -> None:
        try:
            for data in self.websocket:
                while self.deaf.is_set():
                    self.gave_up.wait(0.01)
                message = self.session.receive(data, 0.0)
                if message is not None:
                    self.heard.put(message)
        except ConnectionClosed:
            pass
        self.heard.put(None)


class FakeGateway:
    """Takes connections and leaves them to the test; `refusals` are HTTP answers for the next ones."""

    def __init__(self) -> None:
        self.sessions: SimpleQueue[FakeSession] = SimpleQueue()
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.url = ""

    def session(self) -> FakeSession:
        return self.sessions.get(timeout=WAIT)

    def handle(self, websocket: ServerConnection) -> None:
        session = FakeSession(websocket)
        self.sessions.put(session)
        session.read()

    def answer(self, connection: ServerConnection, _request: Request) -> Response | None:
        if not self.refusals:
            return None
        status, headers = self.refusals.pop(0)
        response = connection.respond(status, "no\n")
        response.headers.update(headers)
        return response


@contextmanager
def fake_gateway(tls: ssl.SSLContext | None = None) -> Iterator[FakeGateway]:
    gateway = FakeGateway()
    server = serve(
        gateway.handle,
        "127.0.0.1",
        0,
        subprotocols=[SUBPROTOCOL],  # type: ignore[list-item]
        process_request=gateway.answer,
        compression=None,
        close_timeout=0.2,
        ssl=tls,
    )
    gateway.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    thread = threading.Thread(target=server.serve_forever, name="fake-gateway", daemon=True)
    thread.start()
    try:
        yield gateway
    finally:
        server.shutdown()
        thread.join(WAIT)
