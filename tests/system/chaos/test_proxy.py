"""The proxy over real loopback sockets: what passes, what is swallowed, what is reset, and who is told."""

import socket
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from regrow.chaos import End, FaultProxy, Flow, ProxyError

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


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


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
        counts = proxy.wait_for(lambda counts: counts.swallowed == 5)
        assert (counts.open, counts.to_target, counts.to_client) == (1, 0, 0)


def test_one_way_alone_can_be_swallowed(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        proxy.swallow(to=End.CLIENT)
        client.sendall(b"hello")
        assert proxy.wait_for(lambda counts: counts.swallowed == 5).to_target == 5


def test_an_end_that_is_swallowed_is_noticed_when_words_pass_again(listener: socket.socket) -> None:
    with FaultProxy(*listener.getsockname()) as proxy:
        client = _connect(proxy)
        target, _ = listener.accept()
        proxy.swallow()
        client.sendall(b"hello")
        client.close()
        proxy.wait_for(lambda counts: counts.swallowed == 5)
        assert proxy.counts().open == 1
        proxy.pass_through()
        with target, pytest.raises(ConnectionResetError):
            target.recv(16)


def test_what_is_held_arrives_later_and_in_order(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        proxy.hold(to=End.CLIENT)
        client.sendall(b"hello, ")
        proxy.wait_for(lambda counts: counts.to_target == 7)
        client.sendall(b"world")
        proxy.wait_for(lambda counts: counts.to_target == 12)
        assert proxy.counts().to_client == 0
        proxy.pass_through()
        assert _read(client, 12) == b"hello, world"


def test_who_sends_more_than_fits_while_it_is_held_has_to_wait(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        proxy.hold()
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            client.sendall(bytes(64 * 1024 * 1024))
        assert proxy.counts().to_target == 0


def test_a_latency_holds_up_each_chunk_and_jitter_overtakes_nothing(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port, seed=1) as proxy, _connect(proxy) as client:
        proxy.shape(Flow(latency=0.05, jitter=0.05), to=End.TARGET)
        begun = time.monotonic()
        words = [b"%03d" % number for number in range(100)]
        for word in words:
            client.sendall(word)
        assert _read(client, 300) == b"".join(words)
        assert time.monotonic() - begun >= 0.05


def test_a_bandwidth_limit_paces_what_passes(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        proxy.shape(Flow(bytes_per_second=100_000), to=End.TARGET)
        begun = time.monotonic()
        client.sendall(bytes(20_000))
        assert _read(client, 20_000) == bytes(20_000)
        assert time.monotonic() - begun >= 0.15


def test_slices_arrive_as_what_was_sent(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        proxy.shape(Flow(slice_bytes=3))
        client.sendall(b"one two three")
        assert _read(client, 13) == b"one two three"


def test_a_connection_is_reset_after_so_many_bytes(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as client:
        proxy.shape(Flow(reset_after=3), to=End.TARGET)
        client.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            _read(client, 5)
        assert proxy.wait_for(lambda counts: counts.open == 0).to_target == 3


def test_a_half_close_is_the_end_one_way_and_the_other_way_goes_on(listener: socket.socket) -> None:
    with FaultProxy(*listener.getsockname()) as proxy, _connect(proxy) as client:
        target, _ = listener.accept()
        with target:
            target.sendall(b"last")
            proxy.wait_for(lambda counts: counts.to_client == 4)
            proxy.half_close(End.CLIENT)
            assert client.recv(16) == b"last"
            assert client.recv(16) == b""
            client.sendall(b"still here")
            assert _read(target, 10) == b"still here"
            target.sendall(b"unheard")
            proxy.wait_for(lambda counts: counts.swallowed == 7)


def test_an_end_that_closes_one_way_does_so_through_the_proxy(listener: socket.socket) -> None:
    with FaultProxy(*listener.getsockname()) as proxy, _connect(proxy) as client:
        target, _ = listener.accept()
        with target:
            client.sendall(b"request")
            client.shutdown(socket.SHUT_WR)
            assert _read(target, 7) == b"request"
            assert target.recv(16) == b""
            target.sendall(b"answer")
        assert _read(client, 6) == b"answer"
        assert client.recv(16) == b""
        assert proxy.wait_for(lambda counts: counts.open == 0).accepted == 1


def test_when_one_end_is_switched_off_the_other_sees_nothing_of_it(listener: socket.socket) -> None:
    with FaultProxy(*listener.getsockname()) as proxy, _connect(proxy) as client:
        target, _ = listener.accept()
        with target:
            target.sendall(b"here")
            assert _read(client, 4) == b"here"
            proxy.half_open(gone=End.TARGET)
            with pytest.raises(ConnectionResetError):
                target.recv(16)
        client.sendall(b"anybody?")
        assert proxy.wait_for(lambda counts: counts.swallowed == 8).open == 1
        proxy.pass_through()
        with pytest.raises(ConnectionResetError):
            client.recv(16)


def test_a_fault_may_be_meant_for_one_connection(echo_port: int) -> None:
    with FaultProxy("127.0.0.1", echo_port) as proxy, _connect(proxy) as first:
        proxy.wait_for(lambda counts: counts.open == 1)
        with _connect(proxy) as second:
            proxy.wait_for(lambda counts: counts.open == 2)
            proxy.swallow(connection=1)
            first.sendall(b"lost")
            second.sendall(b"found")
            assert _read(second, 5) == b"found"
            assert proxy.wait_for(lambda counts: counts.swallowed == 4, connection=1).to_target == 0
            proxy.wait_for(lambda counts: counts.to_client == 5, connection=2)
            proxy.cut(connection=2)
            with pytest.raises(ConnectionResetError):
                second.recv(16)
            assert proxy.counts().open == 1
            with pytest.raises(ProxyError, match=r"expected an open connection \(1\), got number 2"):
                proxy.cut(connection=2)


def test_a_wait_that_is_in_vain_says_what_there_was(echo_port: int) -> None:
    with (
        FaultProxy("127.0.0.1", echo_port) as proxy,
        pytest.raises(ProxyError, match=r"expected two connections within 0.01 s, got ProxyCounts\(accepted=0"),
    ):
        proxy.wait_for(lambda counts: counts.accepted == 2, 0.01, what="two connections")


def test_a_closed_proxy_leaves_no_thread_and_no_descriptor(listener: socket.socket) -> None:
    before = psutil.Process().num_fds()
    with FaultProxy(*listener.getsockname()) as proxy:
        clients = [_connect(proxy) for _ in range(20)]
        proxy.wait_for(lambda counts: counts.open == 20)
        proxy.half_open(gone=End.TARGET, connection=3)
        proxy.hold(connection=4)
        clients[3].sendall(b"held")
    for client in clients:
        client.close()
    assert proxy.counts().open == 0
    assert "regrow-fault-proxy" not in [thread.name for thread in threading.enumerate()]
    assert psutil.Process().num_fds() == before
    with pytest.raises(ProxyError, match="expected it to be entered and not closed"):
        proxy.cut()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"latency": -1.0}, "latency: expected seconds >= 0, got -1.0"),
        ({"jitter": float("inf")}, "jitter: expected seconds >= 0, got inf"),
        ({"bytes_per_second": 0.0}, "bytes_per_second: expected more than 0"),
        ({"slice_bytes": 0}, "slice_bytes: expected at least 1, got 0"),
        ({"reset_after": -1}, "reset_after: expected bytes >= 0, got -1"),
    ],
)
def test_a_flow_that_makes_no_sense_is_refused(given: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Flow(**given)  # type: ignore[arg-type]


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


def _read(sock: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (chunk := sock.recv(size - len(found))):
        found += chunk
    return found
