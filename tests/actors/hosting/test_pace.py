"""Who sends learns of a window that is used up, waits for half of it, and is let go whatever comes of it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from regrow.actors import Actor, ActorRef, ActorSystem, AskTimeout, MailboxHigh, MailboxLow
from regrow.actors.hosting.link_socket import LinkSocket
from regrow.actors.hosting.loop import IoLoop
from regrow.actors.hosting.pace import Pace
from regrow.actors.told import TOLD
from regrow.protocol.host.messages import Window
from regrow.protocol.host.protocol import LinkProtocol
from regrow.protocol.host.states import Side, State


class Stage:
    """A pace, a link that nobody reads, and what is kept before it."""

    def __init__(self, system: ActorSystem) -> None:
        self.kept = 0
        self.ours, self.theirs = socket.socketpair()
        self.loop = IoLoop(on_error=self._fail)
        protocol = LinkProtocol(Side.PARENT, incarnation=1, window_messages=4, acknowledge_on_receipt=False)
        protocol.state = State.ACTIVE
        self.link = LinkSocket(
            self.loop, self.ours, protocol, on_message=lambda _message: None, on_end=lambda _error: None
        )
        self.ref = ActorRef(system, name="far", actor_class=Actor)
        self.pace = Pace(self.link, self.loop, system, whom=lambda: self.ref, backlog=lambda: 0, kept=lambda: self.kept)
        self.seen = system.bus.collect(MailboxHigh, MailboxLow)

    def _fail(self, error: Exception) -> None:
        raise error

    def tell(self) -> None:
        self.link.tell("urn:1", b"x", "far")

    def events(self) -> list[tuple[str, int]]:
        return [
            (type(event).__name__, event.waiting)
            for event in self.seen.drain()
            if isinstance(event, MailboxHigh | MailboxLow)
        ]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with ActorSystem("pace") as system:
        made = Stage(system)
        yield made
        made.loop.run(made.link.close, 5)
        made.theirs.close()
        assert made.loop.close()


def test_there_is_room_until_the_window_is_used_up(stage: Stage) -> None:
    for _ in range(3):
        stage.tell()
        assert stage.pace.told() is TOLD
        assert not stage.pace.full()
    stage.tell()
    assert stage.pace.full()
    assert not stage.pace.told().wait(0)
    assert stage.events() == [("MailboxHigh", 4)]


def test_what_is_kept_before_the_link_counts_too(stage: Stage) -> None:
    stage.kept = 4
    assert stage.pace.full()
    held = stage.pace.told()
    stage.kept = 3
    stage.pace.look()
    assert not held.wait(0)
    stage.kept = 2
    stage.pace.look()
    assert held.wait(0)
    assert stage.events() == [("MailboxHigh", 4), ("MailboxLow", 2)]
    assert stage.pace.told() is TOLD


def test_a_larger_window_lets_go_who_waits(stage: Stage) -> None:
    for _ in range(5):
        stage.tell()
    held = stage.pace.told()
    stage.link.send(Window(100, 1_000))
    stage.pace.look()
    assert held.wait(0)


def test_the_end_of_the_link_lets_go_who_waits_and_whoever_comes_later(stage: Stage) -> None:
    for _ in range(5):
        stage.tell()
    held = stage.pace.told()
    assert not held.wait(0)
    stage.pace.close()
    assert held.wait(0)
    assert stage.pace.told() is TOLD


def test_whoever_waits_too_long_goes_on_with_nothing_lost(stage: Stage) -> None:
    for _ in range(5):
        stage.tell()
    assert not stage.pace.told().wait(0.0)
    assert stage.link.outstanding == 5
    with pytest.raises(AskTimeout):
        room = stage.pace._room()
        assert room is not None
        room.get(timeout=0)
