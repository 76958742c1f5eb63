"""A link on a real socket: what happens to what is under way when something goes wrong with one message."""

from __future__ import annotations

import errno
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from regrow.actors.hosting.carried import close_descriptors
from regrow.actors.hosting.errors import OutOfDescriptors
from regrow.actors.hosting.link_socket import LinkSocket
from regrow.actors.hosting.loop import IoLoop
from regrow.protocol.errors import CodecError
from regrow.protocol.host.messages import MISSING, LinkMessage, Parcel, Tell, Tells
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


def test_a_message_to_a_name_that_cannot_be_said_concerns_nobody_else(ends: tuple[End, End]) -> None:
    here, there = ends
    with here.link._lock:  # as while something large is written: what is told now waits
        here.link._blocked = True
    for number in range(3):
        here.link.tell("urn:a", b"%d" % number, "a")
    with pytest.raises(CodecError, match="cannot encode urn: expected at most 65535 bytes, got bytes b'u"):
        here.link.tell("u" * 65536, b"x", "u")
    here.link.tell("ü" * 20_000, b"long", "ü")
    here.link._blocked = False
    assert here.link.flush(5)
    there.link.drain()
    assert there.heard == [Tells("urn:a", (b"0", b"1", b"2")), Tell("ü" * 20_000, b"long")]


@pytest.fixture
def no_descriptor_left() -> Iterator[int]:
    """This process may open none any more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    held = [os.dup(0) for _ in range(highest)]  # those below the limit, too
    limit = max(held)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    yield limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for each in held:
        os.close(each)


@pytest.mark.parametrize("count", [1, 3])
def test_a_message_whose_descriptors_find_no_room_comes_without_them_and_the_others_come_as_ever(
    ends: tuple[End, End], request: pytest.FixtureRequest, count: int
) -> None:
    here, there = ends
    reading, writing = pipe_end()
    copies = tuple(os.dup(writing) for _ in range(count))
    os.close(writing)
    here.link.send(Tell("urn:a", b"before"))
    here.link.send(Parcel(Tell("urn:a", b"beside"), copies))
    here.link.send(Tell("urn:a", b"after"))
    request.getfixturevalue("no_descriptor_left")
    there.link.drain()
    assert there.heard == [
        Tell("urn:a", b"before"),
        Parcel(Tell("urn:a", b"beside"), (MISSING,) * count),
        Tell("urn:a", b"after"),
    ]
    assert there.ends == []
    assert os.read(reading, 1) == b""
    close_descriptors(there.heard[1])  # nothing
    os.close(reading)


def test_too_many_descriptors_on_their_way_are_said_with_what_to_do(ends: tuple[End, End]) -> None:
    here, _ = ends

    class TooMany(socket.socket):
        def sendmsg(self, *_: object) -> int:  # type: ignore[override]
            raise OSError(errno.ETOOMANYREFS, os.strerror(errno.ETOOMANYREFS))

    here.link._sock = TooMany(fileno=here.link._sock.detach())
    reading, writing = pipe_end()
    here.link.send(Parcel(Tell("urn:a", b""), (writing,)))
    assert here.ended.wait(5)
    assert [type(error) for error in here.ends] == [OutOfDescriptors]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert str(here.ends[0]) == (
        "this user's processes have too many descriptors on their way to each other "
        f"(limit {limit}): raise RLIMIT_NOFILE (ulimit -n), or close some"
    )
    assert os.read(reading, 1) == b""
    os.close(reading)
