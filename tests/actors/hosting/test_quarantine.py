"""Who has died of what, and what is refused: counting, forgetting, releasing; no process is needed for that."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from regrow.actors import Actor, ActorRef, ActorSystem, DeadLetter, ExitReport, MailboxOptions, SpawnOptions
from regrow.actors.hosting import quarantine
from regrow.actors.hosting.digests import Digests, digest_of
from regrow.actors.hosting.errors import LimitExceeded, Quarantined
from regrow.actors.hosting.events import MessageQuarantined
from regrow.actors.hosting.peer import Peer
from regrow.actors.hosting.quarantine import SUSPECT_SECONDS, Quarantine, Sieve
from regrow.actors.looking import GetStatistics
from regrow.actors.signals import OomVerdict
from regrow.protocol.codec import decode, encode
from regrow.protocol.errors import LocalProtocolError
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, ExitStatus, Hang, Signaled, crash_of
from regrow.protocol.host.messages import Ask, KillRequest, LinkMessage, Tell

SEGV = Signaled(11)
POISON = 0xBAD


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    with ActorSystem("test") as system:
        yield system


class Story:
    """Deaths of the processes of one child."""

    def __init__(self, system: ActorSystem, name: str = "child") -> None:
        self.published: list[object] = []
        self.time = 0.0
        self.quarantine = Quarantine(self.published.append, lambda: self.time)
        self.ref: ActorRef = ActorRef(system, name=name, actor_class=Actor)

    def dies(
        self,
        digest: int = POISON,
        *,
        words: str | None = "Order",
        reason: ExitReason = SEGV,
        deaths: int = 3,
        oom: OomVerdict | None = None,
    ) -> bool:
        report = ExitReport(in_hand=words, stderr_tail=("line",) * 500, oom=oom)
        return self.quarantine.died(self.ref, reason, report, digest=digest, deaths=deaths) is not None


@pytest.fixture
def story(system: ActorSystem) -> Story:
    return Story(system)


def test_the_third_death_with_the_same_message_in_hand_puts_it_into_quarantine(story: Story) -> None:
    assert [story.dies() for _ in range(3)] == [False, False, True]
    event, letter = story.published
    assert isinstance(event, MessageQuarantined)
    assert (event.ref, event.in_hand, event.digest, len(event.reports)) == (story.ref, "Order", POISON, 3)
    assert isinstance(letter, DeadLetter)
    assert letter.why == "quarantined: 3 processes have died of it"
    (held,) = story.quarantine.held()
    assert (held.ref, held.digest) == (story.ref, POISON)
    assert all(len(report.stderr_tail) == 50 for report in held.reports)


def test_the_first_death_counts_though_nobody_had_written_down_the_digest(story: Story) -> None:
    assert not story.quarantine.suspects(story.ref)
    assert not story.dies(0)
    assert story.quarantine.suspects(story.ref)
    assert [story.dies(), story.dies()] == [False, True]


def test_a_first_death_of_another_type_does_not_count(story: Story) -> None:
    story.dies(0, words="Another")
    assert [story.dies() for _ in range(3)] == [False, False, True]


def test_without_digests_nothing_is_refused(story: Story) -> None:
    assert not any(story.dies(0) for _ in range(10))


def test_deaths_of_other_messages_and_of_other_children_are_counted_apart(story: Story, system: ActorSystem) -> None:
    other: ActorRef = ActorRef(system, name="other", actor_class=Actor)
    report = ExitReport(in_hand="Order")
    for digest in (1, 2, 3, 4, 5):
        assert not story.dies(digest)
        assert story.quarantine.died(other, SEGV, report, digest=1, deaths=9) is None
    assert [story.dies(1), story.dies(1)] == [False, True]


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, KILLED])
def test_ends_that_were_wanted_do_not_count(story: Story, reason: ExitReason) -> None:
    assert not any(story.dies(reason=reason) for _ in range(5))


@pytest.mark.parametrize("reason", [SEGV, Crash("E", "x"), ExitStatus(0), Hang("deadline")])
def test_ends_that_were_not_wanted_count(story: Story, reason: ExitReason) -> None:
    assert [story.dies(reason=reason) for _ in range(3)] == [False, False, True]


def test_a_death_without_a_message_in_hand_does_not_count(story: Story) -> None:
    assert not any(story.dies(words=None) for _ in range(5))


@pytest.mark.parametrize(("deaths", "expected"), [(1, [True]), (2, [False, True]), (0, [False] * 5)])
def test_how_many_deaths_it_takes_is_a_limit(story: Story, deaths: int, expected: list[bool]) -> None:
    assert [story.dies(deaths=deaths) for _ in expected] == expected


def test_what_is_refused_is_released_one_by_one_or_altogether(story: Story) -> None:
    for digest in (1, 2, 3):
        story.dies(digest, deaths=1)
    urn = story.ref.urn
    assert story.quarantine.holds(urn)
    assert story.quarantine.release(story.ref, 2) == 1
    assert story.quarantine.release(story.ref, 2) == 0
    assert story.quarantine.refused(urn, 2) is None
    assert story.quarantine.refused(urn, 1) is not None
    assert story.quarantine.release(story.ref) == 2
    assert not story.quarantine.holds(urn)


def test_the_tables_are_bounded(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "SUSPECTS_MAX", 10)
    monkeypatch.setattr(quarantine, "HELD_MAX", 5)
    for digest in range(1, 100):
        story.dies(digest)
    assert len(story.quarantine._suspects) == 10
    for digest in range(1, 100):
        story.dies(digest, deaths=1)
    assert [held.digest for held in story.quarantine.held()] == [95, 96, 97, 98, 99]


class Passed:
    """An outlet that keeps what comes."""

    def __init__(self) -> None:
        self.passed: list[object] = []

    def send(self, message: LinkMessage, to: object = "") -> None:
        self.passed.append(message)

    def tell(self, urn: str, body: object, to: object) -> None:
        self.passed.append((urn, body))

    def tell_raw(self, urn: str, said: tuple[bytes, object], to: object) -> None:
        self.passed.append((urn, said))


def test_the_sieve_refuses_that_message_to_that_actor_alone(story: Story) -> None:
    urn, poison, food = story.ref.urn, encode("poison"), encode("food")
    story.dies(digest_of(poison), deaths=1)
    passed = Passed()
    sieve = Sieve(story.quarantine, story.ref, passed)
    for send in (
        lambda body: sieve.tell(urn, body, story.ref),
        lambda body: sieve.tell_raw(urn, (body[:3], body[3:]), story.ref),
        lambda body: sieve.send(Tell(urn, body), story.ref),
        lambda body: sieve.send(Ask(urn, 1, body), story.ref),
    ):
        with pytest.raises(
            Quarantined, match=r"Order .* is quarantined: 1 processes of .*child.* died of it"
        ) as caught:
            send(poison)
        assert isinstance(caught.value, LocalProtocolError)
        send(food)
    sieve.tell("urn:another", poison, "another")
    sieve.send(KillRequest(urn), story.ref)
    assert len(passed.passed) == 6
    story.quarantine.release(story.ref)
    sieve.tell(urn, poison, story.ref)
    assert passed.passed[-1] == (urn, poison)


TOO_MUCH = crash_of(LimitExceeded("resident_bytes", 1000, 2000))


@pytest.mark.parametrize(
    ("reason", "oom"), [(TOO_MUCH, None), (Signaled(signal.SIGXCPU), None), (Signaled(signal.SIGKILL), "likely")]
)
def test_a_death_for_want_of_memory_or_time_counts_only_if_the_message_is_known_to_be_the_same(
    story: Story, reason: ExitReason, oom: OomVerdict | None
) -> None:
    assert not story.dies(0, reason=reason, oom=oom)
    assert story.quarantine.suspects(story.ref)  # so the next one writes down what it has in hand
    assert [story.dies(reason=reason, oom=oom) for _ in range(3)] == [False, False, True]


def test_suspects_are_forgotten_an_hour_after_the_last_death(story: Story) -> None:
    story.dies()
    story.time += SUSPECT_SECONDS
    assert story.quarantine.suspects(story.ref)
    story.dies()
    story.time += SUSPECT_SECONDS + 1.0
    assert not story.quarantine.suspects(story.ref)
    assert [story.dies() for _ in range(3)] == [False, False, True]


def noted(digests: Digests, body: bytes) -> object:
    message = decode(body)
    digests.note(message, body)
    return message


def test_a_message_is_known_by_its_bytes_from_arrival_to_handling() -> None:
    digests, body = Digests("urn"), encode({"a": [1, 2]})
    first, second = noted(digests, body), noted(digests, body)
    assert first == second
    assert digests.taken(first) == digests.taken(second) == digest_of(body)
    assert digests.taken(first) == 0  # handled once
    assert digests.taken({"a": [1, 2]}) == 0  # it came from elsewhere


def test_a_message_that_is_the_same_object_twice_is_known_twice() -> None:
    digests, body = Digests("urn"), encode(7)
    first, second = noted(digests, body), noted(digests, body)
    assert first is second
    assert [digests.taken(first) for _ in range(3)] == [digest_of(body), digest_of(body), 0]


def test_of_messages_that_nobody_handles_not_all_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.actors.hosting.digests._WAITING_MAX", 5)
    digests = Digests("urn")
    messages = [noted(digests, encode([number])) for number in range(9)]
    assert [digests.taken(message) != 0 for message in messages] == [False] * 4 + [True] * 5


def test_of_large_messages_that_nobody_handles_fewer_are_kept_and_always_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("regrow.actors.hosting.digests._WAITING_BYTES", 2500)
    digests = Digests("urn")
    for _ in range(2):  # what was taken and what was forgotten is not counted any more
        messages = [noted(digests, encode(bytes([number]) * 1000)) for number in range(5)]
        assert [digests.taken(message) != 0 for message in messages] == [False] * 3 + [True] * 2
    large = noted(digests, encode(b"x" * 9000))
    assert digests.taken(large)


class Answered(Actor):
    """Never handles what it is told before it is let go."""

    let_go = threading.Event()

    def on_receive(self, message: object) -> object:
        self.let_go.wait(10)
        return message


def test_only_what_the_root_will_handle_is_noted(system: ActorSystem) -> None:
    root = system.spawn(Answered, options=SpawnOptions(mailbox=MailboxOptions(maxsize=1)))
    other = system.spawn(Answered)
    peer = Peer(system)
    peer.outlet = Passed()
    digests = peer.digests = Digests(root.urn)
    root.tell("in hand")
    peer.receive(Tell(other.urn, encode("for another")))
    peer.receive(Ask(other.urn, 1, encode("for another")))
    peer.receive(Ask(root.urn, 2, encode(GetStatistics())))  # answered aside
    peer.receive(Tell("urn:nobody", encode("lost")))
    assert len(digests._waiting) == 0
    for _ in range(5):  # two at most are taken: one may be in hand
        peer.receive(Tell(root.urn, encode(["full"])))
        peer.receive(Ask(root.urn, 3, encode(["full"])))
    assert len(digests._waiting) <= 1
    Answered.let_go.set()
