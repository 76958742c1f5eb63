"""The holes of stock pykka's threads, one by one, and that they are closed here."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
import weakref

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
)
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash, hang
from regrow.protocol.exits import Crash


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_hole_1_an_asker_is_answered_when_the_handler_raises_system_exit_and_nobody_else_ends(
    system: ActorSystem, error: BaseException
) -> None:
    bystander = system.spawn(Puppet)
    ref = system.spawn(Puppet)
    with pytest.raises(ActorDeadError) as caught:
        ref.ask(crash(error), timeout=5)
    assert isinstance(caught.value.reason, Crash)
    assert caught.value.reason.type == type(error).__name__
    assert bystander.ask("alive") == "alive"


def test_hole_2_a_caller_that_answers_its_own_ask_makes_no_zombie(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
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


@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
def test_hole_4_an_ask_that_races_the_end_is_always_answered(system: ActorSystem, end: str) -> None:
    for _ in range(30):
        ref = system.spawn(Puppet)
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
            ref.ask(crash(), block=False)
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.dispatchers("thread", "pool")  # its handlers hold up their thread
def test_hole_5_tells_behind_a_crash_are_dead_letters_and_asks_are_answered(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
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


def test_hole_7_an_actor_that_asks_itself_is_told(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    with pytest.raises(CallingSelf, match="asks itself"):
        ref.ask(lambda puppet: puppet.ref.ask("self"), timeout=5)


def test_hole_7_by_way_of_a_proxy_too(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    with pytest.raises(CallingSelf):
        ref.ask(lambda puppet: puppet.ref.proxy().seen.get(), timeout=5)


def test_hole_7_stopping_oneself_and_waiting_for_it_is_told(system: ActorSystem) -> None:
    with pytest.raises(CallingSelf):
        system.spawn(Puppet).ask(lambda puppet: puppet.ref.stop(), timeout=5)


def test_hole_7_a_circle_of_asks_is_told(system: ActorSystem) -> None:
    one, other = system.spawn(Puppet), system.spawn(Puppet)

    def ask_back(_puppet: Puppet) -> object:
        return one.ask("back")

    with pytest.raises(CallingSelf, match="circle"):
        one.ask(lambda _puppet: other.ask(ask_back), timeout=5)


def test_hole_7_a_deferred_answer_is_no_circle(system: ActorSystem) -> None:
    one, other = system.spawn(Puppet), system.spawn(Puppet)
    helper_done = threading.Event()

    def defer_and_ask_back(puppet: Puppet) -> None:
        handle = puppet.defer_reply()
        threading.Timer(0, lambda: (handle.set("helped"), helper_done.set())).start()
        one.ask("back")

    assert one.ask(lambda _puppet: other.ask(defer_and_ask_back), timeout=5) == "helped"
    helper_done.wait(5)


def test_hole_8_awaiting_an_ask_leaves_the_event_loop_free(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
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


def test_hole_9_a_proxy_does_not_pin_the_dead(system: ActorSystem, probe: Probe) -> None:
    class Heavy(Actor):
        def weak(self) -> object:
            return weakref.ref(self)

    ref = system.spawn(Heavy)
    proxy = ref.proxy()
    weak = proxy.weak().get(timeout=5)
    probe.monitor(ref)
    ref.stop()
    probe.expect(Down)
    system.dispatchers.close(system_deadline())
    gc.collect()
    assert weak() is None
    with pytest.raises(ActorDeadError):
        proxy.weak().get(timeout=5)


def system_deadline() -> float:
    from regrow.actors.clock import monotonic

    return monotonic() + 0.2


def test_hole_10_our_actors_are_not_in_pykkas_registry(system: ActorSystem) -> None:
    before = list(pykka.ActorRegistry.get_all())
    system.spawn(Puppet)
    assert list(pykka.ActorRegistry.get_all()) == before


def test_an_ask_can_time_out_in_pykkas_words_and_ours(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    hold = Hold()
    future = ref.ask(hang(hold), block=False)
    with pytest.raises(AskTimeout):
        future.get(timeout=0)
    with pytest.raises(pykka.Timeout):
        ref.ask("x", timeout=0)
    hold.release()
