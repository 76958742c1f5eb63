"""The connection against a server that speaks JSON: the same role, other words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue

import pytest
from link_stage import LinkStage
from role_stage import WAIT
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from regrow.actors.roles.link_messages import ResultAcknowledged, SendResult, SessionReady
from regrow.actors.roles.messages import InvocationOffered
from regrow.actors.roles.outbox_store import OwedResult
from regrow.actors.roles.outcomes import outcome_to_bytes
from regrow.protocol.codec import decode, encode
from regrow.protocol.session.foreign import ForeignProtocol, ForeignSession
from regrow.protocol.session.messages import Closing, Connect, Message, Result, Success


class Json(ForeignProtocol):
    """One text a message."""

    pings = 0.05
    subprotocol = "json.v7"

    def connect(self, connect: Connect) -> Iterable[str]:
        return [json.dumps({"token": connect.token})]

    def receive(self, data: str | bytes) -> Iterable[Message]:
        return [self.invoke(json.loads(data)["run"], "f")]

    def result(self, result: Result) -> Iterable[str]:
        assert isinstance(result.outcome, Success)
        return [json.dumps({"done": result.request_id, "value": decode(result.outcome.value)})]

    def say(self, message: Message) -> Iterable[str]:
        return ["bye"] if isinstance(message, Closing) else []


class JsonServer:
    """Takes connections and leaves them to the test."""

    def __init__(self) -> None:
        self.connections: SimpleQueue[ServerConnection] = SimpleQueue()
        self.heard: SimpleQueue[str | bytes] = SimpleQueue()
        self._server = serve(self._handle, "127.0.0.1", 0, subprotocols=["json.v7"])  # type: ignore[list-item]
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="json-server", daemon=True)
        self._thread.start()

    def _handle(self, websocket: ServerConnection) -> None:
        self.connections.put(websocket)
        try:
            for data in websocket:
                self.heard.put(data)
        except ConnectionClosed:
            return

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(WAIT)


@pytest.fixture
def server() -> Iterator[JsonServer]:
    server = JsonServer()
    yield server
    server.close()


@pytest.fixture
def stage(server: JsonServer) -> Iterator[LinkStage]:
    stage = LinkStage(server.url, protocol=lambda: ForeignSession(Json()))
    stage.introduce()
    yield stage
    stage.system.shutdown()


def test_orders_come_in_and_results_go_out_in_its_words(stage: LinkStage, server: JsonServer) -> None:
    stage.outbox.fish(SessionReady)
    websocket = server.connections.get(timeout=WAIT)
    assert websocket.subprotocol == "json.v7"
    assert server.heard.get(timeout=WAIT) == '{"token": "t"}'
    websocket.send('{"run": "r1"}')
    assert stage.executor.fish(InvocationOffered).function == "f"
    stage.tell(SendResult(OwedResult("r1", 1, outcome_to_bytes(Success(encode(42))))))
    assert json.loads(server.heard.get(timeout=WAIT)) == {"done": "r1", "value": 42}
    assert stage.outbox.fish(ResultAcknowledged).request_id == "r1"
    stage.connection.shutdown()
    assert server.heard.get(timeout=WAIT) == "bye"


def test_what_it_says_wrong_ends_the_connection_and_the_next_is_made(stage: LinkStage, server: JsonServer) -> None:
    server.connections.get(timeout=WAIT).send("no JSON")
    waiting = stage.phase("waiting")
    assert waiting.code == "protocol"
    assert "Json.receive" in waiting.reason
    stage.advance(0.1)
    server.connections.get(timeout=WAIT)


def test_one_that_does_not_answer_pings_is_left(stage: LinkStage, server: JsonServer) -> None:
    websocket = server.connections.get(timeout=WAIT)
    with websocket.protocol_mutex:  # its end of the connection cannot say anything, a pong for one
        assert stage.phase("waiting").code == "lost"
