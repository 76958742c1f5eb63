"""One message to many processes: said once, in order, and nobody goes without because of another one."""

from __future__ import annotations

import queue
import socket
from collections.abc import Iterator
from functools import partial
from typing import cast

import pytest

from regrow.actors import Actor, ActorDeadError, ActorRef, ActorSystem, Blob, DeadLetter
from regrow.actors.hosting import OutboxFull, encoded
from regrow.actors.hosting.broadcasting import tell_all
from regrow.actors.hosting.pace import Pace
from regrow.actors.hosting.peer import Peer
from regrow.actors.told import TOLD, Told
from regrow.protocol.codec import decode, encode
from regrow.protocol.errors import CodecError, FrameTooLarge
from regrow.protocol.frames import Buffer
from regrow.protocol.host.messages import LinkMessage
from regrow.protocol.limits import FRAME_MAX_BYTES
from regrow.protocol.ref_token import RefToken


class Link:
    """An outlet that keeps the very objects it is given, unless it is full."""

    def __init__(self) -> None:
        self.bodies: list[Buffer] = []
        self.raw: list[tuple[bytes, Buffer]] = []
        self.full = False

    def send(self, message: LinkMessage, to: object = "") -> None:
        raise AssertionError(f"{message} to {to} is no tell")

    def tell(self, _urn: str, body: Buffer, to: object) -> None:
        if self.full:
            raise OutboxFull(to, waiting_bytes=2, limit_bytes=1)
        self.bodies.append(body)

    def tell_raw(self, _urn: str, said: tuple[bytes, Buffer], _to: object) -> None:
        self.raw.append(said)


class NoHurry:
    """A pace that holds nobody back."""

    saturated = False

    def told(self) -> Told:
        return TOLD


class Far:
    """Somebody in another process."""

    def __init__(self, system: ActorSystem, name: str) -> None:
        self.link = Link()
        self.peer = Peer(system)
        self.peer.outlet = self.link
        self.peer.pace = cast("Pace", NoHurry())
        self.ref = self.peer.remote(f"urn:{name}", name)

    @property
    def got(self) -> list[object]:
        return [decode(body) for body in self.link.bodies]


class Near(Actor):
    def __init__(self, inbox: queue.SimpleQueue[object]) -> None:
        super().__init__()
        self.inbox = inbox

    def on_receive(self, message: object) -> None:
        self.inbox.put(message)


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    with ActorSystem("broadcast") as made:
        yield made


@pytest.fixture
def far(system: ActorSystem) -> list[Far]:
    return [Far(system, str(number)) for number in range(8)]


@pytest.fixture
def encodings(far: list[Far], monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is encoded, by whomever."""
    seen: list[object] = []

    def counting(value: object, **options: object) -> bytes:
        seen.append(value)
        return encode(value, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(encoded, "encode", counting)
    for one in far:
        monkeypatch.setattr(one.peer, "encode", partial(counting, refs=one.peer.say))
    return seen


def test_a_message_to_eight_processes_is_encoded_once_and_is_the_same_bytes_on_each_link(
    far: list[Far], encodings: list[object]
) -> None:
    result = tell_all([one.ref for one in far], {"rows": list(range(1000))})
    assert (result.sent, result.failures) == (8, ())
    assert len(encodings) == 1
    assert len({id(one.link.bodies[0]) for one in far}) == 1
    assert far[7].got == [{"rows": list(range(1000))}]


def test_large_bytes_are_not_even_copied(far: list[Far], encodings: list[object]) -> None:
    message = bytes(1_000_000)
    assert tell_all([one.ref for one in far], message)
    assert all(one.link.raw[0][1] is message for one in far)
    assert encodings == []


def test_a_local_one_gets_the_object_and_nothing_is_encoded_if_there_are_no_others(
    system: ActorSystem, far: list[Far], encodings: list[object]
) -> None:
    inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
    near, message = system.spawn(Near, inbox), {"a": [1]}
    assert tell_all([near, near], message).sent == 2
    assert encodings == []
    assert tell_all([near, far[0].ref], message).sent == 2
    assert all(inbox.get(timeout=5) is message for _ in range(3))
    assert far[0].got == [message]


def test_the_order_among_other_messages_is_that_of_the_sender(far: list[Far]) -> None:
    one = far[0]
    one.ref.tell("before")
    tell_all([one.ref, one.ref], "both")
    one.ref.tell("after")
    assert one.got == ["before", "both", "both", "after"]


def test_who_is_dead_or_full_is_told_of_and_keeps_nobody_else_from_getting_it(
    system: ActorSystem, far: list[Far]
) -> None:
    letters = system.bus.collect(DeadLetter)
    near = system.spawn(Near, queue.SimpleQueue())
    near.stop()
    far[0].peer.open = False
    far[1].link.full = True
    result = tell_all([near, *(one.ref for one in far[:4])], "hello")
    assert result.sent == 2
    assert not result
    assert [(failure.ref, type(failure.error)) for failure in result.failures] == [
        (near, ActorDeadError),
        (far[0].ref, ActorDeadError),
        (far[1].ref, OutboxFull),
    ]
    seen = cast("list[DeadLetter]", letters.drain())
    assert [(letter.to, letter.message) for letter in seen] == [
        (near, "hello"),
        (far[0].ref, "hello"),
        (far[1].ref, "hello"),
    ]
    assert far[3].got == ["hello"]


def test_nobody_gets_what_only_one_can_have(far: list[Far]) -> None:
    here, there = socket.socketpair()
    with Blob(b"abc") as blob, here, there:
        for owned in (blob, there):
            with pytest.raises(CodecError, match=r"message\['to all'\].*only one can have it"):
                tell_all([one.ref for one in far], {"to all": owned})
        assert not blob.closed
        assert there.fileno() != -1
    assert all(one.link.bodies == [] for one in far)


def test_nobody_gets_what_cannot_be_said_or_is_too_large(system: ActorSystem, far: list[Far]) -> None:
    inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
    to = [system.spawn(Near, inbox), *(one.ref for one in far)]
    with pytest.raises(CodecError, match="data, not code"):
        tell_all(to, [print])
    with pytest.raises(FrameTooLarge, match="message for several"):
        tell_all(to, [bytes(FRAME_MAX_BYTES)])
    assert inbox.empty()


def test_a_ref_in_it_is_said_to_each_as_what_it_is_there(
    system: ActorSystem, far: list[Far], encodings: list[object]
) -> None:
    near: ActorRef = system.spawn(Near, queue.SimpleQueue())
    tell_all([one.ref for one in far[:3]], [near, far[1].ref])
    said = [one.got[0] for one in far[:3]]
    assert [[cast("RefToken", token).origin for token in cast("list[object]", tokens)] for tokens in said] == [
        ["mine", "mine"],
        ["mine", "yours"],
        ["mine", "mine"],
    ]
    assert len(encodings) == 2
    assert far[2].peer.local(far[1].ref.urn) is far[1].ref  # so that it can be reached through us


def test_a_name_is_looked_up_and_one_that_nobody_has_is_dead(system: ActorSystem, far: list[Far]) -> None:
    letters = system.bus.collect(DeadLetter)
    result = tell_all([system.named("nobody"), far[0].ref], "hello")
    assert result.sent == 1
    assert isinstance(result.failures[0].error, ActorDeadError)
    assert len(letters.drain()) == 1
