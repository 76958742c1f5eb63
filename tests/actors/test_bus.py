"""The event bus."""

from __future__ import annotations

import pytest

from regrow.actors import EventBus, SubscriberFailed


def test_subscribers_hear_the_types_they_asked_for_until_they_unsubscribe() -> None:
    bus = EventBus()
    numbers: list[object] = []
    everything: list[object] = []
    unsubscribe = bus.subscribe(numbers.append, int, float)
    bus.subscribe(everything.append)
    for event in (1, "two", 3.0):
        bus.publish(event)
    unsubscribe()
    unsubscribe()
    bus.publish(4)
    assert (numbers, everything) == ([1, 3.0], [1, "two", 3.0, 4])


def test_a_subscriber_that_raises_is_reported_once_and_stays() -> None:
    bus = EventBus()
    calls: list[object] = []

    def broken(event: object) -> None:
        calls.append(event)
        raise ValueError(event)

    bus.subscribe(broken, int)
    failures = bus.collect(SubscriberFailed)
    bus.publish(1)
    bus.publish(2)
    assert calls == [1, 2]
    (failure,) = failures.drain()
    assert isinstance(failure, SubscriberFailed)
    assert (failure.subscriber, failure.event, str(failure.error)) == (broken, 1, "1")


@pytest.mark.parametrize("error", [SystemExit(3), GeneratorExit()])
def test_whatever_a_subscriber_raises_the_others_hear(error: BaseException) -> None:
    bus = EventBus()

    def broken(_event: object) -> None:
        raise error

    bus.subscribe(broken, int)
    events = bus.collect(int)
    bus.publish(1)
    assert events.drain() == (1,)


def test_a_subscriber_that_fails_on_failures_ends_nothing() -> None:
    bus = EventBus()

    def broken(_event: object) -> None:
        raise ValueError("always")

    bus.subscribe(broken)
    bus.publish(1)


def test_a_collector_keeps_the_last_and_counts_its_losses() -> None:
    bus = EventBus()
    events = bus.collect(int, maxlen=2)
    for number in range(5):
        bus.publish(number)
    assert (events.snapshot(), events.lost, len(events)) == ((3, 4), 3, 2)
    assert events.get() == 3
    assert events.drain() == (4,)
    events.unsubscribe()
    bus.publish(6)
    with pytest.raises(TimeoutError):
        events.get(timeout=0)
