"""Publish and subscribe: who hears what, and until when."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorStarted,
    ActorSystem,
    ChildSpec,
    DeadLetter,
    MailboxOptions,
    SpawnOptions,
    Start,
    Started,
)
from regrow.actors.patterns import Topics, deliver_to
from regrow.actors.patterns import topics as module
from regrow.actors.testing import Hold, Probe, Puppet, hang


@dataclass(frozen=True)
class Order:
    number: int


@dataclass(frozen=True)
class Urgent(Order):
    """More than an order."""


@pytest.fixture
def topics(system: ActorSystem) -> Topics:
    return Topics.of(system)


def seen(ref: ActorRef) -> list[object]:
    found: list[object] = ref.ask(lambda puppet: list(puppet.seen))
    return found


def test_messages_reach_those_who_want_their_class_or_one_above_it(system: ActorSystem, topics: Topics) -> None:
    all_of_them, orders, urgent = (system.spawn(Puppet) for _ in range(3))
    topics.subscribe(all_of_them)
    topics.subscribe(orders, Order)
    topics.subscribe(urgent, Urgent, str)
    assert topics.publish(Order(1)) == 2
    assert topics.publish(Urgent(2)) == 3
    assert topics.publish("text") == 2
    assert seen(all_of_them) == [Order(1), Urgent(2), "text"]
    assert seen(orders) == [Order(1), Urgent(2)]
    assert seen(urgent) == [Urgent(2), "text"]


def test_topics_are_matched_word_by_word(system: ActorSystem, topics: Topics) -> None:
    eu, every, typed = (system.spawn(Puppet) for _ in range(3))
    topics.subscribe(eu, topic="orders.eu.*")
    topics.subscribe(every, topic="orders.**")
    topics.subscribe(typed, Urgent, topic="orders.**")
    topics.publish(Order(1), "orders.eu.created")
    topics.publish(Urgent(2), "orders.us.created")
    topics.publish(Order(3), "invoices.eu.created")
    topics.publish(Order(4))
    assert seen(eu) == [Order(1)]
    assert seen(every) == [Order(1), Urgent(2)]
    assert seen(typed) == [Urgent(2)]


def test_a_condition_has_its_say(system: ActorSystem, topics: Topics) -> None:
    ref = system.spawn(Puppet)
    topics.subscribe(ref, Order, when=lambda order: isinstance(order, Order) and order.number > 1)
    assert [topics.publish(Order(number)) for number in (1, 2)] == [0, 1]
    assert seen(ref) == [Order(2)]


def test_who_subscribed_later_is_heard_of_too(system: ActorSystem, topics: Topics) -> None:
    one, two = system.spawn(Puppet), system.spawn(Puppet)
    topics.subscribe(one, Order)
    assert topics.publish(Order(1)) == 1
    topics.subscribe(two, Order)
    assert topics.publish(Order(2)) == 2
    assert topics.subscribers(Order) == (one, two)


def test_two_subscriptions_of_one_are_two(system: ActorSystem, topics: Topics) -> None:
    ref = system.spawn(Puppet)
    first, second = topics.subscribe(ref, Order), topics.subscribe(ref, Urgent)
    assert topics.publish(Urgent(1)) == 2
    assert first.cancel()
    assert not first.cancel()
    assert topics.publish(Urgent(2)) == 1
    assert topics.unsubscribe(ref) == 1
    assert not second.cancel()
    assert topics.publish(Urgent(3)) == 0
    assert topics.unsubscribe(ref) == 0


def test_a_subscription_ends_with_the_life_that_made_it(system: ActorSystem, topics: Topics, probe: Probe) -> None:
    letters = system.bus.collect(DeadLetter)
    ref = system.spawn(Puppet)
    topics.subscribe(ref, Order)
    ref.stop()
    assert len(topics) == 0
    assert topics.publish(Order(1)) == 0
    system.begin(ChildSpec(id="a", start=Start(Puppet)), parent=probe.ref, ref=ref, on_outcome=probe.outcome)
    probe.expect(Started)
    assert topics.publish(Order(2)) == 0
    topics.subscribe(ref, Order)
    assert topics.publish(Order(3)) == 1
    assert seen(ref) == [Order(3)]
    assert letters.drain() == ()


def test_a_later_life_hears_nothing_for_an_earlier_one_that_was_not_forgotten_yet(
    system: ActorSystem, topics: Topics, probe: Probe
) -> None:
    topics._stop_listening()  # as if the end was being announced right now
    ref = system.spawn(Puppet)
    topics.subscribe(ref, Order)
    ref.stop()
    system.begin(ChildSpec(id="a", start=Start(Puppet)), parent=probe.ref, ref=ref, on_outcome=probe.outcome)
    probe.expect(Started)
    assert topics.publish(Order(1)) == 0
    assert len(topics) == 0


def test_an_actor_can_subscribe_as_it_starts(system: ActorSystem, topics: Topics) -> None:
    class Listener(Puppet):
        def on_start(self) -> None:
            topics.subscribe(self.ref, Order)

    ref = system.spawn(Listener)
    assert topics.publish(Order(1)) == 1
    assert seen(ref) == [Order(1)]


def test_a_name_subscribes_who_has_it_now(system: ActorSystem, topics: Topics) -> None:
    ref = system.spawn(Puppet, options=SpawnOptions(name="db"))
    name = system.named("db")
    topics.subscribe(name, Order)
    assert topics.subscribers(Order) == (ref,)
    ref.stop()
    assert len(topics) == 0
    with pytest.raises(ActorDeadError):
        topics.subscribe(name, Order)
    assert topics.unsubscribe(name) == 0


def test_the_dead_cannot_subscribe(system: ActorSystem, topics: Topics) -> None:
    ref = system.spawn(Puppet)
    ref.stop()
    with pytest.raises(ActorDeadError):
        topics.subscribe(ref, Order)
    assert len(topics) == 0


def test_publishing_to_a_full_mailbox_is_a_dead_letter_and_the_others_hear_it(
    system: ActorSystem, topics: Topics
) -> None:
    letters = system.bus.collect(DeadLetter)
    hold = Hold()
    full = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(maxsize=1)))
    other = system.spawn(Puppet)
    for ref in (full, other):
        topics.subscribe(ref, Order)
    full.tell(hang(hold))
    hold.wait_reached()
    full.tell("waits")
    assert topics.publish(Order(1)) == 1
    hold.release()
    (letter,) = letters.drain()
    assert isinstance(letter, DeadLetter)
    assert (letter.to, letter.message) == (full, Order(1))
    assert seen(other) == [Order(1)]


def test_the_last_value_is_kept_for_those_who_come_later(system: ActorSystem, topics: Topics) -> None:
    topics.publish(Order(1), "orders.eu", sticky=True)
    topics.publish(Order(2), "orders.eu", sticky=True)
    topics.publish(Order(3), "orders.us", sticky=True)
    topics.publish(Order(4), "orders.us")
    topics.publish(Urgent(5), sticky=True)
    late, typed, other = (system.spawn(Puppet) for _ in range(3))
    topics.subscribe(late, topic="orders.*")
    topics.subscribe(typed, Urgent)
    topics.subscribe(other, str)
    assert seen(late) == [Order(2), Order(3)]
    assert seen(typed) == [Urgent(5)]
    assert seen(other) == []
    assert topics.forget("orders.eu")
    assert topics.forget(Urgent)
    assert not topics.forget("orders.eu")
    again = system.spawn(Puppet)
    topics.subscribe(again)
    assert seen(again) == [Order(3)]


def test_kept_values_are_bounded(system: ActorSystem, topics: Topics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STICKY_MAX", 2)
    for number in range(4):
        topics.publish(number, f"n.{number}", sticky=True)
    ref = system.spawn(Puppet)
    topics.subscribe(ref)
    assert seen(ref) == [2, 3]


def test_no_older_value_comes_after_a_newer_one(system: ActorSystem, topics: Topics) -> None:
    last = 200
    topics.publish(0, "n", sticky=True)

    def publish() -> None:
        for number in range(1, last + 1):
            topics.publish(number, "n", sticky=True)

    publisher = threading.Thread(target=publish)
    publisher.start()
    refs = [system.spawn(Puppet) for _ in range(10)]
    for ref in refs:
        topics.subscribe(ref, int, topic="n")
    publisher.join(5.0)
    for ref in refs:
        numbers = [number for number in seen(ref) if isinstance(number, int)]
        assert numbers == list(range(numbers[0], last + 1))


def test_a_newer_value_waits_until_the_older_one_has_been_sent(system: ActorSystem, topics: Topics, ms: float) -> None:
    hold = Hold()
    topics.publish(1, "n", sticky=True)
    ref = system.spawn(Puppet)
    subscriber = threading.Thread(
        target=lambda: topics.subscribe(ref, int, when=lambda message: message != 1 or bool(hold()))
    )
    subscriber.start()
    hold.wait_reached()
    publisher = threading.Thread(target=lambda: topics.publish(2, "n", sticky=True))
    publisher.start()
    publisher.join(20 * ms)  # if it did not wait it would be done
    hold.release()
    subscriber.join(5.0)
    publisher.join(5.0)
    assert seen(ref) == [1, 2]


def test_a_topic_without_words_is_refused(topics: Topics) -> None:
    with pytest.raises(ValueError, match="expected words between dots"):
        topics.publish(1, "orders.*")


def test_others_can_be_made_and_closed(system: ActorSystem, topics: Topics) -> None:
    own = Topics(system)
    ref = system.spawn(Puppet)
    own.subscribe(ref, Order)
    assert topics.publish(Order(1)) == 0
    assert own.publish(Order(2)) == 1
    own.close()
    assert own.publish(Order(3)) == 0
    assert Topics.of(system) is topics


def test_what_is_known_of_classes_and_topics_is_bounded(system: ActorSystem, topics: Topics) -> None:
    topics.subscribe(system.spawn(Puppet), int)
    for number in range(3 * module.CACHE_MAX):
        topics.publish(number, f"n.{number}")
    assert len(topics._known) <= module.CACHE_MAX


# Events of the system in mailboxes.


def test_events_of_the_system_can_be_delivered_to_an_actor(system: ActorSystem, probe: Probe) -> None:
    stop = deliver_to(system, probe.ref, ActorStarted, ActorExited)
    ref = system.spawn(Puppet)
    ref.stop()
    assert probe.expect(ActorStarted).ref is ref
    assert probe.expect(ActorExited).ref is ref
    stop()
    system.spawn(Puppet)
    probe.expect_nothing()


def test_dead_letters_to_the_listener_itself_are_not_delivered_to_it(system: ActorSystem) -> None:
    hold = Hold()
    full = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(maxsize=1)))
    deliver_to(system, full)
    full.tell(hang(hold))
    hold.wait_reached()
    full.tell("waits")
    other = system.spawn(Puppet)
    other.stop()
    with pytest.raises(ActorDeadError):
        other.tell("nobody")
    hold.release()
    full.stop()
    with pytest.raises(ActorDeadError):
        full.tell("nobody")


def test_delivery_ends_with_the_life(system: ActorSystem) -> None:
    before = len(system.bus._subscriptions)
    ref = system.spawn(Puppet)
    deliver_to(system, ref, ActorStarted)
    assert len(system.bus._subscriptions) == before + 1
    ref.stop()
    system.spawn(Puppet)
    assert len(system.bus._subscriptions) == before
    with pytest.raises(ActorDeadError):
        deliver_to(system, ref, ActorStarted)
    assert len(system.bus._subscriptions) == before
