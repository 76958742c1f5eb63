"""Whoever asks an idle actor of the pool runs it on his own thread; if it is quick, and if he has all the time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from regrow.actors import Actor, ActorDeadError, ActorExited, ActorRef, ActorSystem, CallingSelf, SpawnOptions
from regrow.actors.dispatchers.pool import DEPTH_MAX, PoolDispatcher
from regrow.actors.pace import QUICK_SECONDS
from regrow.actors.testing import Hold
from regrow.protocol.exits import KILLED
from tests.actors.dispatchers.waiting import exited, until

WAIT = 5.0


class Answering(Actor):
    """Does what it is told, else says which thread it is on."""

    def on_receive(self, message: object) -> object:
        return message(self) if callable(message) else threading.current_thread().name


@pytest.fixture
def pooled() -> Iterator[ActorSystem]:
    system = ActorSystem("lending", dispatcher="pool")
    yield system
    assert system.shutdown(WAIT) == ()


def trusted(system: ActorSystem, kind: type[Answering]) -> ActorRef[Answering]:
    """An actor of a class that is known to be quick, asleep."""
    ref = system.spawn(kind)
    for _ in range(100):
        ref.ask("warm up", timeout=WAIT)
    until(lambda: ref.ask("where") == here())
    return ref


def here() -> str:
    return threading.current_thread().name


def fresh() -> type[Answering]:
    """A class that nothing is known of yet."""

    class Fresh(Answering):
        pass

    return Fresh


def test_an_actor_of_a_quick_class_runs_on_the_thread_of_who_asks_it(pooled: ActorSystem) -> None:
    ref = trusted(pooled, fresh())
    assert [ref.ask("where") for _ in range(10)] == [here()] * 10


def test_one_with_a_time_of_its_own_never_lends_its_thread(pooled: ActorSystem) -> None:
    ref = trusted(pooled, fresh())
    assert {str(ref.ask("where", timeout=WAIT))[:12] for _ in range(10)} == {"regrow-pool-"}


def test_nor_does_anybody_in_a_system_whose_pool_does_not_lend() -> None:
    with ActorSystem("keeps", dispatcher=PoolDispatcher(lends=False)) as system:
        ref = system.spawn(Answering)
        assert {str(ref.ask("where"))[:12] for _ in range(30)} == {"regrow-pool-"}


def test_a_class_whose_turns_are_slow_is_trusted_no_more(pooled: ActorSystem) -> None:
    kind = fresh()
    ref, other = trusted(pooled, kind), trusted(pooled, kind)
    for _ in range(2):  # the first one may be the machine's fault
        ref.ask(lambda _: threading.Event().wait(QUICK_SECONDS * 5))
    assert str(ref.ask("where")).startswith("regrow-pool-")
    assert str(other.ask("where")).startswith("regrow-pool-")


def test_the_order_of_messages_stays_when_who_asks_has_told_before(pooled: ActorSystem) -> None:
    ref, got = trusted(pooled, fresh()), list[int]()
    for number in range(200):
        ref.tell(lambda _, number=number: got.append(number))  # type: ignore[misc]
        if number % 7 == 0:
            ref.ask("in between")
    ref.ask("last")
    assert got == list(range(200))


def test_turns_inside_each_other_are_limited_and_the_answer_comes_all_the_same(pooled: ActorSystem) -> None:
    class Link(Answering):
        def __init__(self, following: ActorRef[Link] | None = None) -> None:
            self._following = following

        def on_receive(self, message: object) -> object:
            names = [] if self._following is None else self._following.ask(message)
            assert isinstance(names, list)
            return [here(), *names]

    first: ActorRef[Link] | None = None
    for _ in range(DEPTH_MAX * 3):
        first = pooled.spawn(Link, first)
    assert first is not None
    ref = first

    def ask() -> list[str]:
        names = ref.ask("where", timeout=None)
        assert isinstance(names, list)
        return names

    until(lambda: ask()[0] == here())
    names = ask()
    assert len(names) == DEPTH_MAX * 3
    assert names.count(here()) <= DEPTH_MAX
    assert max(names.count(name) for name in set(names)) <= DEPTH_MAX + 1
    assert len(set(names)) >= 3


def test_a_circle_is_found(pooled: ActorSystem) -> None:
    kind = fresh()
    one, two = trusted(pooled, kind), trusted(pooled, kind)
    with pytest.raises(CallingSelf):
        one.ask(lambda _: two.ask(lambda _: one.ask("back")))
    with pytest.raises(CallingSelf):
        trusted(pooled, kind).ask(lambda actor: actor.ref.ask("itself"))


def test_a_circle_over_a_thread_of_its_own_is_found_too(pooled: ActorSystem) -> None:
    pinned = pooled.spawn(Answering, options=SpawnOptions(dispatcher="thread"))
    ref = trusted(pooled, fresh())
    with pytest.raises(CallingSelf):
        ref.ask(lambda _: pinned.ask(lambda _: ref.ask("back")))


def test_who_is_killed_while_its_asked_runs_on_its_thread_goes_on_no_more(pooled: ActorSystem) -> None:
    kind = fresh()
    asker, asked, went_on = trusted(pooled, kind), trusted(pooled, kind), list[str]()
    hold = Hold()

    def ask(_actor: Actor) -> None:
        asked.ask(hold)
        went_on.append("after")

    exits = pooled.bus.collect(ActorExited)
    answer = asker.ask(ask, block=False)
    hold.wait_reached()
    asker.kill()
    event = exited(exits)
    assert (event.ref, event.reason) == (asker, KILLED)
    hold.release()
    with pytest.raises(ActorDeadError, match="killed"):
        answer.get(timeout=WAIT)
    until(lambda: pooled.abandoned.refs() == ())
    assert went_on == []
    assert asked.is_alive()


def test_who_asked_one_that_is_killed_meanwhile_is_told_when_its_thread_is_its_own_again(pooled: ActorSystem) -> None:
    asked = trusted(pooled, fresh())
    hold, caught = Hold(), list[BaseException]()

    def ask() -> None:
        try:
            asked.ask(hold)
        except ActorDeadError as error:
            caught.append(error)

    asker = threading.Thread(target=ask)
    asker.start()
    hold.wait_reached()
    asked.kill()
    assert not asked.is_alive()
    hold.release()
    asker.join(WAIT)
    assert "killed" in str(caught[0])
    until(lambda: pooled.abandoned.refs() == ())


def test_what_a_lent_handler_raises_ends_it_and_reaches_who_asked(pooled: ActorSystem) -> None:
    ref, exits = trusted(pooled, fresh()), pooled.bus.collect(ActorExited)

    def fail(_actor: Actor) -> None:
        raise ValueError("told to")

    with pytest.raises(ValueError, match="told to"):
        ref.ask(fail)
    assert str(exited(exits).reason) == "crash: ValueError: told to"


def test_an_interrupt_that_comes_meanwhile_is_the_main_threads_and_ends_the_actor_too(pooled: ActorSystem) -> None:
    ref, exits = trusted(pooled, fresh()), pooled.bus.collect(ActorExited)
    with pytest.raises(KeyboardInterrupt):
        ref.ask(lambda _: signal.raise_signal(signal.SIGINT))
    assert exited(exits).reason.__class__.__name__ == "Crash"
    assert not ref.is_alive()
    other = trusted(pooled, fresh())
    assert other.ask("where") == here()  # nothing of it is left behind


def test_a_start_runs_on_the_thread_of_who_waits_for_it_once_its_class_is_known(pooled: ActorSystem) -> None:
    class Born(Answering):
        def on_start(self) -> None:
            born_on.append(here())

    born_on: list[str] = []
    until(lambda: pooled.spawn(Born).ask("warm") is not None and born_on[-1] == here())
    pooled.spawn(Born, options=SpawnOptions(start_timeout=WAIT))
    assert born_on[-1].startswith("regrow-pool-")


def test_who_lends_is_who_it_was_afterwards(pooled: ActorSystem) -> None:
    kind = fresh()
    asker, asked = trusted(pooled, kind), trusted(pooled, kind)

    def ask(actor: Actor) -> object:
        asked.ask("where")
        return pooled.spawn(kind, options=SpawnOptions(link=actor.ref)).is_alive()

    assert asker.ask(ask) is True


class Returning(Answering):
    """Asks back, but only after it has answered."""

    def __init__(self) -> None:
        self.asked_back = threading.Event()

    def on_receive(self, message: object) -> object:
        if isinstance(message, ActorRef):
            self.ref.tell(lambda actor: actor.ask_back(message))
            return "first"
        return super().on_receive(message)

    def ask_back(self, whom: ActorRef[Answering]) -> None:
        whom.ask("are you there?", timeout=WAIT)
        self.asked_back.set()


def test_who_has_his_answer_goes_on_before_anything_else_is_handled_on_his_thread(pooled: ActorSystem) -> None:
    ref, asking = trusted(pooled, Returning), pooled.spawn(Answering)
    asked_back = ref.ask(lambda actor: actor.asked_back)
    for _ in range(20):
        assert asking.ask(lambda actor: ref.ask(actor.ref), timeout=WAIT) == "first"
        assert asked_back.wait(WAIT)
        asked_back.clear()


def test_who_has_begun_another_goes_on_before_that_one_handles_anything(pooled: ActorSystem) -> None:
    class Beginning(Returning):
        def __init__(self, whom: ActorRef[Answering], asked_back: threading.Event) -> None:
            self._whom = whom
            self.asked_back = asked_back

        def on_start(self) -> None:
            self.ref.tell(lambda actor: actor.ask_back(self._whom))
            self.continue_with(lambda actor: actor.ask_back(self._whom))

    asking = pooled.spawn(Answering)
    for _ in range(20):
        asked_back = threading.Event()
        asking.ask(lambda actor: actor.system.spawn(Beginning, actor.ref, asked_back) and None, timeout=WAIT)  # noqa: B023
        assert asked_back.wait(WAIT)


def test_messages_ahead_of_the_asked_one_are_handled_on_the_way_to_it(pooled: ActorSystem) -> None:
    ref, got = trusted(pooled, fresh()), list[int]()
    for number in range(10):
        ref.tell(lambda _, number=number: got.append(number))  # type: ignore[misc]
    assert ref.ask("last", block=False).get()
    assert got == list(range(10))
