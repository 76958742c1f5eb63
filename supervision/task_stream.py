"""Many tasks over many items, a bounded number of them at a time.

What lives here: which task is started when, and what is given in which order. What must not: how a task runs.
Nothing happens between two steps of the iteration: a new task is started only when a result is asked for.
Source: Elixir Task.Supervisor.async_stream_nolink/4.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar, get_args

from ..actors.clock import monotonic
from ..actors.futures import AskFuture
from ..protocol.exits import KILLED, Killed
from .errors import TaskTimeout
from .task import Task, TaskExited, TaskOutcome

if TYPE_CHECKING:
    from ..actors.clock import Clock, TimerHandle

__all__ = ("OnTimeout", "StreamOptions", "run_stream")

T = TypeVar("T")
OnTimeout: TypeAlias = Literal["exit", "kill_task"]


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """How a stream goes. `timeout`, `grace`: seconds, None for no limit.

    Errors: ValueError naming option, expected and got.
    """

    max_concurrency: int
    ordered: bool
    timeout: float | None
    on_timeout: OnTimeout
    grace: float | None  # that tasks have to end when the iteration is given up

    def __post_init__(self) -> None:
        most: object = self.max_concurrency
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise ValueError(f"max_concurrency: expected an integer >= 1, got {most!r}")
        timeout: object = self.timeout
        if timeout is not None and (not isinstance(timeout, int | float) or not timeout > 0):
            raise ValueError(f"timeout: expected seconds > 0, or None, got {timeout!r}")
        if self.on_timeout not in get_args(OnTimeout):
            raise ValueError(f'on_timeout: expected "exit" or "kill_task", got {self.on_timeout!r}')


@dataclass(slots=True)
class _Running(Generic[T]):
    item: object
    task: Task[T]
    timer: TimerHandle | None = None
    late: bool = False


class _News:
    """What has happened to tasks: put by their threads and by the clock, taken by whoever iterates."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._happened: deque[tuple[int, bool]] = deque()
        self._waiter: AskFuture[None] | None = None

    def put(self, number: int, *, late: bool) -> None:
        with self._lock:
            self._happened.append((number, late))
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.try_set(None)

    def take(self) -> tuple[int, bool]:
        """Wait for the next: the number of a task, and whether its time is up, or else that it is over."""
        while True:
            with self._lock:
                if self._happened:
                    return self._happened.popleft()
                waiter = self._waiter = AskFuture()
            waiter.get(timeout=None)  # each task's own timeout bounds this; an actor that waits here can be killed


def run_stream(
    begin: Callable[[object], Task[T]], items: Iterable[object], options: StreamOptions, clock: Clock
) -> Iterator[TaskOutcome[T]]:
    """Give the outcome of each task, and leave none of them running, however the iteration ends.

    Errors: TaskTimeout with on_timeout="exit"; what `items` and `begin` raise.
    """
    source = iter(enumerate(items))
    stream: _Stream[T] = _Stream(begin, options, clock)
    more = True
    try:
        while True:
            while more and stream.has_room:
                following = next(source, None)
                if following is None:
                    more = False
                else:
                    stream.start(*following)
            outcome = stream.next_outcome()
            if outcome is not None:
                yield outcome
            elif stream.running:
                stream.wait()
            elif not more:
                return
    finally:
        stream.end()


class _Stream(Generic[T]):
    def __init__(self, begin: Callable[[object], Task[T]], options: StreamOptions, clock: Clock) -> None:
        self._begin = begin
        self._options = options
        self._clock = clock
        self._news = _News()
        self.running: dict[int, _Running[T]] = {}
        self._finished: dict[int, TaskOutcome[T]] = {}
        self._next = 0  # the number whose turn it is, if they are ordered

    @property
    def has_room(self) -> bool:
        """Say whether to start one more. A slow one at the head keeps as many finished ones waiting as may run."""
        return max(len(self.running), len(self._finished)) < self._options.max_concurrency

    def start(self, number: int, item: object) -> None:
        running = _Running(item, self._begin(item))
        self.running[number] = running
        running.task.when_over(lambda: self._news.put(number, late=False))
        timeout = self._options.timeout
        if timeout is not None:
            due = self._clock.now() + timeout
            running.timer = self._clock.call_at(due, lambda: self._news.put(number, late=True))

    def next_outcome(self) -> TaskOutcome[T] | None:
        number = self._next if self._options.ordered else next(iter(self._finished), None)
        if number is None or number not in self._finished:
            return None
        self._next += 1
        return self._finished.pop(number)

    def wait(self) -> None:
        """Wait until something has happened to a task. Errors: TaskTimeout."""
        number, late = self._news.take()
        running = self.running.get(number)
        if running is None:
            return  # it was over when its time was up
        if late:
            if self._options.on_timeout == "exit":
                raise TaskTimeout(running.task.ref.name, self._options.timeout or 0.0)
            running.late = True
            running.task.ref.kill()
            return
        del self.running[number]
        if running.timer is not None:
            running.timer.cancel()
        self._finished[number] = self._outcome_of(running)

    def _outcome_of(self, running: _Running[T]) -> TaskOutcome[T]:
        outcome = running.task.outcome(0.0)
        if outcome is None:
            raise AssertionError(f"{running.task!r}: said to be over, and is not")
        if running.late and isinstance(outcome, TaskExited) and isinstance(outcome.reason, Killed):
            outcome = TaskExited(KILLED, TaskTimeout(running.task.ref.name, self._options.timeout or 0.0))
        return replace(outcome, item=running.item)

    def end(self) -> None:
        """Ask all that still run to end, wait for them together, kill the rest."""
        left = tuple(self.running.values())
        for running in left:
            if running.timer is not None:
                running.timer.cancel()
            running.task.cancel()
        deadline = None if self._options.grace is None else monotonic() + self._options.grace
        try:
            for running in left:
                running.task.outcome(None if deadline is None else max(0.0, deadline - monotonic()))
        finally:  # whoever iterates may be killed while it waits
            for running in left:
                if not running.task.done():
                    running.task.ref.kill()
