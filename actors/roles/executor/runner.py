"""A thread that runs user functions one after another, and in which a function can be interrupted.

What lives here: the thread, the cancel flag and the interrupt (an asynchronous exception). C code that never returns
to the interpreter cannot be interrupted; then only the death of its process helps.
"""

from __future__ import annotations

import asyncio
import ctypes
import inspect
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Final, NoReturn

from ....protocol.session.messages import Failure
from ...current import here
from ..calling import FunctionTable, UserFunction, outcome_of_error, outcome_of_value
from ..invocation import Interrupted, Invocation, ProgressReport, heeding, running
from ..logger import Logger, LogSink
from ..messages import RunFunction
from ..outcomes import failure_of, outcome_to_bytes

__all__ = ("Runner", "invocation_of")

ContextMaker = Callable[[RunFunction], Invocation]
_JOIN_SECONDS: Final = 0.5


class Runner:
    """One thread for user code. `finished(run, outcome)` is called on it."""

    def __init__(
        self,
        name: str,
        table: FunctionTable,
        *,
        context: ContextMaker,
        finished: Callable[[RunFunction, bytes], None],
    ) -> None:
        self._table = table
        self._context = context
        self._finished = finished
        self._queue: SimpleQueue[RunFunction | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._in_user_code: str | None = None  # the request whose code may be interrupted now
        self._interrupted = False  # the current run has been sent an interrupt, which may not have landed yet
        self._current: Invocation | None = None  # set from submit to the end of the run
        self._called: tuple[UserFunction, tuple[object, ...], dict[str, object]] | None = None  # while it runs
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def thread(self) -> threading.Thread:
        """The thread, to join or to look at."""
        return self._thread

    def submit(self, run: RunFunction) -> None:
        """Run this when what is here is done. Never blocks."""
        self._queue.put(run)

    def cancel(self, request_id: str, reason: str) -> None:
        """Raise the flag of the current run, if it is this request. Runs in: any thread."""
        with self._lock:
            current = self._current
            if current is not None and current.request_id == request_id:
                current.cancel(reason)

    def interrupt(self, request_id: str, reason: str) -> bool:
        """Raise `Interrupted` in the current run, if it is this request and in user code."""
        with self._lock:
            if self._in_user_code != request_id:
                return False
            if self._current is not None:
                self._current.cancel(reason)
            self._interrupted = True
            _raise_in(self._thread, Interrupted)
            return True

    def close(self, *, wait: bool = True) -> bool:
        """Take no more runs; wait a moment for the current one. Gives whether the thread has ended."""
        self._queue.put(None)
        if wait and threading.current_thread() is not self._thread:
            self._thread.join(_JOIN_SECONDS)
        return not self._thread.is_alive()

    def _work(self) -> None:
        here().interruptible = True
        while (run := self._take()) is not None:
            try:
                outcome = self._run(run)
            except BaseException as error:  # noqa: BLE001 - an interrupt that landed between two lines, or a fault of ours
                outcome = outcome_to_bytes(_failure(error))
            with self._lock:
                self._current = None
            self._finished(run, outcome)

    def _take(self) -> RunFunction | None:
        return self._queue.get()

    def _run(self, run: RunFunction) -> bytes:
        invocation = self._context(run)
        with self._lock:
            self._current = invocation
        value, error = self._guarded(run, invocation)
        called, self._called = self._called, None
        if isinstance(error, _CallRefusedError):
            return outcome_to_bytes(error.failure)
        if error is not None:
            return outcome_to_bytes(_failure(error) if called is None else outcome_of_error(error, *called))
        return outcome_to_bytes(outcome_of_value(value))

    def _guarded(self, run: RunFunction, invocation: Invocation) -> tuple[object, BaseException | None]:
        """Call the function so that an interrupt lands inside of it or not at all."""
        value: object = None
        error: BaseException | None = None
        try:
            try:
                with self._lock:
                    self._in_user_code = run.request_id
                value = self._call(run, invocation)
            except BaseException as raised:  # noqa: BLE001 - whatever user code raises is an outcome, sys.exit() included
                error = raised
            if os.getpid() != self._pid:
                _end_fork(error)
        except Interrupted as late:
            error = late
        while True:
            with suppress(Interrupted):
                with self._lock:
                    self._in_user_code = None
                    sent, self._interrupted = self._interrupted, False
                if sent:
                    _let_land()
                return value, error

    def _call(self, run: RunFunction, invocation: Invocation) -> object:
        found = self._table.find(run.function)
        if isinstance(found, Failure):
            raise _CallRefusedError(found)
        bound = self._table.bind(run.function, found, run.arguments, invocation)
        if isinstance(bound, Failure):
            raise _CallRefusedError(bound)
        args, kwargs = bound
        self._called = (found, args, kwargs)
        with running(invocation):
            value = found(*args, **kwargs)
            if inspect.iscoroutine(value):
                return asyncio.run(heeding(value, invocation))
            return value


def invocation_of(run: RunFunction, *, now: Callable[[], float], log: LogSink, report: ProgressReport) -> Invocation:
    """Make the context of a run in this process."""
    context = {"function": run.function.name, "request_id": run.request_id, "attempt": run.attempt}
    return Invocation(
        request_id=run.request_id,
        function=run.function.name,
        attempt=run.attempt,
        deadline=None if run.deadline is None else now() + run.deadline,
        logger=Logger(log, context),
        report=report,
        now=now,
        headers=run.headers,
    )


class _CallRefusedError(Exception):
    """The call did not happen; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def _failure(error: BaseException) -> Failure:
    return failure_of("cancelled" if isinstance(error, Interrupted) else "error", error)


def _end_fork(error: BaseException | None) -> NoReturn:
    """End a fork that the function made and let return: the run is its parent's, and so is its outcome."""
    code = 0
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        code = 1
        sys.excepthook(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # closed, or nobody reads it
            stream.flush()
    os._exit(code)


def _raise_in(thread: threading.Thread, error: type[BaseException]) -> None:
    """Set the asynchronous exception of a thread. Source: CPython, PyThreadState_SetAsyncExc."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(error))


def _let_land() -> None:
    """Give an asynchronous exception of this thread the turns of a loop that it needs to be raised.

    To take it back would leave 3.11 with a flag that only a raise clears: until then the whole process runs slower,
    and a loop under a tracer or profiler never ends.
    """
    for _ in range(1000):
        pass
