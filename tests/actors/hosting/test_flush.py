"""To wait until all is written takes no longer than was said, however little the other end takes at a time."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest

from regrow.actors.hosting import link_socket
from regrow.actors.hosting.link_socket import LinkSocket
from regrow.actors.hosting.loop import IoLoop
from regrow.protocol.host.messages import Hello, Init, Ready, Tell
from regrow.protocol.host.protocol import LinkProtocol
from regrow.protocol.host.states import Side

MIB = 1 << 20


@pytest.fixture
def ends() -> Iterator[tuple[LinkSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    loop = IoLoop("test", on_error=lambda error: pytest.fail(str(error)))
    child = LinkProtocol(Side.CHILD)
    child.send(Hello(1, 1))
    host = LinkProtocol(Side.PARENT)
    host.send(Init(target="a:B", args=b"", incarnation=1, name="x", urn="urn:x", parent=None, options={}))
    child.receive_data(b"".join(bytes(piece) for piece in host.data_to_send()))  # type: ignore[arg-type]
    child.send(Ready(b""))
    link = LinkSocket(loop, ours, child, on_message=lambda _message: None, on_end=lambda _error: None)
    yield link, theirs
    link.close()
    theirs.close()
    loop.close()


def test_a_flush_ends_in_time_though_the_other_end_takes_a_little_all_the_time(
    ends: tuple[LinkSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    link, theirs = ends
    link.send(Tell("urn:home", b"x" * (8 * MIB)))
    waits = []

    def takes_a_little(_fd: int, timeout: float) -> bool:
        waits.append(timeout)
        assert len(waits) < 20, "it goes on and on"
        theirs.recv(64 * 1024)
        return True

    monkeypatch.setattr(link_socket, "wait_writable", takes_a_little)
    monkeypatch.setattr(link_socket, "monotonic", itertools.count(0.0, 0.25).__next__)
    assert not link.flush(1.0)
    assert waits == sorted(waits, reverse=True)
    assert 1 <= len(waits) <= 4
