"""Async functions on one event loop of the main process; a plain function runs on it too, and holds it up.

What lives here: slots of kind "inline" and the loop's thread. Interrupt means `task.cancel()`; a task that swallows
it is given up, as a thread is.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Final

from ....protocol.session.messages import Failure
from ..calling import FunctionTable, outcome_of_error, outcome_of_value
from ..invocation import Invocation, heeding, running
from ..messages import RunFinished, RunFunction
from ..outcomes import outcome_to_bytes
from .backend import Report, ignore_report
from .events import SlotDown, SlotUp
from .runner import ContextMaker

__all__ = ("InlineBackend",)

_START_SECONDS: Final = 5.0


class InlineBackend:
    """One loop thread, one task a slot."""

    def __init__(self, slots: Sequence[int], table: FunctionTable, context: ContextMaker) -> None:
        self._incarnations = dict.fromkeys(slots, 1)
        self._table = table
        self._context = context
        self._report: Report = ignore_report
        self._loop: asyncio.AbstractEventLoop | None = None  # set by start
        self._thread: threading.Thread | None = None
        self._tasks: dict[int, tuple[Invocation, asyncio.Task[None]]] = {}  # touched on the loop only

    def start(self, report: Report) -> None:
        """Start the loop and say that every slot is up."""
        self._report = report
        up = threading.Event()
        self._thread = threading.Thread(target=self._run_loop, args=(up,), name="regrow-inline", daemon=True)
        self._thread.start()
        if not up.wait(_START_SECONDS):
            raise TimeoutError(f"inline executor: expected its event loop within {_START_SECONDS} s")
        for slot, incarnation in self._incarnations.items():
            report(SlotUp(slot=slot, incarnation=incarnation, pid=0))

    def run(self, slot: int, incarnation: int, run: RunFunction) -> None:
        """Start a task for the run."""

        def begin() -> None:
            invocation = self._context(run)
            task = loop.create_task(self._work(slot, incarnation, run, invocation), name=f"regrow {run.request_id}")
            self._tasks[slot] = (invocation, task)

        loop = self._running_loop()
        loop.call_soon_threadsafe(begin)

    def cancel(self, slot: int, request_id: str, reason: str) -> None:
        """Raise the flag."""
        self._on_task(slot, request_id, lambda invocation, _task: invocation.cancel(reason))

    def interrupt(self, slot: int, request_id: str, reason: str) -> None:
        """Cancel the task."""
        self._on_task(slot, request_id, lambda _invocation, task: task.cancel(reason))

    def kill(self, slot: int, incarnation: int, reason: str) -> None:  # noqa: ARG002
        """Give the task up and open the slot again."""
        if incarnation != self._incarnations[slot]:
            return
        self._incarnations[slot] = incarnation + 1
        self._report(SlotDown(slot=slot, incarnation=incarnation, reason="its task was given up"))
        self._report(SlotUp(slot=slot, incarnation=incarnation + 1, pid=0))

    def close(self, timeout: float) -> None:
        """Cancel what runs and stop the loop; waits for its thread."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout)
        self._loop = None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise AssertionError("start() comes before run()")
        return self._loop

    def _on_task(self, slot: int, request_id: str, act: Callable[[Invocation, asyncio.Task[None]], object]) -> None:
        def look() -> None:
            invocation, task = self._tasks.get(slot, (None, None))
            if invocation is not None and task is not None and invocation.request_id == request_id:
                act(invocation, task)

        self._running_loop().call_soon_threadsafe(look)

    def _run_loop(self, up: threading.Event) -> None:
        with asyncio.Runner() as runner:  # cancels what is left and shuts async generators down
            self._loop = runner.get_loop()
            self._loop.call_soon(up.set)
            self._loop.run_forever()

    async def _work(self, slot: int, incarnation: int, run: RunFunction, invocation: Invocation) -> None:
        outcome = await self._call(run, invocation)
        if self._tasks.get(slot, (None, None))[0] is invocation:
            del self._tasks[slot]
        self._report(RunFinished(slot=slot, incarnation=incarnation, request_id=run.request_id, outcome=outcome))

    async def _call(self, run: RunFunction, invocation: Invocation) -> bytes:
        found = self._table.find(run.function)
        if isinstance(found, Failure):
            return outcome_to_bytes(found)
        bound = self._table.bind(run.function, found, run.arguments, invocation)
        if isinstance(bound, Failure):
            return outcome_to_bytes(bound)
        args, kwargs = bound
        try:
            with running(invocation):
                value = found(*args, **kwargs)
                if inspect.isawaitable(value):
                    value = await heeding(value, invocation)
        except BaseException as error:  # noqa: BLE001 - a user's function may raise anything; the loop must live on
            return outcome_to_bytes(outcome_of_error(error, found, args, kwargs))
        return outcome_to_bytes(outcome_of_value(value))
