"""What was sent to a process before it could hear, and what becomes of it if it never does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from regrow.actors import Actor, ActorDeadError, ActorSystem, DeadLetter
from regrow.actors.futures import AskFuture
from regrow.actors.hosting import HostedRef, OutboxFull
from regrow.actors.hosting.doorstep import Doorstep
from regrow.actors.hosting.link_socket import LinkSocket
from regrow.actors.hosting.pace import Pace
from regrow.actors.hosting.peer import Peer
from regrow.actors.mailbox import Envelope
from regrow.protocol.errors import LocalProtocolError
from regrow.protocol.exits import ExitStatus
from regrow.protocol.host.messages import LinkMessage


class Refusing:
    """A link that takes nothing."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send(self, _message: LinkMessage, _to: object = "") -> None:
        raise self.error


class NoPace:
    def close(self) -> None:
        """Nobody waits for room."""


ENDED = LocalProtocolError("link message 'ask'", expected="nothing any more", got="ENDED")
FULL = OutboxFull("somebody", waiting_bytes=2, limit_bytes=1)


class Early:
    """A process that cannot hear yet, and its link, which will refuse everything."""

    def __init__(self, system: ActorSystem, error: Exception) -> None:
        self.ref = HostedRef(system, name="early", actor_class=Actor)
        self.peer = Peer(system, hosted=self.ref)
        self.peer.pace = cast("Pace", NoPace())
        self.doorstep = Doorstep(cast("LinkSocket", Refusing(error)), self.peer.refused)
        self.peer.outlet = self.doorstep
        self.letters: list[DeadLetter] = []
        system.bus.subscribe(self.letters.append, DeadLetter)

    def ask(self) -> AskFuture[object]:
        future: AskFuture[object] = AskFuture()
        self.peer.post(self.ref, Envelope("question", reply_to=future))
        return future

    def tell(self) -> None:
        self.peer.post(self.ref, Envelope("news"))


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    with ActorSystem("early") as made:
        yield made


def test_an_ask_of_one_that_ended_before_it_could_hear_says_what_it_died_of(system: ActorSystem) -> None:
    early = Early(system, ENDED)
    future = early.ask()
    early.doorstep.open()
    assert not future.done
    early.peer.close(ExitStatus(3))
    with pytest.raises(ActorDeadError) as raised:
        future.get(timeout=0)
    assert raised.value.reason == ExitStatus(3)


def test_a_message_to_one_that_ended_before_it_could_hear_is_a_dead_letter_that_says_so(system: ActorSystem) -> None:
    early = Early(system, ENDED)
    early.tell()
    early.doorstep.open()
    assert [(letter.to, letter.why) for letter in early.letters] == [(early.ref, "it ended first")]


def test_what_found_no_room_says_that(system: ActorSystem) -> None:
    early = Early(system, FULL)
    future = early.ask()
    early.tell()
    early.doorstep.open()
    with pytest.raises(OutboxFull):
        future.get(timeout=0)
    assert [letter.why for letter in early.letters] == [str(FULL)]
