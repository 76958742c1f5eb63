"""A task as its caller sees it: something that will have a value, or an exit reason.

What lives here: waiting for it, ending it, having it reported. What must not: running it (task_actor.py).
Source: Elixir Task: await/2, yield/2, shutdown/2.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar, cast

from ..actors.errors import ActorDeadError, AskTimeout
from ..actors.mailbox import Envelope
from ..protocol.exits import NORMAL, SHUTDOWN, ExitReason, crash_of

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from .task_actor import TaskCall

__all__ = ("RESULT_TIMEOUT", "Task", "TaskDone", "TaskExited", "TaskOutcome", "TaskReport")

T_co = TypeVar("T_co", covariant=True)

RESULT_TIMEOUT: Final = 5.0
"""Seconds to wait for a task, if nothing else is said. Elixir's default of Task.await/2."""

KILL_WAIT: Final = 5.0
"""Seconds to wait for the announcement of a killed task's end; it is there at once, unless the machine is very busy."""


@dataclass(frozen=True, slots=True)
class TaskDone(Generic[T_co]):
    """The function returned. `item`: what it was called with, in a stream."""

    value: T_co
    item: object = None


@dataclass(frozen=True, slots=True)
class TaskExited:
    """The task ended without a value. `error`: what the function raised; None if it was ended by something else."""

    reason: ExitReason
    error: Exception | None = None
    item: object = None


TaskOutcome: TypeAlias = TaskDone[T_co] | TaskExited


@dataclass(frozen=True, slots=True)
class TaskReport(Generic[T_co]):
    """The message that `Task.report_to` sends, once, when the task is over."""

    task: Task[T_co]
    outcome: TaskOutcome[T_co]


class Task(Generic[T_co]):
    """A running call. Its answer is kept here and comes to no mailbox, so that a late one cannot get in the way.

    Differs from OTP: a wait that times out neither ends the caller nor forgets the task; it can be waited for again.
    Runs in: any thread. `ref` is the actor that runs it: it can be monitored like any other.
    """

    __slots__ = ("_call", "ref")

    def __init__(self, ref: ActorRef[Any], call: TaskCall) -> None:
        self.ref: Final = ref
        self._call = call

    def done(self) -> bool:
        """Say whether it is over: it has its outcome, and its place below the supervisor is free."""
        return self._call.over.done

    def result(self, timeout: float | None = RESULT_TIMEOUT) -> T_co:
        """Wait until it is over and give what the function returned; with None wait for as long as it takes.

        Errors: what the function raised; ActorDeadError with the exit reason if it was ended; AskTimeout; CallingSelf
        for what waits for itself.
        """
        self._call.over.get(timeout=timeout)
        return cast(T_co, self._call.answer.get(timeout=0.0))

    def outcome(self, timeout: float | None = RESULT_TIMEOUT) -> TaskOutcome[T_co] | None:
        """Wait until it is over and give how; None if it is not in time. With None wait for as long as it takes.

        Errors: CallingSelf.
        """
        try:
            self._call.over.get(timeout=timeout)
        except AskTimeout:
            return None
        return self._known_outcome()

    def cancel(self) -> bool:
        """Ask it to end: a coroutine is cancelled, a function may look at its `stop`. Returns at once.

        It is unlinked from its caller first, who wants this end. Gives False if it is over already.
        """
        over = self.done()  # asked before: one that is quick to end has been asked to, all the same
        self._unlink()
        self.ref.shutdown(SHUTDOWN)
        return not over

    def shutdown(self, timeout: float | None = RESULT_TIMEOUT) -> TaskOutcome[T_co]:
        """End it and give its outcome, which is its value if it came to that: ask, wait, then kill.

        With 0 it is killed at once, with None waited for as long as it takes. A function that runs on all the same is
        abandoned, as any actor is, and reported by the events ActorAbandoned and AbandonedEnded.
        """
        if timeout != 0:
            self.cancel()
            outcome = self.outcome(timeout)
            if outcome is not None:
                return outcome
        self._unlink()
        self.ref.kill()
        outcome = self.outcome(KILL_WAIT)
        if outcome is None:
            raise AssertionError(f"{self!r} was killed and its end not announced within {KILL_WAIT:g} seconds")
        return outcome

    def when_over(self, callback: Callable[[], object]) -> None:
        """Call back once it is over: at once if it is, else on its own thread, or on that of whoever kills it."""
        self._call.over.add_done_callback(callback)

    def report_to(self, ref: ActorRef[Any]) -> None:
        """Send one TaskReport to the present life of `ref` when it is over, at once if it is.

        Source: Akka pipeToSelf; Elixir's message to the owner of a task.
        """
        cell = ref.cell

        def report() -> None:
            with suppress(ActorDeadError):  # the life that wanted to know is over
                if cell is not None:
                    cell.put(Envelope(TaskReport(self, self._known_outcome()), exempt=True))

        self.when_over(report)

    def __await__(self) -> Generator[Any, None, T_co]:
        """Await the result without holding up the event loop; wrap it in asyncio.timeout() to limit that."""
        yield from self._call.over.__await__()
        return cast(T_co, self._call.answer.get(timeout=0.0))

    def __repr__(self) -> str:
        return f"<Task {self.ref.name!r}: {self._known_outcome() if self.done() else 'running'}>"

    def _unlink(self) -> None:
        caller = self._call.linked_to
        if caller is not None:
            caller.system.unlink(caller, self.ref)

    def _known_outcome(self) -> TaskOutcome[T_co]:
        call = self._call
        if call.raised:
            return TaskExited(crash_of(call.raised[0]), call.raised[0])
        error = call.answer.error
        if isinstance(error, ActorDeadError):
            return TaskExited(error.reason or NORMAL)
        return TaskDone(cast(T_co, call.answer.get(timeout=0.0)))
