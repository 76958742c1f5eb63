"""A circuit breaker around real calls: guards, functions, coroutines, asks, and what is published."""

from __future__ import annotations

import asyncio
import threading

import pytest

from regrow.actors import ActorSystem, AskTimeout
from regrow.actors.patterns import (
    BreakerSettings,
    CircuitBreaker,
    CircuitClosed,
    CircuitHalfOpened,
    CircuitOpen,
    CircuitOpened,
    CircuitState,
)
from regrow.actors.testing import Hold, ManualClock, Puppet, hang, refuse
from regrow.protocol import SHUTDOWN

SETTINGS = BreakerSettings(max_failures=2, call_timeout=1.0, reset_timeout=10.0)


@pytest.fixture
def breaker(system: ActorSystem) -> CircuitBreaker:
    return CircuitBreaker(system, "db", SETTINGS)


def fail() -> None:
    raise ConnectionError("no")


def look_up() -> str:
    found: dict[str, str] = {}
    return found["missing"]


def trip(breaker: CircuitBreaker) -> None:
    for _ in range(breaker.settings.max_failures):
        with pytest.raises(ConnectionError):
            breaker.call(fail)


def test_it_opens_after_failures_and_refuses_at_once(breaker: CircuitBreaker, clock: ManualClock) -> None:
    trip(breaker)
    clock.advance(4)
    with pytest.raises(CircuitOpen, match="circuit 'db' is open: no call before 6 s have passed") as caught:
        breaker.call(fail)
    assert (caught.value.name, caught.value.retry_after) == ("db", 6.0)


def test_it_tries_after_its_time_and_closes_with_a_success(breaker: CircuitBreaker, clock: ManualClock) -> None:
    trip(breaker)
    clock.advance(10)
    assert breaker.call(max, 1, 2) == 2
    assert breaker.state is CircuitState.CLOSED


def test_what_happens_is_published(system: ActorSystem, breaker: CircuitBreaker, clock: ManualClock) -> None:
    events = system.bus.collect(CircuitOpened, CircuitHalfOpened, CircuitClosed)
    trip(breaker)
    clock.advance(10)
    with pytest.raises(ConnectionError):
        breaker.call(fail)
    clock.advance(20)
    breaker.call(int)
    assert events.drain() == (
        CircuitOpened("db", 10.0),
        CircuitHalfOpened("db"),
        CircuitOpened("db", 20.0),
        CircuitHalfOpened("db"),
        CircuitClosed("db"),
    )


def test_a_guard_is_one_call(breaker: CircuitBreaker) -> None:
    for _ in range(2):
        with pytest.raises(ConnectionError), breaker.guard():
            fail()
    with pytest.raises(CircuitOpen), breaker.guard():
        raise AssertionError("nobody gets here")
    breaker.reset()
    guard = breaker.guard()
    with guard:
        pass
    with pytest.raises(RuntimeError, match="expected a new one"), guard:
        raise AssertionError("nobody gets here")


def test_errors_that_do_not_count_are_answers(system: ActorSystem) -> None:
    breaker = CircuitBreaker(system, "db", SETTINGS, counts=lambda error: not isinstance(error, KeyError))
    for _ in range(5):
        with pytest.raises(KeyError):
            breaker.call(look_up)
    assert breaker.state is CircuitState.CLOSED
    with pytest.raises(ConnectionError):
        breaker.call(fail)
    with pytest.raises(KeyError):
        breaker.call(look_up)
    with pytest.raises(ConnectionError):
        breaker.call(fail)
    assert breaker.state is CircuitState.CLOSED


def test_a_slow_success_counts_as_a_failure(breaker: CircuitBreaker, clock: ManualClock) -> None:
    for _ in range(2):
        with breaker.guard():
            clock.advance(1.5)
    assert breaker.state is CircuitState.OPEN


def test_an_actor_that_ends_in_a_guard_says_nothing(system: ActorSystem, breaker: CircuitBreaker) -> None:
    def end(puppet: Puppet) -> None:
        with breaker.guard():
            puppet.exit(SHUTDOWN)

    for _ in range(3):
        ref = system.spawn(Puppet)
        ref.tell(end)
        ref.stop()
    assert breaker.state is CircuitState.CLOSED


def test_asks_go_through_it_with_its_timeout(system: ActorSystem) -> None:
    breaker = CircuitBreaker(system, "db", BreakerSettings(max_failures=2, call_timeout=0.05))
    ref = system.spawn(Puppet)
    assert breaker.ask(ref, 1) == 1
    with pytest.raises(KeyError):
        breaker.ask(ref, refuse(KeyError("no")))
    hold = Hold()
    with pytest.raises(AskTimeout):
        breaker.ask(ref, hang(hold))
    with pytest.raises(CircuitOpen):
        breaker.ask(ref, 1)
    hold.release()


def test_coroutines_go_through_it_with_its_timeout(system: ActorSystem) -> None:
    breaker = CircuitBreaker(system, "db", BreakerSettings(max_failures=2, call_timeout=0.05))
    ref = system.spawn(Puppet)
    hold = Hold()

    async def double(value: int) -> int:
        return 2 * value

    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    async def run() -> None:
        assert await breaker.call_async(double, 2) == 4
        assert await breaker.ask_async(ref, "hello") == "hello"
        with pytest.raises(TimeoutError):
            await breaker.ask_async(ref, hang(hold))
        with pytest.raises(TimeoutError):
            await breaker.call_async(never)
        with pytest.raises(CircuitOpen):
            await breaker.call_async(double, 2)

    asyncio.run(run())
    hold.release()


def test_a_cancelled_coroutine_says_nothing(system: ActorSystem) -> None:
    breaker = CircuitBreaker(system, "db", BreakerSettings(max_failures=1))

    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    async def run() -> None:
        task = asyncio.create_task(breaker.call_async(never))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert breaker.state is CircuitState.CLOSED


def test_only_one_of_many_threads_tries(breaker: CircuitBreaker, clock: ManualClock) -> None:
    trip(breaker)
    clock.advance(10)
    hold = Hold()
    trial = threading.Thread(target=breaker.call, args=(hold,))
    trial.start()
    hold.wait_reached()
    for _ in range(5):
        with pytest.raises(CircuitOpen):
            breaker.call(fail)
    hold.release()
    trial.join(5.0)
    assert breaker.state is CircuitState.CLOSED


def test_it_counts(breaker: CircuitBreaker, clock: ManualClock) -> None:
    breaker.call(int)
    trip(breaker)
    with pytest.raises(CircuitOpen):
        breaker.call(fail)
    seen = breaker.statistics()
    assert (seen.state, seen.succeeded, seen.failed, seen.refused, seen.opened) == (CircuitState.OPEN, 1, 2, 1, 1)
    assert seen.retry_after == 10.0
    breaker.reset()
    assert breaker.statistics().state is CircuitState.CLOSED
    assert breaker.call(int) == 0
