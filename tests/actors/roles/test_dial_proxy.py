"""Dialing through a proxy: that of the options, or that of the environment."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Literal

import pytest
from role_stage import WAIT, FakeGateway, fake_gateway

from regrow.actors.clock import SystemClock
from regrow.actors.roles.losses import Loss
from regrow.actors.roles.wire import Dialer, Lost, Opened, WireEvent
from regrow.connect.addresses import check_proxy
from regrow.connect.worker import Worker, WorkerOptions
from regrow.connect.worker_errors import WorkerMisused


class HttpProxy:
    """Takes CONNECT, for one who knows the password if there is one, and passes bytes on."""

    def __init__(self, login: str = "") -> None:
        self.asked: SimpleQueue[str] = SimpleQueue()
        self._login = base64.b64encode(login.encode()).decode()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.where = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, name="http-proxy", daemon=True).start()

    def _serve(self) -> None:
        try:
            while True:
                near = self._listener.accept()[0]
                self._open.append(near)
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()
        except OSError:
            return  # closed

    def _connect(self, near: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            request += near.recv(4096)
        head = request.decode()
        self.asked.put(head.splitlines()[0])
        if self._login and f"Basic {self._login}" not in head:
            near.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            near.close()
            return
        host, _, port = head.split()[1].rpartition(":")
        far = socket.create_connection((host, int(port)))
        self._open.append(far)
        near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        threading.Thread(target=self._pass, args=(far, near), daemon=True).start()
        self._pass(near, far)

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return  # one of them is gone

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._open):
            each.close()


@contextmanager
def http_proxy(login: str = "") -> Iterator[HttpProxy]:
    proxy = HttpProxy(login)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with fake_gateway() as gateway:
        yield gateway


def dial(url: str, proxy: str | Literal[True] | None) -> Loss | None:
    """Dial; give what went wrong, None if the connection is open."""
    events: SimpleQueue[WireEvent] = SimpleQueue()
    dialer = Dialer(events.put, SystemClock(), proxy=proxy)
    dialer.dial(url)
    event = events.get(timeout=WAIT)
    if isinstance(event, Lost):
        return event.loss
    assert isinstance(event, Opened)
    event.wire.abort(Loss(kind="closed", code="enough", text="the test is over"))
    dialer.join(WAIT)
    return None


def test_the_gateway_is_dialed_through_the_proxy_that_is_named(gateway: FakeGateway) -> None:
    with http_proxy(login="user:word") as proxy:
        assert dial(gateway.url, f"http://user:word@{proxy.where}") is None
        assert proxy.asked.get(timeout=WAIT).startswith(f"CONNECT {gateway.url[5:]} ")
        gateway.session()


def test_a_proxy_that_does_not_let_us_through_is_named_as_the_one(gateway: FakeGateway) -> None:
    with http_proxy(login="user:word") as proxy:
        loss = dial(gateway.url, f"http://user:wrong@{proxy.where}")
        assert loss is not None
        assert (loss.kind, loss.code) == ("refused", "proxy")
        assert "407" in loss.text
        assert "wrong" not in loss.text


def test_the_proxy_of_the_environment_is_taken_if_that_is_asked_for(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    with http_proxy() as proxy:
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", f"http://{proxy.where}")
        assert dial(gateway.url, None) is None
        assert proxy.asked.empty(), "it is not asked for"
        assert dial(gateway.url, True) is None
        assert proxy.asked.get(timeout=WAIT).startswith("CONNECT ")


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("proxy:3128", "expected http, https, socks5h"),
        ("ftp://user:word@proxy:21", "got 'proxy:21'"),
        ("", "got ''"),
    ],
)
def test_a_proxy_that_is_none_is_refused_and_its_password_is_not_shown(proxy: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        check_proxy(proxy)
    assert "word" not in str(refused.value)
    with pytest.raises(WorkerMisused, match=words):
        Worker("ws://x", options=WorkerOptions(proxy=proxy))


def test_socks_without_its_library_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.connect.addresses.find_spec", lambda _name: None)
    with pytest.raises(ValueError, match="expected python-socks to be installed for socks5h"):
        check_proxy("socks5h://proxy:1080")
