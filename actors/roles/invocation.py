"""What a running function may know and say about its own run: `regrow.invocation()`.

What lives here: the context of one run, the context variable that carries it, and the two ways a run is told to end.
What must not: who decides that it ends (that is `executor/core.py`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ...protocol.errors import RegrowError

if TYPE_CHECKING:
    from .logger import Logger

__all__ = (
    "Cancelled",
    "Interrupted",
    "Invocation",
    "NoInvocation",
    "current_or_none",
    "heeding",
    "invocation",
    "running",
)

ProgressReport = Callable[[str, float, "float | None", str], None]


class NoInvocation(RegrowError):
    """`regrow.invocation()` was called where no invocation runs."""

    def __str__(self) -> str:
        return "regrow.invocation(): expected to be called inside a function that a worker runs, got no invocation here"


class Cancelled(RegrowError):
    """Raised by `Invocation.check()` in a function that was asked to end."""


class Interrupted(BaseException):
    """Raised inside a function that did not heed its cancellation in time.

    A BaseException, so that a function's own `except Exception` does not keep it alive.
    """


@dataclass(eq=False, slots=True)
class Invocation:
    """One run of one function.

    Shape: deadline: monotonic seconds of this process, None if there is none; attempt counts from 1.
    """

    request_id: str
    function: str
    attempt: int
    deadline: float | None
    logger: Logger
    report: ProgressReport
    now: Callable[[], float]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])  # what the client sent along: `traceparent`
    reason: str = ""  # set when it was asked to end
    _flag: threading.Event = field(default_factory=threading.Event)
    _cancel_task: Callable[[], None] | None = None  # set while an async function runs

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked this run to end. Cheap: meant for loops."""
        return self._flag.is_set()

    def wait_cancelled(self, timeout: float | None = None) -> bool:
        """Wait until somebody asks this run to end, at most `timeout` seconds. Blocks; not for async functions."""
        return self._flag.wait(timeout)

    def check(self) -> None:
        """Raise `Cancelled` if somebody asked this run to end."""
        if self._flag.is_set():
            raise Cancelled(self.reason)

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Tell the client how far this run is. Advisory: may be dropped on the way. Never blocks.

        Errors: TypeError, ValueError for what is no number.
        """
        self.report(self.request_id, float(done), None if total is None else float(total), str(note))

    @property
    def time_left(self) -> float | None:
        """Seconds until the deadline (never below 0), None if there is none."""
        return None if self.deadline is None else max(0.0, self.deadline - self.now())

    def cancel(self, reason: str) -> None:
        """Raise the flag. Runs in: any thread; idempotent."""
        if not self._flag.is_set():
            self.reason = reason
            self._flag.set()
            cancel_task = self._cancel_task
            if cancel_task is not None:
                cancel_task()

    def attach(self, cancel_task: Callable[[], None] | None) -> None:
        """Have this called when the flag is raised, or now if it is raised already; None: no more."""
        self._cancel_task = cancel_task
        if cancel_task is not None and self._flag.is_set():
            cancel_task()


_CURRENT: Final[ContextVar[Invocation | None]] = ContextVar("regrow_invocation", default=None)


def invocation() -> Invocation:
    """Give the invocation that runs here. Errors: NoInvocation outside of a function that a worker runs."""
    current = _CURRENT.get()
    if current is None:
        raise NoInvocation
    return current


def current_or_none() -> Invocation | None:
    """Give the invocation that runs here, None elsewhere."""
    return _CURRENT.get()


async def heeding(awaited: Awaitable[object], run: Invocation) -> object:
    """Await an async function; when its run is cancelled, it gets a CancelledError where it waits."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is None:
        raise AssertionError("a coroutine is awaited in a task")

    def cancel() -> None:
        with suppress(RuntimeError):  # the loop has been closed: it has ended by itself meanwhile
            loop.call_soon_threadsafe(task.cancel)

    run.attach(cancel)
    try:
        return await awaited
    finally:
        run.attach(None)


@contextmanager
def running(context: Invocation) -> Iterator[Invocation]:
    """Make `context` the current invocation of this thread or task."""
    token = _CURRENT.set(context)
    try:
        yield context
    finally:
        _CURRENT.reset(token)
