"""Circles of waits that run through answers that were put off, and through starts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorRef,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    ChildSpec,
    Deadlocked,
    SpawnOptions,
    Start,
    Started,
    StartFailed,
    StartOutcome,
)
from regrow.actors.handshake import StartHandle
from regrow.actors.replies import ReplyHandle
from regrow.actors.testing import Puppet, Script

WAIT = 5.0
SHORT = 0.05

pytestmark = pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread


class Keeper(Actor):
    """Puts off its answers, and says later what they wait for; it is ready only when it is told so."""

    def __init__(self) -> None:
        self.owed: list[ReplyHandle] = []

    def on_start(self) -> None:
        self.starting: StartHandle = self.defer_start()

    def on_receive(self, message: object) -> object:
        if callable(message):
            return message(self)
        self.owed.append(self.defer_reply())
        return None


class Birth:
    """A puppet that is begun and not waited for."""

    def __init__(self, system: ActorSystem, on_start: Callable[[Puppet], object] | None = None) -> None:
        self._settled = threading.Event()
        self._outcome: StartOutcome | None = None
        spec = ChildSpec(id="born", start=Script(on_start=on_start).start)
        self.ref: ActorRef[Any] = system.begin(spec, parent=None, ref=None, on_outcome=self._take)

    def _take(self, outcome: StartOutcome) -> None:
        self._outcome = outcome
        self._settled.set()

    def outcome(self) -> StartOutcome:
        assert self._settled.wait(WAIT)
        assert self._outcome is not None
        return self._outcome


def keeper(system: ActorSystem) -> ActorRef[Any]:
    ref: ActorRef[Any] = system.begin(
        ChildSpec(id="keeper", start=Start(Keeper)),
        parent=None,
        ref=None,
        on_outcome=lambda _: None,
    )
    ref.ask(lambda _: None, timeout=WAIT)
    return ref


def waits_for(ref: ActorRef[Any], whom: ActorRef[Any]) -> object:
    """Have `ref` ask, and wait until it waits."""
    answer = ref.ask(lambda _: whom.ask("later", timeout=WAIT), block=False)
    until(lambda: whom.ask(lambda keeper: len(keeper.owed), timeout=WAIT) == 1)
    until(lambda: waiting(ref))
    return answer


def waiting(ref: ActorRef[Any]) -> bool:
    return getattr(ref.cell, "waiting_for", None) is not None


def asks(whom: ActorRef[Any], timeout: float = WAIT) -> Callable[[Puppet], object]:
    return lambda _: whom.ask("are you there?", timeout=timeout)


def error_of(command: Callable[[Puppet], object]) -> Callable[[Puppet], object]:
    def caught(puppet: Puppet) -> object:
        try:
            return command(puppet)
        except (AskTimeout, CallingSelf) as error:
            return error

    return caught


def until(true: Callable[[], bool]) -> None:
    ticking = threading.Event()
    for _ in range(5_000):
        if true():
            return
        ticking.wait(0.001)
    raise AssertionError("expected it within 5 seconds")


def test_who_starts_asks_one_that_waits_for_his_start(system: ActorSystem) -> None:
    asking, keeps = system.spawn(Puppet), keeper(system)
    events = system.bus.collect(Deadlocked)
    answer: Any = waits_for(asking, keeps)
    go = threading.Event()
    born = Birth(system, lambda puppet: go.wait(WAIT) and asks(asking)(puppet))
    keeps.ask(lambda keeper: keeper.owed[0].until_started(born.ref), timeout=WAIT)
    go.set()
    outcome = born.outcome()
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, CallingSelf)
    assert outcome.error.circle == (str(asking), str(keeps), str(born.ref))
    event = events.get(timeout=WAIT)
    assert isinstance(event, Deadlocked)
    assert event.cycle == outcome.error.circle
    keeps.ask(lambda keeper: keeper.owed[0].set("never mind"), timeout=WAIT)
    assert answer.get(timeout=WAIT) == "never mind"


@pytest.mark.parametrize("deep", [False, True])
def test_it_is_found_too_when_the_start_is_said_last(system: ActorSystem, deep: bool) -> None:
    asking, keeps = system.spawn(Puppet), keeper(system)
    events = system.bus.collect(Deadlocked)
    answer: Any = waits_for(asking, keeps)
    born = Birth(system, asks(asking))
    until(lambda: waiting(born.ref))
    begun = born.ref
    if deep:  # the start of somebody whose start waits for that of the one who asks
        begun = keeper(system)
        begun.ask(lambda keeper: keeper.starting.until(born.ref), timeout=WAIT)
    keeps.ask(lambda keeper: keeper.owed[0].until_started(begun), timeout=WAIT)
    outcome = born.outcome()
    assert isinstance(outcome, StartFailed)
    assert isinstance(outcome.error, CallingSelf)
    assert outcome.error.circle == tuple(map(str, (asking, keeps, *((begun,) if deep else ()), born.ref)))
    assert isinstance(events.get(timeout=WAIT), Deadlocked)
    keeps.ask(lambda keeper: keeper.owed[0].set(), timeout=WAIT)
    answer.get(timeout=WAIT)
    if deep:
        begun.ask(lambda keeper: keeper.starting.ready(), timeout=WAIT)


def test_one_that_is_ready_may_ask_whoever_has_waited_for_that(system: ActorSystem) -> None:
    asking, keeps = system.spawn(Puppet), keeper(system)
    answer: Any = waits_for(asking, keeps)
    born = Birth(system)
    assert isinstance(born.outcome(), Started)
    keeps.ask(lambda keeper: keeper.owed[0].until_started(born.ref), timeout=WAIT)
    with pytest.raises(AskTimeout):
        born.ref.ask(asks(asking, SHORT), timeout=WAIT)
    keeps.ask(lambda keeper: keeper.owed[0].set(), timeout=WAIT)
    answer.get(timeout=WAIT)


def test_an_end_that_is_waited_for_is_no_circle_with_those_that_it_does_not_wait_for(system: ActorSystem) -> None:
    asking, keeps, ending = system.spawn(Puppet), keeper(system), system.spawn(Puppet)
    linked = system.spawn(Puppet, options=SpawnOptions(link=ending))
    answer: Any = waits_for(asking, keeps)
    keeps.ask(lambda keeper: keeper.owed[0].until(ending), timeout=WAIT)
    assert isinstance(linked.ask(error_of(asks(asking, SHORT)), timeout=WAIT), AskTimeout)
    assert isinstance(ending.ask(error_of(asks(asking)), timeout=WAIT), CallingSelf)
    keeps.ask(lambda keeper: keeper.owed[0].set(), timeout=WAIT)
    answer.get(timeout=WAIT)


@pytest.mark.dispatchers("thread", "pool", "asyncio")
def test_who_was_started_may_ask_who_has_started_him_as_soon_as_he_is_ready(system: ActorSystem) -> None:
    answers: list[object] = []
    answered = threading.Semaphore(0)

    class Child(Actor):
        def __init__(self, asked: ActorRef[Any]) -> None:
            self._asked = asked

        def on_start(self) -> None:
            self.ref.tell("go on")

        def on_receive(self, _message: object) -> None:
            answers.append(self._asked.ask("are you there?"))
            answered.release()

    asked = system.spawn(Puppet)
    for _ in range(20):
        asked.ask(lambda puppet: puppet.system.spawn(Child, puppet.ref) and None, timeout=WAIT)
        assert answered.acquire(timeout=WAIT)
    assert answers == ["are you there?"] * 20
