"""What is wrong is named, with what was expected and what came, and harms nobody else; more of it is in README.md."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

import regrow
from regrow.connect import errors
from regrow.protocol.codec import encode
from regrow.protocol.errors import CodecError
from regrow.protocol.session.messages import SUBPROTOCOL, Ack, Connect, Hello, Invoke, Message, Ready, Result
from regrow.protocol.session.wire import decode_message, encode_message
from tests.system.service.programs import TOKEN, Service, begun
from tests.system.waiting import until

BAD_CALLS: list[tuple[str, tuple[object, ...], type[Exception], tuple[str, ...]]] = [
    ("raise_unpicklable", (), errors.FunctionFailed, ("service_jobs.Unpicklable", "full of locks", "service_jobs.py")),
    ("raise_unsayable", (), errors.FunctionFailed, ("Mute", "__str__ raised ValueError")),
    ("give_unsayable", (), errors.BadResult, ("['rows'][1]", "expected a plain value", "got _thread.lock")),
    ("give_too_much", (), errors.BadResult, ("expected at most", "encoded bytes, got 9437")),
    ("leave", (), errors.FunctionFailed, ("SystemExit: 7",)),
    ("add", (), errors.BadArguments, ("a: 'int'", "missing a required argument: 'a'")),
    ("add", (1, object()), CodecError, ("arguments", "[1]", "got object")),
    ("broken_here", (), errors.NotImportable, ("broken_here", "no licence on this machine")),
]


def test_a_bad_call_is_answered_with_what_was_wrong_and_harms_nobody(service: Service, tmp_path: Path) -> None:
    marker = tmp_path / "go"
    service.gateway()
    worker = service.worker("--capacity=2")
    with service.client() as client:
        bystander = client.submit("wait_for", str(marker))
        until(begun(marker))
        family = {process.pid for process in worker.family()}
        for function, arguments, error, words in BAD_CALLS:
            with pytest.raises(error) as raised:
                client.invoke(function, *arguments, timeout=20)
            for word in words:
                assert word in str(raised.value), f"{function}: {raised.value}"
        assert {process.pid for process in worker.family()} == family
        marker.touch()
        assert client.result(bystander, timeout=20) == "seen"


# ── a gateway that misbehaves ────────────────────────────────────────────────────────────────────────────────────────


class BadGateway:
    """Speaks the session protocol, until it is told to say something else."""

    def __init__(self, websocket: ServerConnection) -> None:
        self.websocket = websocket
        self.say(Hello(gateway="bad"))
        connect = self.hear()
        assert isinstance(connect, Connect)
        self.connect = connect
        self.say(
            Ready(
                connection_id="c1",
                heartbeat_interval_ms=60_000,
                heartbeat_misses=2,
                lease_ms=60_000,
                lease_renew_ms=30_000,
                max_message_bytes=1024 * 1024,
            )
        )

    def say(self, message: Message) -> None:
        self.websocket.send(encode_message(message))

    def hear(self) -> Message | None:
        return decode_message(self.websocket.recv(timeout=20))

    def expect(self, kind: type[Message]) -> Message:
        while not isinstance(message := self.hear(), kind):
            pass
        return message


@contextmanager
def serving(handle: Callable[[ServerConnection], None]) -> Iterator[Server]:
    with serve(handle, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], ping_interval=None, compression=None) as server:  # type: ignore[list-item]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join(20)


def _send(data: bytes | str) -> Callable[[ServerConnection], None]:
    return lambda websocket: websocket.send(data)


def _claim(websocket: ServerConnection) -> None:
    """Send the header of a frame of 100 MB, and nothing of the frame."""
    websocket.socket.sendall(b"\x82\x7f" + struct.pack("!Q", 100 * 1024 * 1024))


BREACHES: dict[str, tuple[Callable[[ServerConnection], None], tuple[str, ...]]] = {
    "garbage": (_send(b"\xc1\xc1"), ("session message", "expected", "got")),
    "a bomb of lists": (_send(b"\x91" * 100_000), ("session message", "expected one msgpack value within bounds")),
    "a text frame": (_send("hello there"), ("expected a binary frame, got 'hello there'",)),
    "out of phase": (_send(encode_message(Hello(gateway="again"))), ("'hello'", "expected", "got 'ACTIVE'")),
    "a frame of 100 MB": (_claim, ("1009", "104857600 bytes")),
}


@pytest.mark.parametrize(("breach", "words"), BREACHES.values(), ids=BREACHES)
def test_a_gateway_that_breaks_the_protocol_is_left_and_what_runs_is_delivered_to_the_next(
    service: Service, tmp_path: Path, breach: Callable[[ServerConnection], None], words: tuple[str, ...]
) -> None:
    marker = tmp_path / "go"
    lives: list[Connect] = []
    results: list[Message] = []
    failures: list[BaseException] = []

    def handle(websocket: ServerConnection) -> None:
        try:
            gateway = BadGateway(websocket)
            lives.append(gateway.connect)
            if len(lives) == 1:
                arguments = encode(((str(marker),), {}))
                gateway.say(Invoke(request_id="r1", function="wait_for", arguments=arguments, lease_id=1))
                gateway.expect(Ack)
                until(begun(marker))
                breach(websocket)
                with pytest.raises(ConnectionClosed):
                    gateway.expect(Ready)
            else:
                marker.touch()
                results.append(gateway.expect(Result))
        except BaseException as error:
            failures.append(error)
            raise

    with serving(handle) as server:
        service.port = server.socket.getsockname()[1]
        worker = service.worker("--capacity=1")
        until(lambda: results or failures, what=worker.text)
        worker.destroy()
    assert not failures
    assert [held.request_id for held in lives[1].in_flight] == ["r1"]
    assert lives[1].instance == lives[0].instance
    said = next(line for line in worker.text().splitlines() if "no session" in line)
    for word in words:
        assert word in said


@pytest.mark.parametrize(("breach", "words"), BREACHES.values(), ids=BREACHES)
def test_a_client_of_a_gateway_that_breaks_the_protocol_is_told_why_there_is_no_answer(
    breach: Callable[[ServerConnection], None], words: tuple[str, ...]
) -> None:
    def handle(websocket: ServerConnection) -> None:
        with suppress(ConnectionClosed):  # again and again: the client comes back until its time is up
            gateway = BadGateway(websocket)
            breach(websocket)
            gateway.expect(Ready)

    with serving(handle) as server:
        url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        with regrow.Client(url, token=TOKEN) as client:
            said = ""
            for _ in range(10):  # an answer that is late while a connection is up is merely late
                with pytest.raises(errors.ConnectError) as raised:
                    client.invoke("add", 1, timeout=0.5)
                said += str(raised.value)
                if isinstance(raised.value, errors.GatewayUnreachable):
                    break
    for word in words:
        assert word in said


# ── who speaks another version, who is not there, what is malformed ──────────────────────────────────────────────────


def test_a_worker_is_told_by_a_gateway_of_another_version_and_ends_with_4(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("listener", "gateway_http"):
        monkeypatch.setattr(f"regrow.connect.{module}.SUBPROTOCOL", "regrow.v99")

    async def run() -> None:
        async with regrow.Gateway(token=TOKEN) as gateway:
            service.port = gateway.port
            worker = service.worker()
            assert await asyncio.to_thread(worker.end) == 4
            assert "unsupported version: expected one of the subprotocols regrow.v99, got regrow.v1" in worker.text()
            worker.gone()

    asyncio.run(run())


def test_a_worker_waits_for_a_gateway_and_connects_when_it_comes(service: Service) -> None:
    service.gateway().destroy()
    worker = service.worker()
    worker.wait_for("no session")
    assert f"127.0.0.1:{service.port}" in worker.text() or "refused" in worker.text()
    service.gateway()
    with service.client() as client:
        assert client.invoke("add", 40, 2, timeout=20) == 42


def test_a_policy_with_many_mistakes_is_refused_with_all_of_them_and_starts_nothing(
    service: Service, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text(
        '[tree]\nstrategy = "one_for_al"\n'
        f'[[tree.child]]\nid = "a"\ncommand = ["touch", "{tmp_path / "started"}"]\nrestart = "sometimes"\n'
        '[[tree.child]]\nid = "a"\nstart = "nowhere"\nshutdown = -1\n'
    )
    run = service.program("run", "bad.toml")
    assert run.end() == 2
    said = run.text()
    for line, word in [("bad.toml:2", "one_for_all"), ("bad.toml:6", "sometimes"), ("bad.toml:9", "nowhere")]:
        assert line in said, said
        assert word in said, said
    assert "shutdown" in said
    assert not (tmp_path / "started").exists()


def test_two_gateways_cannot_have_one_port(service: Service) -> None:
    service.gateway()
    second = service.program("gateway", f"--port={service.port}", f"--token={TOKEN}")
    assert second.end() == 3
    assert f"cannot listen on 127.0.0.1:{service.port}" in second.text()
    with service.client() as client:
        assert client.status(timeout=10)["draining"] is False
