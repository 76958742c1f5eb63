"""Publish and subscribe among actors: messages get into mailboxes, subscriptions end with lives.

The event bus of a system (`system.bus`) is something else: it calls back on the publisher's thread, for facts about the
runtime. `deliver_to` leads those facts into a mailbox as well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..errors import ActorDeadError, MailboxFull
from ..events import ActorExited, DeadLetter
from ..named_ref import resolved
from .topic_pattern import TopicPattern, check_topic

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem

__all__ = ("STICKY_MAX", "Subscription", "Topics", "deliver_to")

STICKY_MAX: Final = 10_000
"""Last values that are kept at most; then the one that was published longest ago is forgotten."""

CACHE_MAX: Final = 1_024  # pairs of type and topic whose subscribers are known


class Subscription:
    """What one life of an actor wants to hear."""

    __slots__ = ("_topics", "incarnation", "pattern", "ref", "types", "when")

    def __init__(
        self,
        topics: Topics,
        ref: ActorRef,
        types: tuple[type[object], ...],
        pattern: TopicPattern | None,
        when: Callable[[object], bool] | None,
    ) -> None:
        self._topics = topics
        self.ref = ref
        self.incarnation = ref.incarnation
        self.types = types
        self.pattern = pattern
        self.when = when

    def cancel(self) -> bool:
        """Hear nothing any more; what waits in the mailbox stays there. Gives False if it is over already."""
        return self._topics._forget(self)

    def wants(self, kind: type[object], topic: str | None) -> bool:
        """Say whether messages of this class, under this topic, are meant for it; `when` has its say later."""
        if self.types and not issubclass(kind, self.types):
            return False
        return self.pattern is None or (topic is not None and self.pattern.matches(topic))


class Topics:
    """Who wants to hear what. `Topics.of(system)` is one for all; make others to keep things apart.

    Runs in: any thread, never waits for a subscriber; a bounded mailbox with Overflow.BLOCK makes publishers wait.
    Source: Phoenix.PubSub; akka's event streams; MQTT for what is kept.
    """

    def __init__(self, system: ActorSystem) -> None:
        self._system = system
        self._lock = threading.Lock()
        self._in_order = threading.RLock()  # held while last values are sent, so that no older one comes after a newer
        self._subscriptions: dict[Subscription, None] = {}
        self._of_ref: dict[ActorRef, dict[Subscription, None]] = {}
        self._known: dict[tuple[type[object], str | None], tuple[Subscription, ...]] = {}
        self._kept: dict[object, tuple[object, str | None]] = {}  # by topic, or by class for those without
        self._stop_listening = system.bus.subscribe(self._exited, ActorExited)

    @staticmethod
    def of(system: ActorSystem) -> Topics:
        """The one that belongs to the system, closed with it."""
        return system.part(Topics)

    def subscribe(
        self,
        ref: ActorRef,
        *types: type[object],
        topic: str | None = None,
        when: Callable[[object], bool] | None = None,
    ) -> Subscription:
        """Let `ref` hear messages of these classes and their subclasses, of all if none is named, until its life ends.

        With `topic` only those published under one that matches: words between dots, `*` for one word, `**` for any
        number of them. With `when` only those for which it is true; it runs in the publisher's thread. The last values
        that were kept and match come at once. A restarted actor subscribes anew, best in its on_start.
        Errors: ActorDeadError; ValueError for a bad pattern.
        """
        pattern = None if topic is None else TopicPattern(topic)
        ref = resolved(ref)  # of a name, its holder of now
        subscription = Subscription(self, ref, types, pattern, when)
        with self._in_order:
            with self._lock:
                self._subscriptions[subscription] = None
                self._of_ref.setdefault(ref, {})[subscription] = None
                self._known.clear()
                kept = tuple(self._kept.values())
            if not self._current(subscription):  # looked at after it was added: an end after this takes it out
                self._forget(subscription)
                raise ActorDeadError(ref)
            for message, said in kept:
                if subscription.wants(type(message), said):
                    self._send(subscription, message)
        return subscription

    def unsubscribe(self, ref: ActorRef) -> int:
        """Take back all subscriptions of `ref`; gives how many there were."""
        with self._lock:
            found = self._of_ref.pop(resolved(ref), {})
            for subscription in found:
                del self._subscriptions[subscription]
            self._known.clear()
            return len(found)

    def publish(self, message: object, topic: str | None = None, *, sticky: bool = False) -> int:
        """Send it to all who want it; gives how many it was sent to. With `sticky` it is kept for those to come.

        Who is dead or full misses it, with a dead letter; the publisher hears nothing of that.
        Errors: ValueError for a bad topic; what a `when` raises.
        """
        if topic is not None:
            check_topic(topic)
        if not sticky:
            return self._publish(message, topic)
        with self._in_order:
            with self._lock:
                key: object = type(message) if topic is None else topic
                self._kept.pop(key, None)
                self._kept[key] = (message, topic)
                if len(self._kept) > STICKY_MAX:
                    del self._kept[next(iter(self._kept))]
            return self._publish(message, topic)

    def forget(self, key: str | type[object]) -> bool:
        """Keep the last value of this topic, or of this class without a topic, no more."""
        with self._lock:
            return self._kept.pop(key, None) is not None

    def subscribers(self, kind: type[object], topic: str | None = None) -> tuple[ActorRef, ...]:
        """Who hears messages of this class, under this topic."""
        return tuple(dict.fromkeys(subscription.ref for subscription in self._wanting(kind, topic)))

    def close(self) -> None:
        """Forget all; publishing reaches nobody any more."""
        self._stop_listening()
        with self._lock:
            self._subscriptions.clear()
            self._of_ref.clear()
            self._known.clear()
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def _publish(self, message: object, topic: str | None) -> int:
        return sum(self._send(subscription, message) for subscription in self._wanting(type(message), topic))

    def _wanting(self, kind: type[object], topic: str | None) -> tuple[Subscription, ...]:
        found = self._known.get((kind, topic))
        if found is None:
            with self._lock:
                found = tuple(each for each in self._subscriptions if each.wants(kind, topic))
                if len(self._known) >= CACHE_MAX:
                    self._known.clear()
                self._known[kind, topic] = found
        return found

    def _send(self, subscription: Subscription, message: object) -> bool:
        ref = subscription.ref
        if subscription.when is not None and not subscription.when(message):
            return False
        if not self._current(subscription):
            self._forget(subscription)
            return False
        try:
            ref.tell(message)
        except ActorDeadError:
            return False  # it has ended right now; a dead letter has been published
        except MailboxFull as full:
            self._system.bus.publish(DeadLetter(ref, message, str(full)))
            return False
        return True

    def _current(self, subscription: Subscription) -> bool:
        """Say whether the life that subscribed still lives: a later one has subscriptions of its own."""
        return subscription.ref.incarnation == subscription.incarnation and subscription.ref.is_alive()

    def _forget(self, subscription: Subscription) -> bool:
        with self._lock:
            if self._subscriptions.pop(subscription, self) is self:
                return False
            of_ref = self._of_ref[subscription.ref]
            del of_ref[subscription]
            if not of_ref:
                del self._of_ref[subscription.ref]
            self._known.clear()
            return True

    def _exited(self, event: object) -> None:
        if isinstance(event, ActorExited) and event.ref in self._of_ref:
            with self._lock:
                ended = [each for each in self._of_ref.get(event.ref, ()) if each.incarnation <= event.incarnation]
            for subscription in ended:
                self._forget(subscription)


def deliver_to(system: ActorSystem, ref: ActorRef, *types: type[object]) -> Callable[[], None]:
    """Send the events of these types (all, if none is named) from the bus of a system to `ref`, until its life ends.

    Gives the function that ends it before. Events that find the mailbox full are lost: to report a lost report would
    lose more. Errors: ActorDeadError.
    """
    ref = resolved(ref)
    incarnation = ref.incarnation

    def over() -> bool:
        return ref.incarnation != incarnation or not ref.is_alive()

    def deliver(event: object) -> None:
        if over():
            unsubscribe()
        elif not (isinstance(event, DeadLetter) and event.to is ref):  # else a letter of a letter, and so on
            try:
                ref.tell(event)
            except (ActorDeadError, MailboxFull):
                return

    unsubscribe = system.bus.subscribe(deliver, *types)
    if over():
        unsubscribe()
        raise ActorDeadError(ref)
    return unsubscribe
