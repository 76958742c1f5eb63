"""The pace of hosted processes: who sends learns when there is no room, and may wait until there is."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import threading
from pathlib import Path

import pytest
from crowded_actors import Crowded, Eager, Patient
from hosting_bench import WAIT, Bench, stop_process

from regrow.actors import ActorDeadError, ActorRef, Limits, MailboxHigh, MailboxLow, StartOutcome
from regrow.actors.hosting import HostedRef
from regrow.protocol.errors import LocalProtocolError
from regrow.protocol.limits import WINDOW_MESSAGES


class Gate:
    """A FIFO at which a handler waits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    def open(self) -> None:
        """Let one go on who has come, or will."""
        self.path.write_bytes(b"go")


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


def fill(ref: ActorRef) -> int:
    count = 0
    while ref.try_tell(count):
        count += 1
        assert count <= 100_000
    return count


def crowded(bench: Bench, gate: Gate) -> HostedRef:
    """One whose handler waits at the gate."""
    ref = bench.start(target=Crowded)
    ref.tell(gate.path)
    return ref


def test_nobody_who_asks_first_sends_more_than_the_window_to_one_that_is_slow(bench: Bench, gate: Gate) -> None:
    ref = crowded(bench, gate)
    # The first may be in hand or still wait.
    assert WINDOW_MESSAGES - 1 <= fill(ref) <= WINDOW_MESSAGES + WINDOW_MESSAGES // 2
    high = bench.events.wait(MailboxHigh)
    assert high.ref is ref
    assert high.waiting >= WINDOW_MESSAGES
    told = ref.tell("one more, as nobody is kept from it")
    assert not told.wait(0.0)
    gate.open()
    assert told.wait(WAIT)
    low = bench.events.wait(MailboxLow)
    assert low.ref is ref
    assert low.waiting <= WINDOW_MESSAGES // 2
    assert ref.try_tell("again")
    assert ref.ask("the last", timeout=WAIT) == "the last"


def test_what_is_awaited_goes_at_the_pace_of_the_receiver(bench: Bench, gate: Gate) -> None:
    ref = bench.start(target=Crowded)

    async def send() -> int:
        most = 0
        for number in range(20 * WINDOW_MESSAGES):
            await ref.tell(number)
            most = max(most, ref.load())
        return most

    assert asyncio.run(asyncio.wait_for(send(), WAIT)) <= 2 * WINDOW_MESSAGES
    assert ref.ask("done", timeout=WAIT) == "done"


def test_the_death_of_a_crowded_process_lets_go_who_waits_for_it(bench: Bench, gate: Gate) -> None:
    ref = crowded(bench, gate)
    fill(ref)
    told = ref.tell("x")
    waited: queue.SimpleQueue[bool] = queue.SimpleQueue()
    waiter = threading.Thread(target=lambda: waited.put(told.wait(WAIT)))
    waiter.start()
    ref.kill()
    assert waited.get(timeout=WAIT)
    waiter.join()
    with pytest.raises(ActorDeadError):
        ref.try_tell("x")


def test_a_flood_that_nobody_waits_for_arrives_whole(bench: Bench, gate: Gate) -> None:
    ref = crowded(bench, gate)
    for number in range(20_000):
        ref.tell(number)
    gate.open()
    assert ref.ask("the last", timeout=WAIT) == "the last"


def test_large_messages_fill_the_window_by_their_bytes(bench: Bench, gate: Gate) -> None:
    ref = crowded(bench, gate)
    count = 0
    while ref.try_tell(bytes(300_000)):
        count += 1
        assert count < 100
    assert count <= 8
    gate.open()
    assert ref.tell("x").wait(WAIT)


def test_the_window_can_be_changed_while_it_runs(bench: Bench, gate: Gate) -> None:
    ref = bench.start(target=Crowded)
    ref.resize_window(2_000, 10_000_000)
    ref.tell(gate.path)
    assert 1_999 <= fill(ref) <= 3_000
    gate.open()
    assert ref.tell("x").wait(WAIT)
    ref.resize_window(4, 1_000)
    assert ref.ask("x", timeout=WAIT) == "x"
    with pytest.raises(LocalProtocolError, match=r"window\.messages: expected 1 to"):
        ref.resize_window(0, 1)


def test_a_hosted_process_learns_that_an_actor_at_home_does_not_keep_up(bench: Bench) -> None:
    eager = bench.start(target=Eager)
    busy, inbox = bench.mailbox()
    free = threading.Event()
    busy.tell(lambda _actor: free.wait(WAIT))
    count = eager.ask(busy, timeout=WAIT)
    assert WINDOW_MESSAGES <= count <= WINDOW_MESSAGES + WINDOW_MESSAGES // 2
    free.set()
    assert [inbox.get(timeout=WAIT) for _ in range(count)] == list(range(count))


def test_a_coroutine_of_a_hosted_process_keeps_the_pace_of_an_actor_at_home(bench: Bench) -> None:
    patient = bench.start(target=Patient)
    busy, inbox = bench.mailbox()
    assert patient.ask((busy, 5_000), timeout=WAIT) == 5_000
    assert [inbox.get(timeout=WAIT) for _ in range(5_000)] == list(range(5_000))


def test_one_that_stands_still_takes_no_more_than_the_window(bench: Bench) -> None:
    ref = bench.start(target=Crowded)
    assert ref.ask("ready", timeout=WAIT) == "ready"
    assert ref.pid is not None
    stop_process(ref.pid)
    assert fill(ref) <= 2 * WINDOW_MESSAGES
    os.kill(ref.pid, signal.SIGCONT)
    assert ref.tell("x").wait(WAIT)


def test_numbers_that_make_no_window_are_refused_before_the_process_can_hear(bench: Bench) -> None:
    outcomes: queue.SimpleQueue[StartOutcome] = queue.SimpleQueue()
    ref = bench.system.begin(bench.spec(), parent=None, ref=None, on_outcome=outcomes.put)
    assert isinstance(ref, HostedRef)
    with pytest.raises(LocalProtocolError, match=r"window\.messages"):
        ref.resize_window(0, 1)
    outcomes.get(timeout=WAIT)


def test_a_limit_says_how_large_the_window_is_in_every_life(bench: Bench) -> None:
    ref = bench.start(target=Crowded, limits=Limits(window_messages=8))
    for _ in range(2):
        assert ref.ask("ready", timeout=WAIT) == "ready"
        stop_process(ref.pid)
        assert fill(ref) <= 2 * 8
        ref.kill()
        ref = bench.start(target=Crowded, limits=Limits(window_messages=8))
