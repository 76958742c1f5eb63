"""A link on a real socket: what happens to what is under way when something goes wrong with one message."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from regrow.actors.hosting.link_socket import LinkSocket
from regrow.actors.hosting.loop import IoLoop
from regrow.protocol.host.messages import LinkMessage, Parcel, Tell
from regrow.protocol.host.protocol import LinkProtocol
from regrow.protocol.host.states import Side, State


class End:
    """One end of a port's link, with all that it has heard."""

    def __init__(self, loop: IoLoop, sock: socket.socket) -> None:
        protocol = LinkProtocol(Side.PORT)
        protocol.state = State.ACTIVE
        self.heard: list[LinkMessage] = []
        self.on_message: Callable[[LinkMessage], None] = self.heard.append
        self.ends: list[Exception | None] = []
        self.ended = threading.Event()
        self.link = LinkSocket(loop, sock, protocol, on_message=lambda each: self.on_message(each), on_end=self._end)

    def _end(self, error: Exception | None) -> None:
        self.ends.append(error)
        self.ended.set()


@pytest.fixture
def ends() -> Iterator[tuple[End, End]]:
    """Two ends; neither reads yet."""
    loop = IoLoop("test", on_error=lambda error: pytest.fail(str(error)))
    here, there = (End(loop, sock) for sock in socket.socketpair())
    yield here, there
    for end in (here, there):
        loop.run(end.link.close, 5) or end.link.close()
    assert loop.close()


def pipe_end() -> tuple[int, int]:
    """The end of a pipe that another one tells of when it is closed everywhere: it reads b"" then."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    return reading, writing


def send_three_with_a_pipe_in_the_last(end: End) -> int:
    reading, writing = pipe_end()
    for number in range(2):
        end.link.send(Tell("urn:a", b"%d" % number))
    end.link.send(Parcel(Tell("urn:a", b"2"), (writing,)))  # which is the link's to close from here on
    return reading


def refuse_the_first(message: LinkMessage) -> None:
    raise RuntimeError(f"no {message}")


def test_what_comes_behind_a_message_that_fails_leaves_no_descriptor_open(ends: tuple[End, End]) -> None:
    here, there = ends
    reading = send_three_with_a_pipe_in_the_last(here)
    there.on_message = refuse_the_first
    there.link.start()
    assert there.ended.wait(5)
    assert [type(error) for error in there.ends] == [RuntimeError]
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_what_fails_in_the_last_words_of_a_dead_peer_is_the_end_of_the_link_and_no_error_to_who_drains_it(
    ends: tuple[End, End],
) -> None:
    here, there = ends
    reading = send_three_with_a_pipe_in_the_last(here)
    there.on_message = refuse_the_first
    there.link.drain()
    assert [str(error) for error in there.ends] == ["no Tell(to='urn:a', body=b'0')"]
    assert os.read(reading, 1) == b""
    os.close(reading)
