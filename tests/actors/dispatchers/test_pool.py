"""The pool: fair to all, never held up by who waits, and honest about what it cannot do."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    AskTimeout,
    PoolExhausted,
    SpawnOptions,
)
from regrow.actors.dispatchers.pool import PoolDispatcher
from regrow.actors.testing import Hold, Puppet, hang
from regrow.protocol.exits import KILLED
from tests.actors.dispatchers.waiting import exited, until

WAIT = 10.0


@pytest.fixture
def make() -> Iterator[Callable[..., tuple[ActorSystem, PoolDispatcher]]]:
    made: list[ActorSystem] = []

    def make(**settings: Any) -> tuple[ActorSystem, PoolDispatcher]:
        pool = PoolDispatcher(**settings)
        made.append(ActorSystem("pooled", dispatcher=pool))
        return made[-1], pool

    yield make
    for system in made:
        assert system.shutdown(5.0) == ()


Make = Callable[..., "tuple[ActorSystem, PoolDispatcher]"]


class Noting(Actor):
    """Writes down whose message it handles."""

    def __init__(self, notes: list[object]) -> None:
        self._notes = notes

    def on_receive(self, message: object) -> None:
        if callable(message):
            message(self)
        else:
            self._notes.append(message)


def test_a_flood_to_one_does_not_starve_the_others(make: Make) -> None:
    system, _ = make(threads_max=1)
    notes: list[object] = []
    hold = Hold()
    gate, flooded, other = (system.spawn(Noting, notes) for _ in range(3))
    gate.tell(hold)
    hold.wait_reached()
    for _ in range(1_000):
        flooded.tell("flood")
    other.tell("other")
    hold.release()
    flooded.ask("last", timeout=WAIT)
    assert notes.index("other") == 64
    assert notes.count("flood") == 1_000


def test_the_share_of_each_can_be_chosen(make: Make) -> None:
    system, _ = make(threads_max=1, quantum=3)
    notes: list[object] = []
    hold = Hold()
    gate, one, two = (system.spawn(Noting, notes) for _ in range(3))
    gate.tell(hold)
    hold.wait_reached()
    for _ in range(6):
        one.tell(1)
        two.tell(2)
    hold.release()
    two.ask(2, timeout=WAIT)
    assert notes[:12] == [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]


def on_a_lock() -> tuple[Callable[[object], object], Callable[[], object]]:
    lock = threading.Lock()
    lock.acquire()
    return lambda _: lock.acquire(timeout=WAIT), lock.release


def on_an_event() -> tuple[Callable[[object], object], Callable[[], object]]:
    event = threading.Event()
    return lambda _: event.wait(WAIT), event.set


def on_a_future() -> tuple[Callable[[object], object], Callable[[], object]]:
    future: Future[int] = Future()
    return lambda _: future.result(WAIT), lambda: future.set_result(1)


@pytest.mark.parametrize("wait_for", [on_a_lock, on_an_event, on_a_future])
def test_who_waits_in_a_handler_does_not_hold_up_the_others(
    make: Make, wait_for: Callable[[], tuple[Callable[[object], object], Callable[[], object]]]
) -> None:
    system, pool = make()
    blocked, others = system.spawn(Puppet), [system.spawn(Puppet) for _ in range(20)]
    wait, go_on = wait_for()
    answer = blocked.ask(wait, block=False)
    assert [other.ask(number, timeout=WAIT) for number, other in enumerate(others)] == list(range(20))
    assert not answer.done  # type: ignore[attr-defined]
    go_on()
    answer.get(timeout=WAIT)
    assert 2 <= pool.threads <= 4


def test_as_many_may_wait_as_there_are_threads_but_one(make: Make) -> None:
    system, pool = make(threads_max=4)
    holds = [Hold() for _ in range(3)]
    for hold in holds:
        system.spawn(Puppet, options=SpawnOptions(start_timeout=WAIT)).tell(hang(hold))
        hold.wait_reached()
    assert system.spawn(Puppet, options=SpawnOptions(start_timeout=WAIT)).ask("hello", timeout=WAIT) == "hello"
    for hold in holds:
        hold.release()
    assert pool.threads == 4
    assert pool.refused == 0


def chain(system: ActorSystem, length: int, timeout: float | None) -> ActorRef[Any]:
    """Actors each of which asks the next one; gives the first."""

    class Link(Actor):
        def __init__(self, following: ActorRef[Any] | None) -> None:
            self._following = following

        def on_receive(self, message: object) -> object:
            return message if self._following is None else self._following.ask(message, timeout=timeout)

    first: ActorRef[Any] | None = None
    for _ in range(length):
        first = system.spawn(Link, first, options=SpawnOptions(start_timeout=WAIT))
    assert first is not None
    return first


def test_a_chain_of_asks_as_long_as_there_are_threads_is_answered(make: Make) -> None:
    system, pool = make(threads_max=8)
    assert chain(system, 8, WAIT).ask("hello", timeout=WAIT) == "hello"
    assert pool.refused == 0


def test_a_longer_one_ends_with_a_timeout_and_is_told_once(make: Make) -> None:
    system, pool = make(threads_max=3)
    exhausted = system.bus.collect(PoolExhausted)
    first = chain(system, 6, 0.2)
    with pytest.raises(AskTimeout):
        first.ask("hello", timeout=WAIT)
    assert exhausted.get() == PoolExhausted(3, 1)
    assert len(exhausted) == 0
    assert pool.refused > 0
    assert system.spawn(Puppet).ask("alive", timeout=WAIT) == "alive"


def test_one_whose_threads_all_wait_without_a_time_waits_for_ever_and_shows_who_does(make: Make) -> None:
    system, _ = make(threads_max=2, lends=False)
    exhausted = system.bus.collect(PoolExhausted)
    starved = system.spawn(Puppet)
    waiting = [system.spawn(Puppet) for _ in range(2)]
    begun = threading.Barrier(3)

    def wait(_puppet: Puppet) -> object:
        begun.wait(WAIT)
        return starved.ask("anybody?", timeout=None)

    answers = [ref.ask(wait, block=False) for ref in waiting]
    begun.wait(WAIT)  # both threads are taken before either of them asks
    assert exhausted.get() == PoolExhausted(2, 1)
    stuck = system.stuck(0.05)
    assert {found.ref for found in stuck} == set(waiting)
    assert all("starved.ask" in found.stack and str(found.thread).startswith("regrow-pool-") for found in stuck)
    (node,) = [node for _, node in system.tree().nodes() if node.ref is starved]
    assert node.waiting > 0
    waiting[0].kill()  # which ends its wait, and so frees its thread
    assert answers[1].get(timeout=WAIT) == "anybody?"


def test_it_is_told_again_when_it_happens_again(make: Make) -> None:
    system, _ = make(threads_max=1)
    exhausted = system.bus.collect(PoolExhausted)
    other = system.spawn(Puppet)
    for _ in range(2):
        hold = Hold()
        held = system.spawn(Puppet, options=SpawnOptions(start_timeout=WAIT))
        held.tell(hang(hold))
        hold.wait_reached()
        answer = other.ask("x", block=False)
        assert isinstance(exhausted.get(), PoolExhausted)
        hold.release()
        assert answer.get(timeout=WAIT) == "x"
        held.ask("sync", timeout=WAIT)
        rest(system)


def rest(system: ActorSystem) -> None:
    """Wait until the pool's threads sleep."""
    pool = system.dispatchers.get("pool")
    assert isinstance(pool, PoolDispatcher)
    until(lambda: len(pool._asleep) == pool.threads)


def test_a_lent_chain_needs_no_threads(make: Make) -> None:
    system, pool = make(threads_max=2)
    system.ask_timeout = WAIT
    first = chain(system, 2, None)
    for _ in range(50):
        assert first.ask("hello", timeout=WAIT) == "hello"
    assert pool.refused == 0


def test_threads_that_have_nothing_to_do_end_but_for_the_last(make: Make) -> None:
    system, pool = make(keep_seconds=0.01)
    holds = [Hold() for _ in range(5)]
    for hold in holds:
        system.spawn(Puppet, options=SpawnOptions(start_timeout=WAIT)).tell(hang(hold))
        hold.wait_reached()
    assert pool.threads >= 5
    for hold in holds:
        hold.release()
    until(lambda: pool.threads == 1)
    assert system.spawn(Puppet, options=SpawnOptions(start_timeout=WAIT)).ask("still", timeout=WAIT) == "still"


def test_idle_actors_hold_no_thread(make: Make) -> None:
    system, pool = make()
    refs = [system.spawn(Puppet) for _ in range(500)]
    assert [ref.ask(1, timeout=WAIT) for ref in refs] == [1] * 500
    assert pool.threads <= 2


@pytest.fixture
def often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("name", ["thread", "pool", "asyncio"])
def test_no_message_is_slept_through_however_often_threads_change(name: str) -> None:
    rounds, senders = 300, 3
    with ActorSystem("stress", dispatcher=name) as system:
        got: list[object] = []
        ref = system.spawn(Noting, got, options=SpawnOptions(start_timeout=WAIT))

        def send(sender: int) -> None:
            for number in range(rounds):
                ref.tell((sender, number))
                if number % 10 == 0:  # let it fall asleep
                    ref.ask((sender, -1), timeout=WAIT)

        threads = [threading.Thread(target=send, args=(sender,)) for sender in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT * 3)
        ref.ask("last", timeout=WAIT)
        for sender in range(senders):
            mine = [number for who, number in got[:-1] if who == sender and number >= 0]  # type: ignore[misc,has-type]
            assert mine == list(range(rounds))


def test_one_that_waits_for_its_turn_is_killed_without_having_it(make: Make) -> None:
    system, _ = make(threads_max=1)
    hold, notes = Hold(), list[object]()
    held, queued = system.spawn(Puppet), system.spawn(Noting, notes)
    held.tell(hang(hold))
    hold.wait_reached()
    queued.tell("never")
    answer = queued.ask("nor this", block=False)
    exits = system.bus.collect(ActorExited)
    queued.kill()
    assert exited(exits).reason == KILLED
    with pytest.raises(ActorDeadError):
        answer.get(timeout=WAIT)
    hold.release()
    held.ask("sync", timeout=WAIT)
    assert notes == []


def test_one_that_runs_is_abandoned_and_the_others_go_on(make: Make) -> None:
    system, _ = make(threads_max=2)
    hold = Hold()
    held, other = system.spawn(Puppet), system.spawn(Puppet)
    answer = held.ask(hang(hold), block=False)
    hold.wait_reached()
    held.kill()
    with pytest.raises(ActorDeadError, match="killed"):
        answer.get(timeout=WAIT)
    assert other.ask("alive", timeout=WAIT) == "alive"
    assert system.abandoned.refs() == (held,)
    hold.release()
    until(lambda: system.abandoned.refs() == ())


def test_one_that_waits_for_an_answer_is_let_go_by_a_kill(make: Make) -> None:
    system, pool = make(threads_max=3)
    hold = Hold()
    asked, asker = system.spawn(Puppet), system.spawn(Puppet)
    waiting = asker.ask(lambda _puppet: asked.ask(hang(hold), timeout=WAIT), block=False)
    hold.wait_reached()
    asker.kill()
    with pytest.raises(ActorDeadError, match="killed"):
        waiting.get(timeout=WAIT)
    until(lambda: system.abandoned.refs() == ())
    assert asked.is_alive()
    hold.release()
    assert asked.ask("alive", timeout=WAIT) == "alive"
    assert pool.refused == 0


def test_a_shutdown_comes_to_an_end_while_it_is_busy(make: Make) -> None:
    system, pool = make()
    stop = threading.Event()

    class Endless(Actor):
        def on_receive(self, message: object) -> None:
            if not stop.is_set():
                self.ref.tell(message)

    refs = [system.spawn(Endless) for _ in range(10)]
    for ref in refs:
        ref.tell("on")
    assert system.shutdown(5.0) == ()
    stop.set()
    assert not any(ref.is_alive() for ref in refs)
    assert pool.threads == 0


def test_a_shutdown_names_who_still_runs(make: Make) -> None:
    system, _ = make()
    hold = Hold()
    held = system.spawn(Puppet)
    held.tell(hang(hold))
    hold.wait_reached()
    assert system.shutdown(0.2) == (held,)
    hold.release()
    until(lambda: system.abandoned.refs() == ())


@pytest.mark.parametrize("wrong", [{"threads_max": 0}, {"quantum": 0}, {"keep_seconds": -1.0}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"pool: expected .*{next(iter(wrong))}"):
        PoolDispatcher(**wrong)


def test_a_pool_that_is_closed_while_its_watch_looks_leaves_no_thread(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regrow.actors.dispatchers.pool.LOOK_SECONDS", 0.2)
    monkeypatch.setattr("regrow.actors.dispatchers.pool.QUIET_LOOKS", 1)
    system, pool = make()
    system.spawn(Puppet)  # calls the watch, whose first look lasts as long as the rest of this
    watch = pool._watch
    assert watch is not None
    system.shutdown(5.0)
    assert not watch.is_alive()
