"""What comes in one frame is handled as if it had come alone: in its order, and one bad message harms only itself."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest

from regrow.actors import Actor, ActorSystem, DeadLetter, MailboxOptions, SpawnOptions
from regrow.actors.bus import EventQueue
from regrow.actors.hosting.digests import Digests
from regrow.actors.hosting.peer import Peer
from regrow.actors.testing import Hold
from regrow.protocol.codec import encode
from regrow.protocol.host.messages import Tells


class Listener(Actor):
    """Passes on what it hears."""

    def __init__(self, heard: queue.SimpleQueue[object]) -> None:
        super().__init__()
        self._heard = heard

    def on_receive(self, message: object) -> None:
        self._heard.put(message)

    def on_stop(self) -> None:
        self._heard.put("stopped")


class Held(Listener):
    """The same, once it is let go."""

    def __init__(self, hold: Hold, heard: queue.SimpleQueue[object]) -> None:
        super().__init__(heard)
        self._hold = hold

    def on_receive(self, message: object) -> None:
        self._hold()
        super().on_receive(message)


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    with ActorSystem("intake") as system:
        yield system


@pytest.fixture
def heard() -> queue.SimpleQueue[object]:
    return queue.SimpleQueue()


def take(heard: queue.SimpleQueue[object], count: int) -> list[object]:
    return [heard.get(timeout=10) for _ in range(count)]


def letters(seen: EventQueue) -> list[object]:
    return [event.message for event in seen.drain() if isinstance(event, DeadLetter)]


def test_all_of_a_frame_come_in_their_order(system: ActorSystem, heard: queue.SimpleQueue[object]) -> None:
    ref = system.spawn(Listener, heard)
    peer = Peer(system)
    peer.receive(Tells(ref.urn, tuple(peer.encode((number, ref)) for number in range(100))))
    Peer(system).receive(Tells(ref.urn, tuple(encode(number) for number in range(3))))
    assert [first for first, _ in take(heard, 100)] == list(range(100))  # type: ignore[misc]
    assert take(heard, 3) == [0, 1, 2]


@pytest.mark.parametrize("bad", [b"\xc1", b"\x01\x02", b"\x92\x01", b"\x91\x92\xc7\x00\x01"])
def test_one_bad_message_harms_only_itself(system: ActorSystem, heard: queue.SimpleQueue[object], bad: bytes) -> None:
    seen = system.bus.collect(DeadLetter)
    ref = system.spawn(Listener, heard)
    bodies = [encode(number) for number in range(20)]
    Peer(system).receive(Tells(ref.urn, (*bodies[:7], bad, *bodies[7:])))
    assert take(heard, 20) == list(range(20))
    assert letters(seen) == [bad]


def test_a_request_to_stop_keeps_its_place(system: ActorSystem, heard: queue.SimpleQueue[object]) -> None:
    seen = system.bus.collect(DeadLetter)
    ref = system.spawn(Listener, heard)
    bodies = [encode(number) for number in range(8)]
    Peer(system).receive(Tells(ref.urn, (*bodies[:6], b"", *bodies[6:])))
    assert take(heard, 7) == [0, 1, 2, 3, 4, 5, "stopped"]
    assert system.shutdown(10) == ()
    assert letters(seen) == [6, 7]


def test_what_is_for_nobody_and_for_the_dead_becomes_dead_letters(
    system: ActorSystem, heard: queue.SimpleQueue[object]
) -> None:
    ref = system.spawn(Listener, heard)
    peer = Peer(system)
    peer.receive(Tells(ref.urn, (encode(0),) * 5))
    assert take(heard, 5) == [0] * 5
    box = ref.direct
    assert box is not None
    seen = system.bus.collect(DeadLetter)
    ref.stop()
    assert take(heard, 1) == ["stopped"]
    box.post_all([1, 2])  # by one who has looked for it before it ended
    peer.receive(Tells(ref.urn, tuple(encode(number) for number in range(3, 8))))
    peer.receive(Tells("urn:nobody", (encode("lost"),) * 5))
    assert sorted(map(str, letters(seen))) == [*"1234567", *["lost"] * 5]


def test_a_bound_is_kept(system: ActorSystem, heard: queue.SimpleQueue[object]) -> None:
    seen = system.bus.collect(DeadLetter)
    hold = Hold()
    ref = system.spawn(Held, hold, heard, options=SpawnOptions(mailbox=MailboxOptions(maxsize=2)))
    ref.tell(0)
    hold.wait_reached()
    Peer(system).receive(Tells(ref.urn, tuple(encode(number) for number in range(1, 9))))
    hold.release()
    assert take(heard, 3) == [0, 1, 2]
    assert letters(seen) == [encode(number) for number in range(3, 9)]


def test_digests_are_noted_of_each(system: ActorSystem, heard: queue.SimpleQueue[object]) -> None:
    ref = system.spawn(Listener, heard)
    peer = Peer(system)
    digests = peer.digests = Digests(ref.urn)
    peer.receive(Tells(ref.urn, tuple(encode([number]) for number in range(10))))
    messages = take(heard, 10)
    assert messages == [[number] for number in range(10)]
    assert 0 not in [digests.taken(message) for message in messages]
