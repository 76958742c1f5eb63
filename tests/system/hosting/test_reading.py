"""Many who wait read the same link in turns: each gets its answers, and nothing is lost or overtaken."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hosted_actors import Order
from hosting_bench import WAIT, Bench, settle

from regrow.actors import Actor
from regrow.actors.events import DeadLetter
from regrow.actors.hosting import HostedRef
from regrow.actors.mailbox_options import MailboxOptions, Overflow
from regrow.actors.options import SpawnOptions
from regrow.protocol.codec import encode
from regrow.protocol.limits import WINDOW_MESSAGES

pytestmark = pytest.mark.system

ASKERS = 6
TIMES = 100


class Asker(Actor):
    """Asks, from a thread of a pool or its own, as actors do."""

    def on_receive(self, message: tuple[HostedRef, object]) -> object:  # type: ignore[override]
        ref, order = message
        return ref.ask(order, timeout=WAIT)


def test_each_of_many_threads_gets_its_answers_and_what_they_tell_keeps_its_order(bench: Bench) -> None:
    ref = bench.start()
    inbox_ref, inbox = bench.mailbox()

    def work(number: int) -> list[object]:
        answers = []
        for count in range(TIMES):
            ref.tell(Order("tell", (inbox_ref, (number, count))))
            answers.append(ref.ask(Order("echo", [number, count]), timeout=WAIT))
        return answers

    with ThreadPoolExecutor(ASKERS) as threads:
        for number, answers in enumerate(threads.map(work, range(ASKERS))):
            assert answers == [[number, count] for count in range(TIMES)]
    seen: dict[int, list[int]] = {number: [] for number in range(ASKERS)}
    for _ in range(ASKERS * TIMES):
        match inbox.get(timeout=WAIT):
            case (int(number), int(count)):
                seen[number].append(count)
    assert seen == {number: list(range(TIMES)) for number in range(ASKERS)}


def test_what_is_told_before_an_answer_is_there_before_it(bench: Bench) -> None:
    ref = bench.start()

    class Told(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.last: object = None

        def on_receive(self, message: object) -> object:
            if message == "last":
                return self.last
            self.last = message
            return None

    told = bench.system.spawn(Told)

    def work() -> None:
        for count in range(TIMES):
            ref.tell(Order("tell", (told, count)))
            ref.ask(Order("echo", count), timeout=WAIT)
            assert told.ask("last", timeout=WAIT) == count

    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


def test_who_asks_is_told_of_the_death_though_he_reads_himself(bench: Bench) -> None:
    for _ in range(5):
        ref = bench.start()
        asked = threading.Event()

        def work(ref: HostedRef = ref, asked: threading.Event = asked) -> str:
            try:
                while True:
                    ref.ask(Order("echo", b"x" * 1000), timeout=WAIT)
                    asked.set()
            except Exception as error:
                return type(error).__name__

        with ThreadPoolExecutor(ASKERS) as threads:
            working = [threads.submit(work) for _ in range(ASKERS)]
            assert asked.wait(WAIT)
            ref.kill()
            assert {each.result(timeout=WAIT) for each in working} == {"ActorDeadError"}


def test_actors_of_a_pool_that_ask_read_as_well(bench: Bench) -> None:
    ref = bench.start()
    askers = [bench.system.spawn(Asker) for _ in range(ASKERS)]
    futures = [asker.ask((ref, Order("echo", number)), block=False) for number, asker in enumerate(askers)]
    assert [future.get(timeout=WAIT) for future in futures] == list(range(ASKERS))
    settle(lambda: ref.load() == 0)


class Stuck(Actor):
    """Is in a message until it is let go."""

    def __init__(self, entered: threading.Event, gate: threading.Event, seen: list[object]) -> None:
        super().__init__()
        self.entered = entered
        self.gate = gate
        self.seen = seen

    def on_receive(self, message: object) -> None:
        self.entered.set()
        self.gate.wait(WAIT)
        self.seen.append(message)


def test_a_full_mailbox_that_lets_its_senders_wait_does_not_keep_the_other_processes_waiting(bench: Bench) -> None:
    """Who reads for all of them may not be kept waiting by one; what is told from there gets in beyond the bound."""
    entered, gate = threading.Event(), threading.Event()
    seen: list[object] = []
    full = MailboxOptions(maxsize=1, overflow=Overflow.BLOCK, block_timeout=WAIT)
    stuck = bench.system.spawn(Stuck, entered, gate, seen, options=SpawnOptions(mailbox=full))
    teller, other = bench.start(), bench.start()
    dead = bench.system.bus.collect(DeadLetter)
    told = 1 + 1 + WINDOW_MESSAGES  # the one in hand, the one that there is room for, and those beyond the bound
    for number in range(told + 2):
        teller.ask(Order("tell", (stuck, number)), timeout=WAIT)
        assert entered.wait(WAIT)
    assert other.ask(Order("echo", "here"), timeout=WAIT) == "here"
    assert [dead.get(timeout=WAIT).message for _ in range(2)] == [encode(told), encode(told + 1)]
    gate.set()
    settle(lambda: len(seen) == told)
    assert seen == list(range(told))
