"""Results of work elsewhere, as messages."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

import pykka
import pytest

from regrow.actors import ActorSystem, DeadLetter, MailboxOptions, SpawnOptions
from regrow.actors.patterns import PipedError, pipe_to
from regrow.actors.testing import Hold, Probe, Puppet, PuppetError, crash, hang


def test_the_answer_to_an_ask_becomes_a_message(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Puppet)
    pipe_to(ref.ask("hello", block=False), probe.ref)
    assert probe.expect(str) == "hello"


def test_an_actor_gets_what_it_asked_for_without_waiting(system: ActorSystem) -> None:
    other, me = system.spawn(Puppet), system.spawn(Puppet)
    hold = Hold()
    me.ask(lambda puppet: pipe_to(other.ask(hang(hold), block=False), puppet.ref))
    hold.wait_reached()
    assert me.ask("not blocked") == "not blocked"
    hold.release()
    other.ask("barrier")
    assert me.ask(lambda puppet: list(puppet.seen)) == ["not blocked", "released"]


def test_an_error_becomes_a_message_too(system: ActorSystem, probe: Probe) -> None:
    ref = system.spawn(Puppet)
    pipe_to(ref.ask(crash(), block=False), probe.ref)
    assert isinstance(probe.expect(PipedError).error, PuppetError)


def test_results_and_errors_can_be_made_into_other_messages(probe: Probe) -> None:
    done: Future[int] = Future()
    done.set_result(20)
    failed: Future[int] = Future()
    failed.set_exception(KeyError("no"))
    pipe_to(done, probe.ref, transform=lambda value: ("result", value + 1))
    assert probe.expect(tuple) == ("result", 21)
    pipe_to(failed, probe.ref, on_error=lambda error: f"failed: {error!r}")
    assert probe.expect(str) == "failed: KeyError('no')"
    pipe_to(done, probe.ref, transform=lambda value: value / 0)
    assert isinstance(probe.expect(PipedError).error, ZeroDivisionError)


def test_the_future_of_an_executor_is_piped_when_it_is_done(probe: Probe) -> None:
    hold = Hold()
    with ThreadPoolExecutor(1) as executor:
        pipe_to(executor.submit(hold), probe.ref)
        hold.wait_reached()
        probe.expect_nothing()
        hold.release()
        assert probe.expect(str) == "released"


def test_a_cancelled_future_is_an_error(probe: Probe) -> None:
    future: Future[int] = Future()
    pipe_to(future, probe.ref)
    future.cancel()
    assert "CancelledError" in repr(probe.expect(PipedError).error)


def test_coroutines_and_tasks_are_piped_from_their_loop(probe: Probe) -> None:
    async def work(value: int) -> int:
        await asyncio.sleep(0)
        return value

    async def fail() -> int:
        await asyncio.sleep(0)
        raise KeyError("no")

    async def run() -> None:
        task = asyncio.create_task(work(1))
        pipe_to(task, probe.ref)
        await task
        pipe_to(work(2), probe.ref)
        pipe_to(fail(), probe.ref)
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}), return_exceptions=True)
        cancelled = asyncio.get_running_loop().create_future()
        pipe_to(cancelled, probe.ref)
        cancelled.cancel()
        await asyncio.sleep(0)

    asyncio.run(run())
    assert probe.expect(int) == 1
    assert probe.expect(int) == 2
    assert isinstance(probe.expect(PipedError).error, KeyError)
    assert isinstance(probe.expect(PipedError).error, asyncio.CancelledError)


def test_a_coroutine_without_a_loop_is_refused(probe: Probe) -> None:
    async def work() -> int:
        return 1

    with pytest.raises(RuntimeError, match="expected a running event loop"):
        pipe_to(work(), probe.ref)


@pytest.mark.parametrize("source", [1, "text", pykka.ThreadingFuture[int]()])
def test_what_never_calls_back_is_refused(source: object, probe: Probe) -> None:
    with pytest.raises(TypeError, match="pipe_to: expected the future of an ask"):
        pipe_to(source, probe.ref)


def test_a_future_that_computes_its_value_when_it_is_asked_for_is_refused(system: ActorSystem, probe: Probe) -> None:
    mapped = system.spawn(Puppet).ask([1], block=False).map(lambda value: value)
    with pytest.raises(TypeError, match="pipe_to: expected"):
        pipe_to(mapped, probe.ref)


def test_a_result_for_the_dead_is_a_dead_letter_and_harms_nobody(system: ActorSystem) -> None:
    letters = system.bus.collect(DeadLetter)
    dead = system.spawn(Puppet)
    dead.stop()
    done: Future[str] = Future()
    pipe_to(done, dead)
    done.set_result("late")
    assert letters.get() == DeadLetter(dead, "late", "not alive")


def test_a_result_for_a_full_mailbox_is_a_dead_letter(system: ActorSystem) -> None:
    letters = system.bus.collect(DeadLetter)
    hold = Hold()
    full = system.spawn(Puppet, options=SpawnOptions(mailbox=MailboxOptions(maxsize=1)))
    full.tell(hang(hold))
    hold.wait_reached()
    full.tell("waits")
    done: Future[str] = Future()
    done.set_result("late")
    pipe_to(done, full)
    letter = letters.get()
    hold.release()
    assert isinstance(letter, DeadLetter)
    assert letter.message == "late"


def test_a_result_may_be_meant_for_one_life_only(system: ActorSystem, probe: Probe) -> None:
    letters = system.bus.collect(DeadLetter)
    ref = system.spawn(Puppet)
    mine: Future[str] = Future()
    theirs: Future[str] = Future()
    pipe_to(mine, ref, this_life_only=True)
    pipe_to(theirs, ref)
    ref.stop()
    start_again(system, ref, probe)
    mine.set_result("for the first life")
    theirs.set_result("for any life")
    assert ref.ask(lambda puppet: list(puppet.seen)) == ["for any life"]
    letter = letters.get()
    assert letter == DeadLetter(ref, "for the first life", "meant for an earlier life")


def start_again(system: ActorSystem, ref: object, probe: Probe) -> None:
    from regrow.actors import ActorRef, ChildSpec, Start, Started

    assert isinstance(ref, ActorRef)
    spec = ChildSpec(id="again", start=Start(Puppet))
    system.begin(spec, parent=probe.ref, ref=ref, on_outcome=probe.outcome)
    probe.expect(Started)
