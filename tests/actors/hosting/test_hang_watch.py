"""The watcher: what it does with what judges say, and a time of its own that leaves out its delays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from regrow.actors import Limits
from regrow.actors.hosting.black_box import DUMP_BYTES, PAGE_BYTES, BlackBox, BlackBoxState, BlackBoxWriter, create_page
from regrow.actors.hosting.events import HangEnded, HangRecovered, HangSuspected, StacksDumped
from regrow.actors.hosting.hang_watch import HUNG_DUMP_SECONDS, HangWatch, LifeWatch, WatchedProcess
from regrow.actors.hosting.hosted_ref import HostedRef
from regrow.actors.hosting.kernel_facts import look_closely
from regrow.actors.hosting.verdicts import Verdict
from regrow.actors.testing import ManualClock
from regrow.protocol.exits import Hang

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")


class Process:
    """A process that does nothing, and a page that says of it what the test likes. It is not really killed."""

    def __init__(self, clock: ManualClock, limits: Limits, pid: int) -> None:
        self.clock = clock
        self.fd = create_page(3)
        self.writer, self.reader = BlackBoxWriter(self.fd), BlackBox(self.fd)
        self.events: list[object] = []
        self.done: list[str] = []
        self.dump = b""  # what it writes when it is asked for its stacks
        self.timers: dict[str, object] = {}
        os.lseek(self.fd, PAGE_BYTES, os.SEEK_SET)
        self.writer.begin(1)
        self.writer.state(BlackBoxState.READY)
        self.ref = cast("HostedRef", "ref")
        self.watch = LifeWatch(
            WatchedProcess(
                ref=self.ref,
                incarnation=3,
                limits=limits,
                black_box=self.reader,
                publish=self.events.append,
                clock=clock,
                pid=lambda: pid,
                signal=self.signal,
                kill=lambda: self.done.append("kill"),
                arm=self.arm,
            )
        )

    def signal(self, signo: int) -> None:
        self.done.append(signal.Signals(signo).name)
        os.write(self.fd, self.dump)

    def arm(self, name: str, when: float, action: Callable[[], None]) -> None:
        self.timers[name] = self.clock.call_at(when, action)

    def close(self) -> None:
        self.writer.close()
        self.reader.close()
        os.close(self.fd)

    def of(self, kind: type[object]) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def clock() -> Iterator[ManualClock]:
    made = ManualClock()
    yield made
    made.close()


@pytest.fixture
def made(clock: ManualClock) -> Iterator[Callable[[Limits], Process]]:
    processes: list[Process] = []
    sleeper = subprocess.Popen(["sleep", "60"])
    pause = threading.Event()
    before = None
    while before is None or look_closely(sleeper.pid, ()) != before:  # until it really sleeps
        before = look_closely(sleeper.pid, ())
        pause.wait(0.01)

    def make(limits: Limits) -> Process:
        processes.append(Process(clock, limits, sleeper.pid))
        return processes[-1]

    yield make
    for process in processes:
        process.close()
    sleeper.kill()
    sleeper.wait()


def run(clock: ManualClock, seconds: float, each: Callable[[], None] = lambda: None) -> None:
    for _ in range(round(seconds / 0.25)):
        clock.advance(0.25)
        each()


BUSY_ONLY = Limits(stopped_seconds=None, hang_limit=None, busy_limit=None, deadline=20.0)


def test_a_message_that_is_over_its_deadline_is_dumped_and_killed_and_named(
    clock: ManualClock, made: Callable[[Limits], Process]
) -> None:
    process = made(BUSY_ONLY)
    watch = HangWatch(clock, lambda step: step())
    process.writer.take(1, "resize 17", 1)
    process.dump = b"Thread 0x1 (most recent call first):\n  here\n"
    watch.add(process.watch)
    run(clock, 19.0, lambda: process.writer.beat(1))
    assert process.done == []
    run(clock, 3.0, lambda: process.writer.beat(1))
    (event,) = process.of(HangEnded)
    assert isinstance(event, HangEnded)
    assert (event.ref, event.incarnation, event.why, event.in_hand) == (process.ref, 3, "deadline", "resize 17")
    assert process.done == ["SIGUSR1", "kill"]
    assert process.watch.hang == Hang("deadline")
    assert process.watch.stacks() == process.dump.decode()


def test_a_kill_waits_for_the_stacks_but_not_for_ever(clock: ManualClock, made: Callable[[Limits], Process]) -> None:
    process = made(BUSY_ONLY)
    process.watch.dump_then_kill(HUNG_DUMP_SECONDS)
    clock.advance(HUNG_DUMP_SECONDS / 2)
    assert process.done == ["SIGUSR1"]
    os.write(process.fd, b"Thread 0x1")
    clock.advance(HUNG_DUMP_SECONDS / 4)
    assert process.done == ["SIGUSR1", "kill"]
    assert process.watch.stacks() == "Thread 0x1"
    silent = made(BUSY_ONLY)
    silent.watch.dump_then_kill(HUNG_DUMP_SECONDS)
    clock.advance(HUNG_DUMP_SECONDS)
    assert silent.done == ["SIGUSR1", "kill"]
    assert silent.watch.stacks() is None


def test_one_that_cannot_write_yet_is_killed_at_once(clock: ManualClock, made: Callable[[Limits], Process]) -> None:
    process = made(BUSY_ONLY)
    process.writer.state(BlackBoxState.EMPTY)
    process.watch.dump_then_kill()
    assert process.done == ["kill"]


def test_what_is_suspected_is_told_with_its_stacks_and_so_is_the_recovery(
    clock: ManualClock, made: Callable[[Limits], Process]
) -> None:
    process = made(Limits(hang_limit=20.0))
    watch = HangWatch(clock, lambda step: step())
    watch.add(process.watch)
    process.writer.take(7, "Order", 1)
    process.dump = b"Thread 0x1\n"
    run(clock, 30.0, lambda: process.writer.beat(1))
    (told,), (stacks,) = process.of(HangSuspected), process.of(StacksDumped)
    assert isinstance(told, HangSuspected)
    assert (told.limit, told.in_hand) == (None, "Order")
    assert isinstance(stacks, StacksDumped)
    assert stacks.stacks == "Thread 0x1\n"
    assert process.watch.verdict is Verdict.BLOCKED
    assert watch.verdicts() == {process.ref: Verdict.BLOCKED}
    process.writer.put_down()
    run(clock, 10.0, lambda: process.writer.beat(1))
    assert len(process.of(HangRecovered)) == 1
    assert watch.verdicts() == {process.ref: Verdict.HEALTHY}
    assert process.watch.stacks() is None  # they say nothing of what comes later


def test_the_last_room_for_stacks_is_kept_for_the_end(clock: ManualClock, made: Callable[[Limits], Process]) -> None:
    process = made(Limits(hang_limit=20.0))
    watch = HangWatch(clock, lambda step: step())
    watch.add(process.watch)
    os.write(process.fd, b"x" * (DUMP_BYTES // 2))
    process.writer.take(7, "Order", 1)
    run(clock, 30.0, lambda: process.writer.beat(1))
    assert len(process.of(HangSuspected)) == 1
    assert process.done == []


def test_a_watcher_that_was_held_up_itself_does_not_count_that_time(
    clock: ManualClock, made: Callable[[Limits], Process]
) -> None:
    process = made(BUSY_ONLY)
    held: list[Callable[[], None]] = []
    stalled = False

    def call(step: Callable[[], None]) -> None:
        held.append(step) if stalled else step()

    watch = HangWatch(clock, call)
    watch.add(process.watch)
    process.writer.take(1, "long", 1)
    run(clock, 10.0, lambda: process.writer.beat(1))
    for gap in (5.0, 60.0, 3600.0):  # a collection of garbage, a pause of the machine, a night with the lid closed
        stalled = True
        clock.advance(gap)
        stalled = False
        for step in held:
            step()
        held.clear()
    assert process.events == []
    run(clock, 6.0, lambda: process.writer.beat(1))
    assert process.events == []
    run(clock, 6.0, lambda: process.writer.beat(1))
    assert len(process.of(HangEnded)) == 1


def test_one_with_short_limits_is_looked_at_more_often_and_the_others_are_not(
    clock: ManualClock, made: Callable[[Limits], Process]
) -> None:
    slow, quick = made(Limits()), made(Limits(deadline=0.4))
    looks: list[str] = []
    watch = HangWatch(clock, lambda step: step())
    for name, process in (("slow", slow), ("quick", quick)):
        look = process.watch.look
        process.watch.look = lambda now, look=look, name=name: (looks.append(name), look(now))[1]  # type: ignore[method-assign,misc]
        watch.add(process.watch)
    for _ in range(300):
        clock.advance(0.025)
        slow.writer.beat(1)
        quick.writer.beat(1)
    assert looks.count("quick") == pytest.approx(100, abs=2)
    assert looks.count("slow") == pytest.approx(10, abs=2)
    watch.remove(quick.watch)
    watch.remove(slow.watch)
    clock.advance(5.0)
    looks.clear()
    clock.advance(5.0)
    assert looks == []
