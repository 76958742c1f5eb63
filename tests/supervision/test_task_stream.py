"""Streams of tasks: order, bounds, timeouts, and that nothing is left of them however they end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from regrow.actors import AbandonedEnded, ActorAbandoned, ActorExited, ActorSystem, DeadLetter, StopToken
from regrow.actors.child_spec import BrutalKill, Grace, Infinity, Shutdown
from regrow.actors.testing import Hold, ManualClock, Puppet
from regrow.protocol.exits import KILLED, SHUTDOWN, Crash, is_abnormal
from regrow.supervision import MaxChildren, TaskDone, TaskExited, TaskSpec, TaskSupervisorHandle, TaskTimeout
from tests.supervision.facts import Facts

WAIT = 5.0


class NotingClock(ManualClock):
    """Lets a test wait until somebody has set a timer."""

    def __init__(self) -> None:
        super().__init__()
        self._set = threading.Condition()
        self._count = 0

    def call_at(self, when: float, callback: Callable[[], object]) -> Any:
        timer = super().call_at(when, callback)
        if when - self.now() < 10.0:  # 10 s is the time that every start may take
            with self._set:
                self._count += 1
                self._set.notify_all()
        return timer

    def wait_set(self, times: int) -> None:
        with self._set:
            assert self._set.wait_for(lambda: self._count >= times, WAIT)


@pytest.fixture
def clock() -> NotingClock:
    return NotingClock()


@pytest.fixture
def tasks(system: ActorSystem) -> TaskSupervisorHandle:
    return TaskSupervisorHandle.start(system)


class Gates:
    """A function for each item that waits until the test lets this item go; knows how many have waited at once."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._open: set[object] = set()
        self.running: set[object] = set()
        self.most = 0

    def __call__(self, item: object, stop: StopToken) -> object:
        with self._condition:
            self.running.add(item)
            self.most = max(self.most, len(self.running))
            self._condition.notify_all()
            stop.on_set(self._wake)
            assert self._condition.wait_for(lambda: item in self._open or stop.is_set(), WAIT)
            self.running.discard(item)
            self._condition.notify_all()
        return item

    def open(self, *items: object) -> None:
        with self._condition:
            self._open.update(items)
            self._condition.notify_all()

    def wait_running(self, *items: object) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: self.running == set(items), WAIT), self.running

    def _wake(self) -> None:
        threading.Thread(target=self.open, daemon=True).start()


class Steps:
    """Iterates in a thread of its own, so that a test can look at a stream that waits."""

    def __init__(self, stream: Iterator[Any]) -> None:
        self.stream = stream
        self.seen: list[Any] = []
        self._threads: list[threading.Thread] = []

    def begin(self) -> threading.Thread:
        thread = threading.Thread(target=lambda: self.seen.append(next(self.stream)), daemon=True)
        thread.start()
        return thread


def values(stream: Iterator[Any]) -> list[object]:
    return [outcome.value for outcome in stream]


# Order and bounds


@pytest.mark.parametrize("most", [1, 2, 7, 100])
@pytest.mark.parametrize("ordered", [True, False])
def test_every_item_has_its_outcome_once(tasks: TaskSupervisorHandle, most: int, ordered: bool) -> None:
    outcomes: Any = list(tasks.stream(lambda item: item * 2, range(30), max_concurrency=most, ordered=ordered))
    expected = [TaskDone(item * 2, item) for item in range(30)]
    assert outcomes == expected if ordered else sorted(outcomes, key=lambda done: done.item) == expected
    assert tasks.count_children().specs == 0


def test_nothing_gives_nothing(tasks: TaskSupervisorHandle) -> None:
    assert list(tasks.stream(lambda item: item, [], max_concurrency=3)) == []


def test_async_functions_are_tasks_too(tasks: TaskSupervisorHandle) -> None:
    async def double(item: int) -> int:
        await asyncio.sleep(0)
        return item * 2

    assert values(tasks.stream(double, [1, 2, 3], max_concurrency=2)) == [2, 4, 6]


def test_no_more_run_at_once_than_may(tasks: TaskSupervisorHandle) -> None:
    gates = Gates()
    steps = Steps(tasks.stream(gates, range(6), max_concurrency=2))
    waiting = steps.begin()
    gates.wait_running(0, 1)
    gates.open(*range(6))
    waiting.join(WAIT)
    assert values(steps.stream) == [1, 2, 3, 4, 5]
    assert steps.seen == [TaskDone(0, 0)]
    assert gates.most == 2


def test_a_bound_of_the_supervisor_holds_beside_its_own(system: ActorSystem) -> None:
    tasks = TaskSupervisorHandle.start(system, TaskSpec(max_children=2))
    assert values(tasks.stream(lambda item: item, range(40), max_concurrency=2)) == list(range(40))
    gates = Gates()
    with pytest.raises(MaxChildren):
        next(tasks.stream(gates, range(5), max_concurrency=3))
    assert tasks.count_children().specs == 0


def test_items_are_taken_as_results_are_asked_for(tasks: TaskSupervisorHandle) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    stream: Any = tasks.stream(lambda item: item, items(), max_concurrency=2)
    assert taken == []
    next(stream)
    assert len(taken) <= 4
    stream.close()
    assert len(taken) <= 4


def test_a_slow_one_at_the_head_stops_the_others_when_as_many_wait_as_may_run(tasks: TaskSupervisorHandle) -> None:
    gates = Gates()
    gates.open(*range(1, 100))
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    steps = Steps(tasks.stream(gates, items(), max_concurrency=3))
    waiting = steps.begin()
    gates.wait_running(0)
    gates.open(0)
    waiting.join(WAIT)
    assert steps.seen == [TaskDone(0, 0)]
    assert max(taken) < 6


def test_without_order_the_fast_ones_come_first(tasks: TaskSupervisorHandle) -> None:
    gates = Gates()
    gates.open(1, 2, 3)
    stream = tasks.stream(gates, range(4), max_concurrency=2, ordered=False)
    assert [next(stream).item for _ in range(3)] == [1, 2, 3]
    gates.open(0)
    assert list(stream) == [TaskDone(0, 0)]


# Exits


def test_a_crash_is_a_value_and_the_others_go_on(tasks: TaskSupervisorHandle) -> None:
    def function(item: int) -> int:
        return 10 // item

    one, crashed, two = tasks.stream(function, [1, 0, 2], max_concurrency=2)
    assert (one, two) == (TaskDone(10, 1), TaskDone(5, 2))
    assert isinstance(crashed, TaskExited)
    assert isinstance(crashed.error, ZeroDivisionError)
    assert isinstance(crashed.reason, Crash)
    assert crashed.item == 0


def test_a_task_that_somebody_ends_is_an_exit_too(tasks: TaskSupervisorHandle) -> None:
    gates = Gates()
    steps = Steps(tasks.stream(asyncio_wait, [gates], max_concurrency=1))
    waiting = steps.begin()
    gates.wait_running("async")
    tasks.children()[0].shutdown(SHUTDOWN)
    waiting.join(WAIT)
    assert steps.seen == [TaskExited(SHUTDOWN, None, gates)]


async def asyncio_wait(gates: Gates) -> None:
    gates.running.add("async")
    gates.open()
    await asyncio.Event().wait()


def test_an_error_of_the_items_ends_the_tasks_and_is_raised(tasks: TaskSupervisorHandle) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    gates = Gates()
    with pytest.raises(LookupError, match="no more"):
        next(tasks.stream(gates, items(), max_concurrency=3))
    assert tasks.count_children().specs == 0


# Timeouts


def test_a_task_that_takes_too_long_is_killed_and_its_exit_is_a_value(
    system: ActorSystem, clock: NotingClock, tasks: TaskSupervisorHandle
) -> None:
    abandoned = system.bus.collect(ActorAbandoned, AbandonedEnded)
    hold = Hold()

    def function(item: int) -> int:
        if item == 0:
            hold()
        return item

    stream = tasks.stream(function, [0, 1], max_concurrency=1, timeout=3.0, on_timeout="kill_task")
    steps = Steps(stream)
    waiting = steps.begin()
    hold.wait_reached()
    clock.wait_set(1)
    clock.advance(3.0)
    waiting.join(WAIT)
    [exited] = steps.seen
    assert isinstance(exited, TaskExited)
    assert (exited.reason, exited.item) == (KILLED, 0)
    assert isinstance(exited.error, TaskTimeout)
    assert isinstance(exited.error, TimeoutError)
    assert "was not done within 3 seconds" in str(exited.error)
    assert list(stream) == [TaskDone(1, 1)]
    assert isinstance(abandoned.get(timeout=WAIT), ActorAbandoned)
    hold.release()
    assert isinstance(abandoned.get(timeout=WAIT), AbandonedEnded)
    assert clock.pending == 0


def test_a_task_that_takes_too_long_ends_the_stream_and_all_its_tasks(
    clock: NotingClock, tasks: TaskSupervisorHandle, facts: Facts
) -> None:
    gates = Gates()
    errors: list[BaseException] = []

    def consume() -> None:
        try:
            next(tasks.stream(gates, range(9), max_concurrency=3, timeout=2.5))
        except TaskTimeout as error:
            errors.append(error)

    consumer = threading.Thread(target=consume, daemon=True)
    consumer.start()
    gates.wait_running(0, 1, 2)
    clock.wait_set(3)
    clock.advance(2.5)
    consumer.join(WAIT)
    [error] = errors
    assert "was not done within 2.5 seconds" in str(error)
    assert tasks.count_children().specs == 0
    assert [is_abnormal(event.reason) for event in facts.all(ActorExited)] == [False] * 3
    assert clock.pending == 0


def test_a_timeout_is_for_each_task_from_its_own_start(clock: NotingClock, tasks: TaskSupervisorHandle) -> None:
    gates = Gates()
    stream = tasks.stream(gates, range(3), max_concurrency=1, timeout=2.0)
    for number in range(3):
        steps = Steps(stream)
        waiting = steps.begin()
        gates.wait_running(number)
        clock.wait_set(number + 1)
        clock.advance(1.9)
        gates.open(number)
        waiting.join(WAIT)
        assert steps.seen == [TaskDone(number, number)]
    assert list(stream) == []


# Giving up


@pytest.mark.parametrize("how", ["close", "break", "raise", "forget"])
def test_an_iteration_that_is_given_up_leaves_nothing(
    system: ActorSystem, tasks: TaskSupervisorHandle, facts: Facts, how: str
) -> None:
    dead_letters: list[object] = []
    system.bus.subscribe(dead_letters.append, DeadLetter)
    gates = Gates()
    gates.open(0)
    stream: Any = tasks.stream(gates, range(9), max_concurrency=3)
    assert next(stream) == TaskDone(0, 0)
    if how == "close":
        stream.close()
    elif how == "break":
        del stream
    elif how == "raise":
        with pytest.raises(LookupError):
            stream.throw(LookupError)
    else:
        stream = None
    assert tasks.count_children().specs == 0
    assert all(not is_abnormal(event.reason) for event in facts.all(ActorExited))
    assert dead_letters == []
    assert system.abandoned.refs() == ()


def test_an_iteration_that_is_given_up_leaves_no_timer(clock: NotingClock, tasks: TaskSupervisorHandle) -> None:
    gates = Gates()
    gates.open(0)
    stream: Any = tasks.stream(gates, range(9), max_concurrency=3, timeout=9.0)
    next(stream)
    stream.close()
    assert tasks.count_children().specs == 0
    assert clock.pending == 0


def test_a_stream_that_was_never_begun_has_started_nothing(tasks: TaskSupervisorHandle, facts: Facts) -> None:
    stream: Any = tasks.stream(lambda item: item, range(3), max_concurrency=3)
    stream.close()
    assert facts.all(ActorExited) == []


@pytest.mark.parametrize("shutdown", [BrutalKill(), Grace(0.02)])
def test_what_does_not_listen_is_killed_when_its_time_is_over(system: ActorSystem, shutdown: Shutdown) -> None:
    tasks = TaskSupervisorHandle.start(system, shutdown=shutdown)
    events = system.bus.collect(ActorAbandoned, AbandonedEnded)
    hold = Hold()
    stream: Any = tasks.stream(lambda item: hold() if item else item, range(2), max_concurrency=2)
    next(stream)
    hold.wait_reached()
    stream.close()
    assert tasks.count_children().specs == 0
    assert isinstance(events.get(timeout=WAIT), ActorAbandoned)
    hold.release()
    assert isinstance(events.get(timeout=WAIT), AbandonedEnded)


def test_with_all_the_time_it_needs_it_is_waited_for(system: ActorSystem) -> None:
    tasks = TaskSupervisorHandle.start(system, shutdown=Infinity())
    hold = Hold()
    stream: Any = tasks.stream(lambda item: hold() if item else item, range(2), max_concurrency=2)
    next(stream)
    hold.wait_reached()
    closer = threading.Thread(target=stream.close, daemon=True)
    closer.start()
    assert tasks.count_children().specs == 1
    hold.release()
    closer.join(WAIT)
    assert tasks.count_children().specs == 0
    assert system.abandoned.refs() == ()


def test_an_actor_that_is_killed_while_it_iterates_leaves_no_task(
    system: ActorSystem, tasks: TaskSupervisorHandle
) -> None:
    ended = system.bus.collect(AbandonedEnded)
    gates = Gates()
    ref = system.spawn(Puppet)
    ref.tell(lambda puppet: list(tasks.stream(gates, range(9), max_concurrency=3)))
    gates.wait_running(0, 1, 2)
    ref.kill()
    while True:
        over = ended.get(timeout=WAIT)
        if isinstance(over, AbandonedEnded) and over.ref is ref:
            break
    gates.wait_running()
    assert tasks.count_children().specs == 0


def test_a_stream_may_be_iterated_elsewhere(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    stream = tasks.stream(lambda item: item, range(5), max_concurrency=2)
    assert next(stream) == TaskDone(0, 0)
    ref = system.spawn(Puppet)
    assert ref.ask(lambda puppet: [outcome.item for outcome in stream], timeout=WAIT) == [1, 2, 3, 4]


# Options


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_concurrency": 0}, "max_concurrency: expected an integer >= 1, got 0"),
        ({"max_concurrency": True}, "max_concurrency: expected an integer >= 1, got True"),
        ({"max_concurrency": 2.0}, r"max_concurrency: expected an integer >= 1, got 2\.0"),
        ({"max_concurrency": 1, "timeout": 0}, "timeout: expected seconds > 0, or None, got 0"),
        ({"max_concurrency": 1, "timeout": "1s"}, "timeout: expected seconds > 0, or None, got '1s'"),
        ({"max_concurrency": 1, "on_timeout": "kill"}, 'on_timeout: expected "exit" or "kill_task", got \'kill\''),
    ],
)
def test_bad_options_are_refused_before_anything_is_iterated(
    tasks: TaskSupervisorHandle, options: dict[str, Any], text: str
) -> None:
    with pytest.raises(ValueError, match=text):
        tasks.stream(lambda item: item, [], **options)
