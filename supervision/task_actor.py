"""The actor that is a task: it runs one call, gives the answer, and ends.

What lives here: one run. What must not: who waits for it (task.py), how many run at once (task_supervisor.py).
Source: Elixir Task.Supervised.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from ..actors.actor import Actor
from ..actors.current import current_life
from ..actors.errors import ActorDeadError
from ..actors.functions import CANCELLED, StopToken, name_of, order_to_run, run_function
from ..actors.futures import AskFuture
from ..actors.ref import ActorRef
from ..protocol.exits import NORMAL, SHUTDOWN

__all__ = ("TaskActor", "TaskCall", "task_callers")

_callers: Final[ContextVar[tuple[ActorRef[Any], ...]]] = ContextVar("regrow_task_callers", default=())


def task_callers() -> tuple[ActorRef[Any], ...]:
    """Who has had this task run: the actor that asked for it, then, if that is a task itself, its callers."""
    return _callers.get()


@dataclass(frozen=True, slots=True, eq=False)
class TaskCall:
    """What a task runs, and where its answer goes.

    `answer` is settled with the value, with what the function raised, or with the end of the life; `over` with None
    when that end has been announced. `context`: a copy of the caller's, so that its context variables can be read.
    """

    function: Callable[..., object]
    args: tuple[object, ...]
    kwargs: Mapping[str, object]
    linked_to: ActorRef[Any] | None
    context: Context
    answer: AskFuture[Any] = field(default_factory=AskFuture)
    over: AskFuture[Any] = field(default_factory=AskFuture)
    raised: list[Exception] = field(default_factory=list)  # by the function itself; at most one
    withdrawn: threading.Event = field(default_factory=threading.Event)  # set when nobody will ever have the task

    @classmethod
    def of(
        cls, function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object], *, linked: bool
    ) -> TaskCall:
        """Take note of who calls. `linked`: with the calling actor, if an actor calls."""
        life = current_life()
        context = copy_context()
        if life is not None:
            context.run(_callers.set, (life.ref, *_callers.get()))
        return cls(function, args, kwargs, life.ref if linked and life is not None else None, context)

    def withdraw(self) -> None:
        """Have it end whether or not it has begun: its beginner was interrupted, as by a kill, and got no Task."""
        self.withdrawn.set()
        life = self.over.to  # set by the task before it looks at `withdrawn`
        if life is not None:
            life.ref.kill()


class TaskActor(Actor):
    """Runs a call on its own thread. Its exit reason: NORMAL, a crash, or what it was asked to end with."""

    dispatcher = "thread"  # a function may last
    long_running = True

    def __init__(self, call: TaskCall) -> None:
        self._call = call
        self._run_it = order_to_run(name_of(call.function))

    def on_start(self) -> None:
        """Answer for the call from now on, and share the caller's fate if it is linked."""
        life = self._alive()
        call = self._call
        call.over.to = life
        life.answer_when_over(call.over)
        self._answer = life.owe(call.answer)
        if call.withdrawn.is_set():
            self.exit(SHUTDOWN)
        if call.linked_to is not None:
            self.link(call.linked_to)
        with suppress(ActorDeadError):  # killed already
            self.ref.tell(self._run_it)

    def on_receive(self, message: object) -> object:
        """Run; there is nothing else that it understands. An end that has come over the link goes first."""
        if message is self._run_it:
            self._run()
        return super().on_receive(message)

    def _run(self) -> NoReturn:
        call = self._call
        token = StopToken()
        try:
            value = call.context.run(run_function, self._alive(), token, call.function, call.args, call.kwargs)
        except Exception as error:
            call.raised.append(error)
            self._answer.fail(error)
            raise
        if value is not CANCELLED:
            self._answer.set(value)
        self.exit(NORMAL if token.reason is None else token.reason)
