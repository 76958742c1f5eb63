"""The ten holes of stock pykka's threads, one by one, closed for our actors and for those with pykka's rules.

1  an ask whose handler raises SystemExit hangs for ever
2  an asker that answers its own future makes a zombie of the actor
3  an error in on_start is only logged; start() returns as if all was well
4  an ask that comes between the end and the emptying of the mailbox is never answered
5  tells that wait behind a crash vanish
6  a broadcast fails in the sender when one actor is dying, and tells nobody after it
7  an actor that asks itself, or in a circle, hangs for ever
8  to await a future blocks the event loop
9  a proxy keeps the dead actor and its state in memory
10 every end looks through the whole registry
"""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
import weakref
from typing import Any, TypeAlias

import pykka
import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    DeadLetter,
    Down,
    default_system,
)
from regrow.actors.clock import monotonic
from regrow.actors.compat import ActorRegistry, PykkaActor
from regrow.actors.pykka_seam import enter_registry, leave_registry
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash, hang
from regrow.protocol.exits import Crash

WAIT = 5.0


class Old(PykkaActor):
    """As a puppet, with pykka's rules."""

    base_exception_stops_all = False

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[object] = []

    def on_receive(self, message: Any) -> Any:
        return message(self) if callable(message) else message


class OldAsEver(Old):
    base_exception_stops_all = True


Kind: TypeAlias = "type[Puppet | Old]"
both = pytest.mark.parametrize("kind", [Puppet, Old])


@both
@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_hole_1_an_asker_is_answered_when_the_handler_raises_system_exit_and_nobody_else_ends(
    system: ActorSystem, kind: Kind, error: BaseException
) -> None:
    bystander = system.spawn(kind)
    ref: ActorRef = system.spawn(kind)
    with pytest.raises(ActorDeadError) as caught:
        ref.ask(crash(error), timeout=5)
    assert isinstance(caught.value.reason, Crash)
    assert caught.value.reason.type == type(error).__name__
    assert bystander.ask("alive") == "alive"


def test_hole_1_the_asker_is_answered_also_when_all_actors_are_stopped_for_it(system: ActorSystem) -> None:
    bystander, ref = system.spawn(OldAsEver), system.spawn(OldAsEver)
    with pytest.raises(ActorDeadError):
        ref.ask(crash(SystemExit(1)), timeout=WAIT)
    assert bystander.actor_stopped.wait(WAIT)


@both
def test_hole_2_a_caller_that_answers_its_own_ask_makes_no_zombie(system: ActorSystem, kind: Kind) -> None:
    ref: ActorRef = system.spawn(kind)
    hold = Hold()
    future = ref.ask(hang(hold), block=False)
    future.set("my own")
    hold.release()
    assert ref.ask("next", timeout=5) == "next"
    assert future.get() == "my own"
    with pytest.raises(queue.Full):
        future.set("again")


def test_hole_3_an_error_in_on_start_reaches_the_starter_and_on_failure_runs(system: ActorSystem) -> None:
    script = Script(on_start=crash(ValueError("start")))
    with pytest.raises(ValueError, match="start"):
        system.spawn(Puppet, script)
    assert script.hooks() == ("on_start", "on_failure")


def test_hole_3_with_pykkas_rules_too_if_start_is_to_wait() -> None:
    class Waiting(PykkaActor):
        start_waits = True

        def on_start(self) -> None:
            raise ValueError("start")

    with pytest.raises(ValueError, match="start"):
        Waiting.start()
    assert default_system().shutdown() == ()


def test_hole_3_a_monitor_hears_of_a_failed_start_that_nobody_waits_for() -> None:
    hold = Hold()

    class Failing(PykkaActor):
        def on_start(self) -> None:
            hold()
            raise ValueError("start")

    probe = Probe(default_system())
    probe.monitor(Failing.start())
    hold.release()
    assert str(probe.expect(Down).reason) == "crash: ValueError: start"
    assert default_system().shutdown() == ()


@both
@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
def test_hole_4_an_ask_that_races_the_end_is_always_answered(system: ActorSystem, kind: Kind, end: str) -> None:
    for _ in range(30):
        ref: ActorRef = system.spawn(kind)
        barrier = threading.Barrier(2)

        def ask(ref: ActorRef = ref, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            for _ in range(20):
                try:
                    ref.ask("x", timeout=5)
                except ActorDeadError:
                    return

        thread = threading.Thread(target=ask)
        thread.start()
        barrier.wait()
        if end == "stop":
            ref.stop()
        elif end == "kill":
            ref.kill()
        else:
            ref.tell(crash())
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
@both
def test_hole_5_tells_behind_a_crash_are_dead_letters_and_asks_are_answered(system: ActorSystem, kind: Kind) -> None:
    ref: ActorRef = system.spawn(kind)
    hold = Hold()
    letters = system.bus.collect(DeadLetter)

    def command(puppet: Puppet) -> None:
        hold(puppet)
        raise ValueError("first")

    ref.tell(command)
    hold.wait_reached()
    for number in range(5):
        ref.tell(number)
    ask = ref.ask("ask", block=False)
    hold.release()
    with pytest.raises(ActorDeadError) as caught:
        ask.get(timeout=5)
    assert isinstance(caught.value.reason, Crash)
    assert caught.value.reason.text == "first"
    assert [event.message for event in (letters.get() for _ in range(5))] == [0, 1, 2, 3, 4]  # type: ignore[attr-defined]


def test_hole_6_a_dead_ref_fails_in_the_one_call_that_uses_it(system: ActorSystem, probe: Probe) -> None:
    alive, dead = system.spawn(Puppet), system.spawn(Puppet)
    dead.stop()
    with pytest.raises(pykka.ActorDeadError):
        dead.tell("x")
    assert alive.ask("x") == "x"


def test_hole_6_a_broadcast_while_an_actor_is_dying_reaches_all_others() -> None:
    hold = Hold()
    told: list[object] = []

    class Listener(PykkaActor):
        def on_receive(self, message: Any) -> Any:
            told.append(message)

    dying = default_system().spawn(Puppet, Script(on_stop=hold))
    listener = Listener.start()
    dying.shutdown()
    hold.wait_reached()
    assert dying in ActorRegistry.get_all()
    with pytest.raises(pykka.ActorDeadError):
        pykka.ActorRegistry.broadcast("never comes to the listener")
    ActorRegistry.broadcast("hello")
    listener.ask("sync", timeout=WAIT)
    hold.release()
    assert told == ["hello", "sync"]
    assert default_system().shutdown() == ()


@both
def test_hole_7_an_actor_that_asks_itself_is_told(system: ActorSystem, kind: Kind) -> None:
    ref: ActorRef = system.spawn(kind)
    with pytest.raises(CallingSelf, match="asks itself"):
        ref.ask(lambda actor: actor.actor_ref.ask("self"), timeout=5)


@both
def test_hole_7_by_way_of_a_proxy_too(system: ActorSystem, kind: Kind) -> None:
    ref: ActorRef = system.spawn(kind)
    with pytest.raises(CallingSelf):
        ref.ask(lambda actor: actor.actor_ref.proxy().seen.get(), timeout=5)


@both
def test_hole_7_stopping_oneself_and_waiting_for_it_is_told(system: ActorSystem, kind: Kind) -> None:
    ref: ActorRef = system.spawn(kind)
    with pytest.raises(CallingSelf):
        ref.ask(lambda actor: actor.actor_ref.stop(), timeout=5)


@both
def test_hole_7_a_circle_of_asks_is_told(system: ActorSystem, kind: Kind) -> None:
    one: ActorRef = system.spawn(kind)
    other: ActorRef = system.spawn(kind)

    def ask_back(_actor: object) -> object:
        return one.ask("back")

    with pytest.raises(CallingSelf, match="circle"):
        one.ask(lambda _puppet: other.ask(ask_back), timeout=5)


def test_hole_7_a_deferred_answer_is_no_circle(system: ActorSystem) -> None:
    one, other = system.spawn(Puppet), system.spawn(Puppet)
    helper_done = threading.Event()

    def defer_and_ask_back(puppet: Puppet) -> None:
        handle = puppet.defer_reply()

        def help_out() -> None:
            handle.set("helped")
            helper_done.set()

        threading.Timer(0, help_out).start()
        one.ask("back")

    assert one.ask(lambda _puppet: other.ask(defer_and_ask_back), timeout=5) == "helped"
    helper_done.wait(5)


@both
def test_hole_8_awaiting_an_ask_leaves_the_event_loop_free(system: ActorSystem, kind: Kind) -> None:
    ref: ActorRef = system.spawn(kind)
    hold = Hold()

    async def main() -> tuple[object, int]:
        task = asyncio.ensure_future(_await(ref.ask(hang(hold), block=False)))
        ticks = 0
        while ticks < 5:
            await asyncio.sleep(0)
            ticks += 1
        hold.release()
        return await task, ticks

    async def _await(future: pykka.Future[object]) -> object:
        return await future

    assert asyncio.run(main()) == ("released", 5)


def test_hole_8_awaiting_gives_errors_and_finished_answers_too(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)

    async def main() -> None:
        assert await ref.ask("x", block=False) == "x"
        done = ref.ask("y", block=False)
        done.get()
        assert await done == "y"
        with pytest.raises(ValueError, match="async"):
            await ref.ask(crash(ValueError("async")), block=False)
        assert await ref.ask("dead", block=False).map(str) is None

    with pytest.raises(ActorDeadError):
        asyncio.run(main())


@pytest.mark.parametrize("above", [Actor, PykkaActor])
def test_hole_9_a_proxy_does_not_pin_the_dead(system: ActorSystem, probe: Probe, above: type[Actor]) -> None:
    class Heavy(above):  # type: ignore[misc, valid-type]
        def weak(self) -> object:
            return weakref.ref(self)

    ref = system.spawn(Heavy)
    proxy = ref.proxy()
    weak = proxy.weak().get(timeout=5)
    probe.monitor(ref)
    ref.stop()
    probe.expect(Down)
    system.dispatchers.close(monotonic() + 0.2)
    gc.collect()
    assert weak() is None
    with pytest.raises(ActorDeadError):
        proxy.weak().get(timeout=5)


def test_hole_10_our_actors_are_not_in_pykkas_registry(system: ActorSystem) -> None:
    before = list(pykka.ActorRegistry.get_all())
    system.spawn(Puppet)
    assert list(pykka.ActorRegistry.get_all()) == before


def test_hole_10_to_leave_the_registry_looks_at_nobody_else() -> None:
    looked_at: list[object] = []

    class Ref(pykka.ActorRef[Any]):
        actor_class = PykkaActor

        def __init__(self, number: int) -> None:
            self.actor_urn = str(number)

        def __eq__(self, other: object) -> bool:
            looked_at.append(other)
            return self is other

        __hash__ = object.__hash__

    refs = [Ref(number) for number in range(100)]
    before = pykka.ActorRegistry.get_all()
    try:
        for ref in refs:
            enter_registry(ref)
            enter_registry(ref)
        assert pykka.ActorRegistry.get_all() == [*before, *refs]
        looked_at.clear()
    finally:
        for ref in reversed(refs):
            leave_registry(ref)
            leave_registry(ref)
    assert looked_at == []
    assert pykka.ActorRegistry.get_all() == before


def test_an_ask_can_time_out_in_pykkas_words_and_ours(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    hold = Hold()
    future = ref.ask(hang(hold), block=False)
    with pytest.raises(AskTimeout):
        future.get(timeout=0)
    with pytest.raises(pykka.Timeout):
        ref.ask("x", timeout=0)
    hold.release()
