"""What travels beside a message: said as a token, handed over once, and never left open by whoever fails."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from regrow.actors import Blob, Counters, Port
from regrow.actors.hosting.carried import Arrival, Departure
from regrow.actors.hosting.errors import OutOfDescriptors
from regrow.actors.hosting.port_states import PortState
from regrow.protocol.codec import decode
from regrow.protocol.descriptor_token import DescriptorToken
from regrow.protocol.errors import CodecError, RemoteProtocolError
from regrow.protocol.host.messages import MISSING
from regrow.protocol.limits import DESCRIPTORS_MAX
from regrow.protocol.ref_token import RefToken


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def no_refs(_value: object) -> RefToken | None:
    return None


def test_a_blob_and_a_socket_come_back_as_what_they_were() -> None:
    here, there = socket.socketpair()
    with Departure(no_refs) as departure:
        said = departure.encode({"blob": Blob(b"abc"), "socket": there})
    with Arrival(lambda token: token, departure.descriptors) as arrival:
        match decode(said, refs=arrival.read):
            case {"blob": Blob() as blob, "socket": socket.socket() as received}:
                assert bytes(blob.memory()) == b"abc"
                received.sendall(b"hello")
                assert here.recv(10) == b"hello"
                received.close()
                blob.close()
            case other:
                raise AssertionError(other)
    here.close()


def test_what_was_sent_is_gone_here() -> None:
    blob = Blob(b"abc")
    with Departure(no_refs) as departure:
        departure.encode(blob)
    assert blob.closed
    assert all(is_open(descriptor) for descriptor in departure.descriptors)
    with Arrival(lambda token: token, departure.descriptors):
        pass


def test_what_could_not_be_sent_stays() -> None:
    blob = Blob(b"abc")
    with pytest.raises(RuntimeError), Departure(no_refs) as departure:
        departure.encode(blob)
        raise RuntimeError("the outbox is full")
    assert not blob.closed
    assert not any(is_open(descriptor) for descriptor in departure.descriptors)
    blob.close()


def test_what_nobody_takes_is_closed() -> None:
    with Departure(no_refs) as departure:
        departure.encode([Blob(b"a"), Blob(b"b")])
    with Arrival(lambda token: token, departure.descriptors):
        pass
    assert not any(is_open(descriptor) for descriptor in departure.descriptors)


def test_the_same_blob_twice_is_refused() -> None:
    blob = Blob(b"abc")
    with pytest.raises(CodecError, match="each blob, socket or port once"), Departure(no_refs) as departure:
        departure.encode([blob, blob])
    assert not blob.closed
    blob.close()


def test_a_closed_one_is_refused() -> None:
    blob = Blob(b"abc")
    blob.close()
    with pytest.raises(CodecError, match="that can be handed over"), Departure(no_refs) as departure:
        departure.encode(blob)


def test_an_end_of_a_port_comes_back_as_one_and_cannot_be_sent_twice() -> None:
    first, second = Port.pair()
    with Departure(no_refs) as departure:
        said = departure.encode([first])
    assert first.state is PortState.MOVED
    with Arrival(lambda token: token, departure.descriptors) as arrival:
        match decode(said, refs=arrival.read):
            case [Port() as received]:
                assert received.state is PortState.HELD
                received.close()
            case other:
                raise AssertionError(other)
    with pytest.raises(CodecError, match="got one that is handed over"), Departure(no_refs) as departure:
        departure.encode(first)
    second.close()


def test_a_socket_of_another_kind_is_no_port() -> None:
    descriptor = socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach()
    with Arrival(lambda token: token, (descriptor,)) as arrival, pytest.raises(RemoteProtocolError, match="a stream"):
        arrival.read(DescriptorToken(0, "port"))
    assert not is_open(descriptor)


def test_one_that_found_no_room_here_is_said_to_be_that() -> None:
    with (
        Arrival(lambda token: token, (MISSING,)) as arrival,
        pytest.raises(
            OutOfDescriptors, match=rf"process {os.getpid()} is out of descriptors \(limit \d+\): raise RLIMIT"
        ),
    ):
        arrival.read(DescriptorToken(0, "blob", 3))
    with Arrival(lambda token: token, (MISSING,)):
        pass


def test_one_that_cannot_be_opened_for_want_of_descriptors_is_said_to_be_that(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(_descriptor: int, _size: int) -> Blob:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(Blob, "received", refuses)
    descriptor = os.dup(0)
    with Arrival(lambda token: token, (descriptor,)) as arrival, pytest.raises(OutOfDescriptors):
        arrival.read(DescriptorToken(0, "blob", 3))
    assert not is_open(descriptor)


@pytest.mark.parametrize("kind", [Blob, Counters, Port])
def test_what_cannot_be_said_beside_one_is_named_with_its_own_path(kind: type[Blob | Counters | Port]) -> None:
    ends = Port.pair()
    value = Blob(b"abc") if kind is Blob else Counters("a") if kind is Counters else ends[0]
    with pytest.raises(CodecError) as caught, Departure(no_refs) as departure:
        departure.encode({"first": value, "rest": [1, print]})
    assert caught.value.path == "message['rest'][1]"
    assert not any(is_open(descriptor) for descriptor in departure.descriptors)
    assert ends[0].state is PortState.HELD
    for each in (value, *ends):
        each.close()


def test_one_that_cannot_be_handed_over_is_named_with_its_path() -> None:
    blob, closed = Blob(b"abc"), Blob(b"abc")
    closed.close()
    with pytest.raises(CodecError) as caught, Departure(no_refs) as departure:
        departure.encode([blob, {"closed": closed}])
    assert caught.value.path == "message[1]['closed']"
    with pytest.raises(CodecError) as caught, Departure(no_refs) as departure:
        departure.encode([[blob], blob])
    assert caught.value.path == "message[1]"
    blob.close()


def test_more_than_the_bound_are_refused() -> None:
    blobs = [Blob(b"a") for _ in range(DESCRIPTORS_MAX + 1)]
    with pytest.raises(CodecError, match=f"at most {DESCRIPTORS_MAX}"), Departure(no_refs) as departure:
        departure.encode(blobs)
    for blob in blobs:
        blob.close()


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (DescriptorToken(1, "blob", 0), "one that came and was not taken yet"),
        (DescriptorToken(0, "blob", 10**6), "bytes behind its descriptor"),
        (DescriptorToken(0, "socket"), "Socket operation on non-socket"),
        (DescriptorToken(0, "port"), "Socket operation on non-socket"),
        (DescriptorToken(0, "door"), "a blob, a socket, a port or counters"),
    ],
)
def test_a_token_that_lies_is_named_and_nothing_stays_open(token: DescriptorToken, expected: str) -> None:
    descriptor = os.open(Path(__file__), os.O_RDONLY)
    with Arrival(lambda token: token, (descriptor,)) as arrival, pytest.raises(RemoteProtocolError, match=expected):
        arrival.read(token)
    assert not is_open(descriptor)
