"""The admin port: what it answers to proper requests, and that improper ones are refused in bounded time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path

import pytest

from regrow.connect import admin_http
from regrow.connect.admin_http import AdminServer, AdminStartError, Answer, parse_address
from tests.system.waiting import WAIT, until

LARGE = b"x" * 1_000_000


def talk(port: int, data: bytes) -> tuple[int, bytes]:
    """Send, then read to the end; status 0 if nothing came."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as conn:
        try:
            conn.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was sent whole; the answer may still be there
        return hear(conn)


def hear(conn: socket.socket) -> tuple[int, bytes]:
    parts = []
    try:
        while part := conn.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), body


def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    return talk(port, f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class Paths:
    """Answers of the server under test; `/held` waits until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.asked = threading.Event()

    def held(self) -> Answer:
        self.asked.set()
        assert self.let_go.wait(WAIT)
        return Answer(HTTPStatus.OK, b"held\n")


def broken() -> Answer:
    raise LookupError("secret of the house")


@pytest.fixture
def paths() -> Paths:
    return Paths()


@pytest.fixture
def port(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(admin_http, "_REQUEST_SECONDS", 0.2)
    served = {
        "/healthz": lambda: Answer(HTTPStatus.OK, b"ok\n"),
        "/large": lambda: Answer(HTTPStatus.OK, LARGE),
        "/broken": broken,
        "/held": paths.held,
    }
    server = AdminServer("127.0.0.1", 0, served)
    yield server.port
    paths.let_go.set()
    server.close()
    server.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), WAIT)


def test_a_path_is_answered_and_a_query_is_no_part_of_it(port: int) -> None:
    assert get(port, "/healthz") == (200, b"ok\n")
    assert get(port, "/healthz?verbose") == (200, b"ok\n")
    assert get(port, "/large") == (200, LARGE)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"POST /healthz HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 1_000_000, 431),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n", 408),
        (b"", 408),
    ],
)
def test_what_is_no_proper_request_is_refused_in_bounded_time(port: int, request_bytes: bytes, status: int) -> None:
    began = time.monotonic()
    assert talk(port, request_bytes)[0] == status
    assert time.monotonic() - began < 5.0
    assert get(port, "/healthz")[0] == 200


def test_an_answer_that_cannot_be_made_tells_nothing_about_why(port: int) -> None:
    assert get(port, "/broken") == (500, b"internal error\n")


def test_an_answer_that_waits_holds_up_no_other(port: int, paths: Paths) -> None:
    with socket.create_connection(("127.0.0.1", port), WAIT) as conn:
        conn.sendall(b"GET /held HTTP/1.1\r\n\r\n")
        assert paths.asked.wait(WAIT)
        assert get(port, "/healthz") == (200, b"ok\n")
        paths.let_go.set()
        assert hear(conn) == (200, b"held\n")


def test_more_connections_than_are_allowed_are_turned_away(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin_http, "_REQUEST_SECONDS", WAIT)
    with ExitStack() as held:
        for _ in range(admin_http._CONNECTIONS_MAX):
            held.enter_context(socket.create_connection(("127.0.0.1", port), WAIT))
        assert get(port, "/healthz")[0] == 503


def test_no_descriptor_is_left_behind(port: int) -> None:
    before = descriptors()
    for _ in range(50):
        with socket.create_connection(("127.0.0.1", port), WAIT) as conn:
            conn.sendall(b"GET /healthz HTTP")
        assert get(port, "/nothing")[0] == 404
    until(lambda: descriptors() <= before)


def test_an_address_in_use_says_so(port: int) -> None:
    with pytest.raises(AdminStartError, match=f"cannot listen on 127.0.0.1:{port}"):
        AdminServer("127.0.0.1", port, {})


@pytest.mark.parametrize("text", ["", "9090", ":9090", "host:", "host:x", "host:65536", "host:²"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected HOST:PORT"):
        parse_address(text)


def test_addresses_may_be_of_either_kind() -> None:
    assert parse_address("127.0.0.1:9090") == ("127.0.0.1", 9090)
    assert parse_address("[::1]:0") == ("::1", 0)
