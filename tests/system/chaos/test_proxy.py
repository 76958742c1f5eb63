"""The proxy over real loopback sockets: what passes, what is swallowed, what is reset."""

import socket
import threading
from collections.abc import Iterator

import pytest

from regrow.chaos import FaultProxy

pytestmark = pytest.mark.system


@pytest.fixture
def echo_port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        served: list[threading.Thread] = []
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                break  # the listener was shut down: the test is over
            served.append(threading.Thread(target=_echo, args=(connection,), daemon=True))
            served[-1].start()
        for thread in served:
            thread.join(5)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def _echo(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        except ConnectionError:
            return  # reset by the test on purpose


def test_what_is_sent_comes_back_through_the_proxy(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        client.sendall(b"hello")
        assert client.recv(16) == b"hello"


def test_a_swallowing_proxy_keeps_the_connection_and_delivers_nothing(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        proxy.swallow()
        client.sendall(b"hello")
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            client.recv(16)


def test_a_cut_resets_what_exists_and_lets_new_connections_in(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        client.sendall(b"hello")
        assert client.recv(16) == b"hello"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(16)
        with _connect(proxy) as second:
            second.sendall(b"again")
            assert second.recv(16) == b"again"


def test_a_refusing_proxy_resets_new_connections(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy:
        proxy.refuse()
        with pytest.raises(ConnectionResetError), _connect(proxy) as client:
            client.recv(16)


def test_a_dead_target_looks_like_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with (
        FaultProxy("127.0.0.1", port) as proxy,
        pytest.raises(ConnectionResetError),
        _connect(proxy) as client,
    ):
        client.recv(16)


def test_closing_twice_is_fine(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy:
        proxy.close()


def _connect(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection((proxy.host, proxy.port), timeout=5)
