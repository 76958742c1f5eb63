"""Programs written for pykka: what they do with refs, proxies, futures and the registry goes on working."""

from __future__ import annotations

from collections.abc import Iterator

import pykka
import pytest

from regrow.actors import Actor, ActorDeadError, default_system


class Counter(Actor):
    def __init__(self, count: int = 0) -> None:
        super().__init__()
        self.count = count
        self._in_future = self.actor_ref.proxy()

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def add_later(self, number: int) -> None:
        self._in_future.add.defer(number)

    def on_receive(self, message: object) -> object:
        return message


@pytest.fixture(autouse=True)
def default_system_is_shut_down() -> Iterator[None]:
    yield
    assert default_system().shutdown() == ()


def test_proxies_call_read_write_and_defer() -> None:
    counter = Counter.start(count=1).proxy()
    assert counter.add(2).get(timeout=5) == 3
    counter.count = 10
    assert counter.count.get(timeout=5) == 10
    counter.add_later(5).get(timeout=5)
    assert counter.add(0).get(timeout=5) == 15
    assert pykka.get_all([counter.add(1), counter.add(1)], timeout=5) == [16, 17]


def test_futures_map_join_filter_and_reduce() -> None:
    ref = Counter.start()
    numbers = ref.ask([1, 2, 3], block=False)
    assert numbers.filter(lambda number: number > 1).get(timeout=5) == [2, 3]
    assert numbers.map(len).get(timeout=5) == 3
    assert numbers.reduce(lambda one, other: one + other).get(timeout=5) == 6
    assert numbers.join(ref.ask("x", block=False)).get(timeout=5) == [[1, 2, 3], "x"]


def test_isinstance_and_errors_are_pykkas() -> None:
    ref = Counter.start()
    assert isinstance(ref, pykka.ActorRef)
    proxy = ref.proxy()
    assert isinstance(proxy, pykka.ActorProxy)
    assert proxy == ref.proxy()
    assert proxy != "something else"
    assert len({proxy, ref.proxy()}) == 1
    assert ref.stop() is True
    assert ref.stop() is False
    assert ref.actor_stopped.is_set()
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("x")
    with pytest.raises(ActorDeadError, match="not found"):
        ref.proxy()


def test_the_default_systems_actors_are_in_pykkas_registry() -> None:
    ref = Counter.start()
    assert pykka.ActorRegistry.get_by_urn(ref.actor_urn) is ref
    assert pykka.ActorRegistry.get_by_class(Counter) == [ref]
    assert pykka.ActorRegistry.stop_all(timeout=5) == [True]
    assert pykka.ActorRegistry.get_all() == []


def test_stop_comes_after_what_waits() -> None:
    ref = Counter.start()
    answers = [ref.ask(number, block=False) for number in range(10)]
    ref.stop()
    assert pykka.get_all(answers, timeout=5) == list(range(10))
