"""What an actor does with the message in hand: keeps it, hands it on, answers it later, takes many at once."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    AskTimeout,
    BadHandler,
    CallingSelf,
    DeadLetter,
    Deadlocked,
    MailboxOptions,
    NothingInHand,
    Overflow,
    ReceiveTimeout,
    SpawnOptions,
    StashFull,
)
from regrow.actors.dispatchers import NAMES
from regrow.actors.patterns import drain
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, PuppetError, crash
from regrow.protocol.exits import KILLED, NOPROC

WAIT = 5.0


class Door(Actor):
    """Keeps everything for later until it is opened."""

    stash_max = 5

    def __init__(self) -> None:
        self.open = False
        self.seen: list[object] = []

    def on_receive(self, message: object) -> object:
        if callable(message):
            return message(self)
        if message == "open":
            self.open = True
            return self.unstash_all()
        if not self.open:
            self.stash()
            return "not to be sent"
        self.seen.append(message)
        return message


def message_of(letter: object) -> object:
    assert isinstance(letter, DeadLetter)
    return letter.message


def test_what_is_stashed_is_handled_in_its_order_before_all_that_waits(system: ActorSystem) -> None:
    door = system.spawn(Door)
    hold = Hold()
    for number in range(3):
        door.tell(number)
    door.tell(hold)
    hold.wait_reached()
    door.tell("open")
    door.tell("later")
    hold.release()
    assert door.ask(lambda actor: actor.seen) == [0, 1, 2, "later"]


def test_who_asks_a_stashed_message_gets_the_answer_of_its_later_handling(system: ActorSystem) -> None:
    door = system.spawn(Door)
    answer = door.ask("question", block=False)
    assert door.ask(lambda actor: actor.stashed) == 1
    door.tell("open")
    assert answer.get(timeout=WAIT) == "question"


def test_a_message_unstashed_by_the_handler_that_has_stashed_it_is_not_answered_twice(system: ActorSystem) -> None:
    class Twice(Actor):
        seen = 0

        def on_receive(self, _message: object) -> object:
            self.seen += 1
            if self.seen == 1:
                self.stash()
                self.unstash_all()
            return self.seen

    assert system.spawn(Twice).ask("once", timeout=WAIT) == 2


def test_a_stash_has_a_bound_and_its_error_says_it(system: ActorSystem) -> None:
    door = system.spawn(Door)
    for number in range(5):
        door.tell(number)
    with pytest.raises(StashFull, match="expected at most 5"):
        door.ask("one too many", timeout=WAIT)


def test_what_is_stashed_when_a_life_ends_is_rejected_like_what_waits(system: ActorSystem) -> None:
    for end in (lambda ref: ref.kill(), lambda ref: ref.shutdown(), lambda ref: ref.tell(crash())):
        door = system.spawn(Door)
        letters = system.bus.collect(DeadLetter)
        door.tell("told")
        asked = door.ask("asked", block=False)
        assert door.ask(lambda actor: actor.stashed) == 2
        end(door)
        with pytest.raises(ActorDeadError):
            asked.get(timeout=WAIT)
        assert message_of(letters.get(timeout=WAIT)) == "told"


def test_a_message_is_stashed_once_and_only_while_one_is_in_hand(system: ActorSystem) -> None:
    def twice(actor: Any) -> None:
        actor.stash()
        with pytest.raises(NothingInHand, match="stash"):
            actor.stash()
        raise PuppetError("done")

    class Early(Actor):
        def on_start(self) -> None:
            self.stash()

    with pytest.raises(NothingInHand):
        system.spawn(Early)
    door = system.spawn(Door)
    with pytest.raises(ActorDeadError):
        door.ask(twice, timeout=WAIT)


def test_some_of_the_stashed_come_back_oldest_first(system: ActorSystem) -> None:
    door = system.spawn(Door)
    for number in range(4):
        door.tell(number)

    def open_for_two(actor: Any) -> int:
        actor.open = True
        return int(actor.unstash(2))

    assert door.ask(open_for_two) == 2
    assert door.ask(lambda actor: (actor.seen, actor.stashed)) == ([0, 1], 2)


MAILBOXES = (
    MailboxOptions(),
    MailboxOptions(maxsize=100, overflow=Overflow.FAIL),
    MailboxOptions(latest_by=lambda _: None),
    MailboxOptions(priority=lambda _: 0),
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("mailbox", MAILBOXES, ids=("plain", "bounded", "latest", "priority"))
@settings(deadline=None, max_examples=15)
@given(steps=st.lists(st.sampled_from(["message", "all", "some"]), max_size=30))
def test_the_order_is_that_of_a_list_which_is_put_back_in_front(
    name: str, mailbox: MailboxOptions, steps: list[str]
) -> None:
    class Model(Actor):
        stash_max: ClassVar[int] = 100

        def __init__(self) -> None:
            self.seen: list[object] = []
            self.returned: set[object] = set()

        def on_receive(self, message: Any) -> object:
            what, number = message
            if what == "seen":
                return self.seen
            if what == "message" and number not in self.returned:
                self.returned.add(number)
                self.stash()
            elif what == "message":
                self.seen.append(number)
            else:
                self.unstash(2) if what == "some" else self.unstash_all()
            return None

    kept: list[int] = []
    expected: list[int] = []
    for number, what in enumerate(steps):
        if what == "message":
            kept.append(number)
        else:
            count = len(kept) if what == "all" else 2
            expected += kept[:count]
            kept = kept[count:]
    with ActorSystem(clock=ManualClock(), dispatcher=name) as system:
        ref = system.spawn(Model, options=SpawnOptions(mailbox=mailbox))
        for number, what in enumerate(steps):
            ref.tell((what, number))
        assert ref.ask(("seen", -1)) == expected


class Relay(Actor):
    def __init__(self, to: ActorRef[Any]) -> None:
        self._to = to

    def on_receive(self, message: object) -> object:
        self.forward(self._to)
        return "not to be sent"


def test_who_has_asked_gets_the_answer_of_the_one_it_was_forwarded_to(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    relay = system.spawn(Relay, system.spawn(Relay, puppet))
    assert relay.ask("question", timeout=WAIT) == "question"
    relay.tell("told")
    relay.ask("fence")
    assert puppet.ask(lambda actor: actor.seen) == ["question", "told", "fence"]


def test_the_errors_name_the_one_it_was_forwarded_to(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    relay = system.spawn(Relay, puppet)
    hold = Hold()
    with pytest.raises(AskTimeout, match="Puppet"):
        relay.ask(hold, timeout=0.05)
    hold.release()
    puppet.stop()
    with pytest.raises(ActorDeadError, match="Puppet"):
        relay.ask("late")
    assert relay.is_alive()


def test_a_crash_of_who_has_forwarded_is_not_the_answer(system: ActorSystem) -> None:
    hold = Hold()
    puppet = system.spawn(Puppet)

    class Careless(Actor):
        def on_receive(self, _message: object) -> None:
            self.forward(puppet)
            raise PuppetError("after that")

    careless = system.spawn(Careless)
    answer = careless.ask("question", block=False)
    assert answer.get(timeout=WAIT) == "question"
    hold.release()


def test_a_question_forwarded_to_who_has_asked_it_is_a_circle(system: ActorSystem) -> None:
    class Asker(Actor):
        def on_receive(self, message: object) -> object:
            return system.spawn(Relay, self.ref).ask("question") if message == "go" else message

    events = system.bus.collect(Deadlocked)
    with pytest.raises(CallingSelf):
        system.spawn(Asker).ask("go", timeout=WAIT)
    assert "Asker" in str(events.get(timeout=WAIT))


def test_an_actor_knows_whether_somebody_waits_for_an_answer(system: ActorSystem, probe: Probe) -> None:
    puppet = system.spawn(Puppet)
    assert puppet.ask(lambda actor: actor.asked) is True
    puppet.tell(lambda actor: probe.ref.tell(actor.asked))
    assert probe.expect(bool) is False


def test_to_defer_the_answer_to_what_was_told_keeps_nothing(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    puppet.tell(lambda actor: actor.seen.append(actor.defer_reply()))
    handle = puppet.ask(lambda actor: actor.seen)[0]
    assert not handle.wanted
    assert not handle.set(1)
    assert puppet.ask(lambda actor: actor._life._deferred) is None


class Sleepy(Actor):
    def __init__(self, probe: ActorRef[Any]) -> None:
        self._probe = probe

    def on_receive(self, message: object) -> object:
        if callable(message):
            return message(self)
        if isinstance(message, ReceiveTimeout):
            self._probe.tell(message)
        elif isinstance(message, float) or message is None:
            self.set_receive_timeout(message)
        return message


def test_a_receive_timeout_comes_when_no_message_has_for_so_long_and_again(
    system: ActorSystem, clock: ManualClock, probe: Probe
) -> None:
    ref = system.spawn(Sleepy, probe.ref)
    ref.ask(10.0)
    settle(ref)
    clock.advance(9.0)
    ref.ask("awake")
    settle(ref)
    clock.advance(9.0)
    probe.sync(ref)
    probe.expect_nothing()
    settle(ref)
    for _ in range(2):
        clock.advance(10.0)
        assert probe.expect(ReceiveTimeout) == ReceiveTimeout(10.0)
        settle(ref)


def settle(ref: ActorRef[Any]) -> None:
    """Wait until it is idle, and its time has begun."""
    while ref.statistics().state != "idle":
        ref.ask("Describe")


def test_a_receive_timeout_is_taken_back_and_ends_with_the_life(
    system: ActorSystem, clock: ManualClock, probe: Probe
) -> None:
    ref = system.spawn(Sleepy, probe.ref)
    ref.ask(10.0)
    ref.ask(None)
    settle(ref)
    clock.advance(20.0)
    ref.ask("fence")
    probe.expect_nothing()
    ref.ask(10.0)
    settle(ref)
    ref.stop()
    letters = system.bus.collect(DeadLetter)
    clock.advance(20.0)
    assert letters.drain() == ()


def test_a_receive_timeout_that_a_message_overtakes_is_not_handled(
    system: ActorSystem, clock: ManualClock, probe: Probe
) -> None:
    ref = system.spawn(Sleepy, probe.ref)
    ref.ask(10.0)
    hold = Hold()
    ref.tell(hold)
    hold.wait_reached()
    clock.advance(30.0)
    hold.release()
    ref.ask("fence")
    probe.expect_nothing()


def test_a_receive_timeout_is_more_than_nothing(system: ActorSystem, probe: Probe) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        system.spawn(Sleepy, probe.ref).ask(0.0)


class Bulk(Actor):
    batch_max = 3

    def __init__(self) -> None:
        self.log: list[object] = []

    def on_batch(self, messages: list[object]) -> object:
        self.log.append(list(messages))
        if "crash" in messages:
            raise PuppetError("of the batch")
        return None

    def on_receive(self, message: object) -> object:
        if isinstance(message, Hold):
            return message(self)
        if message == "log":
            return self.log
        self.log.append(message)
        return message


@pytest.mark.parametrize("mailbox", MAILBOXES, ids=("plain", "bounded", "latest", "priority"))
def test_told_messages_come_in_batches_and_asked_ones_alone_in_their_order(
    system: ActorSystem, mailbox: MailboxOptions
) -> None:
    bulk = system.spawn(Bulk, options=SpawnOptions(mailbox=mailbox))
    hold = Hold()
    held = bulk.ask(hold, block=False)
    hold.wait_reached()
    for number in range(4):
        bulk.tell(number)
    bulk.ask("alone", block=False)
    bulk.tell(4)
    log = bulk.ask("log", block=False)
    hold.release()
    held.get(timeout=WAIT)
    assert log.get(timeout=WAIT) == [[0, 1, 2], [3], "alone", [4]]
    assert bulk.statistics().handled >= 7


def test_a_crash_loses_the_batch_in_hand_and_the_rest_are_dead_letters(system: ActorSystem) -> None:
    bulk = system.spawn(Bulk)
    hold = Hold()
    held = bulk.ask(hold, block=False)
    hold.wait_reached()
    letters = system.bus.collect(DeadLetter)
    for message in (1, "crash", 3, 4):
        bulk.tell(message)
    hold.release()
    held.get(timeout=WAIT)
    assert message_of(letters.get(timeout=WAIT)) == 4
    assert letters.drain() == ()


def test_a_class_that_wants_batches_has_to_take_them() -> None:
    with pytest.raises(BadHandler, match="on_batch"):
        type("Forgetful", (Actor,), {"batch_max": 2})


def test_one_that_refuses_what_is_new_handles_what_waits(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    hold = Hold()
    held = puppet.ask(hold, block=False)
    hold.wait_reached()
    waits = puppet.ask("waits", block=False)
    puppet.cell.refuse_new(NOPROC)  # type: ignore[union-attr]
    letters = system.bus.collect(DeadLetter)
    with pytest.raises(ActorDeadError):
        puppet.tell("new")
    assert message_of(letters.get(timeout=WAIT)) == "new"
    with pytest.raises(ActorDeadError):
        puppet.ask("new")
    assert puppet.is_alive()
    hold.release()
    assert held.get(timeout=WAIT) == "released"
    assert waits.get(timeout=WAIT) == "waits"
    assert puppet.stop() is True


def test_a_drained_actor_takes_no_message_after_the_request(system: ActorSystem) -> None:
    puppet = system.spawn(Puppet)
    for number in range(10):
        puppet.tell(number)
    assert drain(puppet).complete
    assert drain(puppet).reason != KILLED
