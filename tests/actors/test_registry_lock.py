"""What a registry keeps beside its entries: values of its own, and locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorRef,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    Deadlocked,
    Registry,
)
from regrow.actors.clock import monotonic
from regrow.actors.testing import Puppet

WAIT = 5.0


@pytest.fixture
def rooms(system: ActorSystem) -> Registry[str, int]:
    return Registry(system, "rooms")


def taking(rooms: Registry[str, int], function: Callable[[], object], key: str = "k") -> Callable[[Puppet], object]:
    return lambda _: rooms.lock(key, function)


def waits(ref: ActorRef[Any]) -> None:
    ticking = threading.Event()
    for _ in range(5_000):
        if getattr(ref.cell, "waiting_at", None) is not None:
            return
        ticking.wait(0.001)
    raise AssertionError("expected it to wait within 5 seconds")


class Entered:
    """A function that stays until it is let go, and says that it is there."""

    def __init__(self) -> None:
        self.there, self.go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.there.set()
        assert self.go.wait(WAIT)
        return "done"


# Values of its own.


def test_values_of_the_registry_are_kept_replaced_and_forgotten(rooms: Registry[str, int]) -> None:
    assert rooms.meta("limit") is None
    assert rooms.meta("limit", 3) == 3
    rooms.put_meta("limit", 5)
    rooms.put_meta("limit", 6)
    rooms.put_meta(("any", "key"), None)
    assert (rooms.meta("limit"), rooms.meta(("any", "key"), "default")) == (6, None)
    assert rooms.delete_meta("limit")
    assert not rooms.delete_meta("limit")
    assert len(rooms) == 0


def test_a_registry_that_was_closed_keeps_and_locks_nothing(rooms: Registry[str, int]) -> None:
    rooms.put_meta("limit", 5)
    rooms.close()
    assert rooms.meta("limit") is None
    for use in (lambda: rooms.put_meta("limit", 5), lambda: rooms.lock("k", lambda: None)):
        with pytest.raises(ValueError, match="expected an open registry"):
            use()


# Locks.


def test_a_lock_gives_what_the_function_gives_and_is_free_when_it_raises(rooms: Registry[str, int]) -> None:
    assert rooms.lock("k", lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        rooms.lock("k", lambda: 1 // 0)
    assert rooms.lock("k", lambda: rooms.lock("another", lambda: 8)) == 8


def test_its_keys_are_not_those_of_entries(system: ActorSystem, rooms: Registry[str, int]) -> None:
    holder = system.spawn(Puppet)
    rooms.register("k", 1, ref=holder)

    def renew() -> int:
        old = rooms.values("k", ref=holder)[0]
        rooms.unregister("k", ref=holder)
        rooms.register("k", old + 1, ref=holder)
        return old

    assert rooms.lock("k", renew) == 1
    assert rooms.values("k", ref=holder) == (2,)


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_one_function_at_a_time_runs_under_a_key_first_come_first_served(
    system: ActorSystem, rooms: Registry[str, int]
) -> None:
    order: list[int] = []
    entered = Entered()
    first = system.spawn(Puppet).ask(taking(rooms, entered), block=False)
    assert entered.there.wait(WAIT)
    answers = []
    for number in range(5):
        ref = system.spawn(Puppet)
        answers.append(ref.ask(taking(rooms, lambda number=number: order.append(number)), block=False))  # type: ignore[misc]
        waits(ref)
    assert rooms.lock("another", lambda: "free") == "free"
    assert order == []
    entered.go.set()
    assert first.get(timeout=WAIT) == "done"
    for answer in answers:
        answer.get(timeout=WAIT)
    assert order == [0, 1, 2, 3, 4]


def test_threads_that_are_no_actors_take_turns_too(rooms: Registry[str, int]) -> None:
    count = 0

    def add() -> None:
        nonlocal count
        before = count
        threading.Event().wait(0.0)
        count = before + 1

    threads = [
        threading.Thread(target=lambda: [rooms.lock("k", add, timeout=WAIT) for _ in range(200)]) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == 800


@pytest.mark.dispatchers("thread", "pool")
def test_a_wait_with_a_time_ends_by_it_and_leaves_nothing(system: ActorSystem, rooms: Registry[str, int]) -> None:
    entered = Entered()
    held = system.spawn(Puppet).ask(taking(rooms, entered), block=False)
    assert entered.there.wait(WAIT)
    with pytest.raises(AskTimeout, match="lock 'k' of registry 'rooms'"):
        rooms.lock("k", lambda: None, timeout=0.01)
    entered.go.set()
    held.get(timeout=WAIT)
    assert rooms.lock("k", lambda: "free", timeout=WAIT) == "free"


@pytest.mark.dispatchers("thread", "pool")
def test_the_lock_of_one_who_was_killed_is_free(system: ActorSystem, rooms: Registry[str, int]) -> None:
    entered = Entered()
    holder = system.spawn(Puppet)
    held = holder.ask(taking(rooms, entered), block=False)
    assert entered.there.wait(WAIT)
    waiting = system.spawn(Puppet)
    answer = waiting.ask(taking(rooms, lambda: "mine"), block=False)
    waits(waiting)
    holder.kill()
    assert answer.get(timeout=WAIT) == "mine"
    second = Entered()
    other = system.spawn(Puppet).ask(taking(rooms, second), block=False)
    assert second.there.wait(WAIT)
    entered.go.set()  # the function of the dead one ends: the lock is not his to give
    with pytest.raises(ActorDeadError):
        held.get(timeout=WAIT)
    with pytest.raises(AskTimeout):
        rooms.lock("k", lambda: None, timeout=0.05)
    second.go.set()
    other.get(timeout=WAIT)


@pytest.mark.dispatchers("thread", "pool")
def test_one_who_is_killed_while_he_waits_is_passed_over(system: ActorSystem, rooms: Registry[str, int]) -> None:
    entered = Entered()
    held = system.spawn(Puppet).ask(taking(rooms, entered), block=False)
    assert entered.there.wait(WAIT)
    ran: list[str] = []
    waiting = system.spawn(Puppet)
    waiting.tell(taking(rooms, lambda: ran.append("killed")))
    waits(waiting)
    waiting.kill()
    entered.go.set()
    held.get(timeout=WAIT)
    assert rooms.lock("k", lambda: "free", timeout=WAIT) == "free"
    assert ran == []


def test_who_has_a_lock_and_wants_it_again_is_told_at_once(system: ActorSystem, rooms: Registry[str, int]) -> None:
    def again() -> object:
        with pytest.raises(CallingSelf):
            rooms.lock("k", lambda: None)
        return "told"

    assert rooms.lock("k", again) == "told"
    assert system.spawn(Puppet).ask(taking(rooms, again), timeout=WAIT) == "told"
    assert rooms.lock("k", lambda: "free", timeout=WAIT) == "free"


@pytest.mark.dispatchers("thread", "pool")
def test_a_circle_through_a_lock_is_found(system: ActorSystem, rooms: Registry[str, int]) -> None:
    events = system.bus.collect(Deadlocked)
    holder, other = system.spawn(Puppet), system.spawn(Puppet)

    errors: list[CallingSelf] = []

    def caught(call: Callable[[], object]) -> None:
        try:
            call()
        except CallingSelf as error:  # whoever was the last of the two to wait
            errors.append(error)

    def want(_puppet: Puppet) -> None:
        caught(lambda: rooms.lock("k", lambda: None))

    begun = monotonic()
    holder.ask(taking(rooms, lambda: caught(lambda: other.ask(want, timeout=20.0))), timeout=WAIT)
    assert monotonic() - begun < 1.0
    assert len(errors[0].circle) == 2
    assert isinstance(events.get(timeout=WAIT), Deadlocked)


def test_an_async_function_is_refused(rooms: Registry[str, int]) -> None:
    async def later() -> None:
        pass

    with pytest.raises(TypeError, match="over when it returns"):
        rooms.lock("k", later)
