"""The event bus of a system: facts out, nothing back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ("EventBus", "EventQueue", "SubscriberFailed")

COLLECT_MAX: Final = 10_000  # events a collector keeps by default; then the oldest is lost and counted


@dataclass(frozen=True, slots=True)
class SubscriberFailed:
    """A subscriber raised. Published once a subscriber; it stays subscribed."""

    subscriber: Callable[[object], None]
    event: object
    error: BaseException


class EventQueue:
    """Keeps the last `maxlen` events; `lost` counts those that had to go. Iterating it drains nothing."""

    def __init__(self, maxlen: int) -> None:
        self._condition = threading.Condition()
        self._events: deque[object] = deque()
        self._maxlen = maxlen
        self.lost = 0
        self.unsubscribe: Callable[[], None] = lambda: None  # set when subscribed

    def __call__(self, event: object) -> None:
        """Keep an event: the subscriber that the bus calls."""
        with self._condition:
            if len(self._events) >= self._maxlen:
                self._events.popleft()
                self.lost += 1
            self._events.append(event)
            self._condition.notify_all()

    def __len__(self) -> int:
        return len(self._events)

    def snapshot(self) -> tuple[object, ...]:
        """All that is kept now, oldest first."""
        with self._condition:
            return tuple(self._events)

    def drain(self) -> tuple[object, ...]:
        """Take all that is kept."""
        with self._condition:
            events = tuple(self._events)
            self._events.clear()
            return events

    def get(self, timeout: float = 5.0) -> object:
        """Take the oldest; wait for one up to `timeout` seconds. Errors: TimeoutError."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._events, timeout):
                raise TimeoutError(f"event queue: expected an event within {timeout} s, got none")
            return self._events.popleft()


class _Subscription:
    __slots__ = ("callback", "failed", "types")

    def __init__(self, callback: Callable[[object], None], types: tuple[type[object], ...]) -> None:
        self.callback = callback
        self.types = types
        self.failed = False


class EventBus:
    """Calls subscribers at once, on the publisher's thread: they must be quick and must not wait for an actor."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: tuple[_Subscription, ...] = ()  # replaced, never changed: publishing takes no lock
        self._wanted: dict[type[object], bool] = {}  # by kind of event; a fresh one with every change above

    def subscribe(self, callback: Callable[[object], None], *types: type[object]) -> Callable[[], None]:
        """Hear of events of these types (all, if none is named). Gives the function that ends it."""
        subscription = _Subscription(callback, types)
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)
            self._wanted = {}

        def unsubscribe() -> None:
            with self._lock:
                self._subscriptions = tuple(kept for kept in self._subscriptions if kept is not subscription)
                self._wanted = {}

        return unsubscribe

    def wants(self, kind: type[object]) -> bool:
        """Say whether anybody hears of events of this type; for those who make very many, and need not."""
        known = self._wanted
        wanted = known.get(kind)
        if wanted is None:
            wanted = known[kind] = any(
                not subscription.types or issubclass(kind, subscription.types) for subscription in self._subscriptions
            )
        return wanted

    def publish(self, event: object) -> None:
        """Tell every subscriber. Runs in: any thread. Never raises what a subscriber raised."""
        for subscription in self._subscriptions:
            if subscription.types and not isinstance(event, subscription.types):
                continue
            try:
                subscription.callback(event)
            except KeyboardInterrupt:
                raise  # in the main thread that is the user's, and not the subscriber's
            except BaseException as error:  # noqa: BLE001 - a subscriber is not the publisher's concern
                if not subscription.failed:
                    subscription.failed = True
                    self.publish(SubscriberFailed(subscription.callback, event, error))

    def collect(self, *types: type[object], maxlen: int = COLLECT_MAX) -> EventQueue:
        """Keep events of these types in a bounded queue that counts its losses."""
        queue = EventQueue(maxlen)
        queue.unsubscribe = self.subscribe(queue, *types)
        return queue
