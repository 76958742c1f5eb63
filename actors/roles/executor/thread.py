"""Functions in threads of the main process: for those that need its objects. A thread cannot be killed.

What lives here: slots of kind "thread". Past its ladder a run is given up: its thread is fenced off and replaced.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..calling import FunctionTable
from ..messages import RunFinished, RunFunction
from .backend import Report, ignore_report
from .events import SlotDown, SlotUp
from .runner import ContextMaker, Runner

__all__ = ("ThreadBackend",)


class ThreadBackend:
    """One thread a slot, made when first used."""

    def __init__(self, slots: Sequence[int], table: FunctionTable, context: ContextMaker) -> None:
        self._incarnations = dict.fromkeys(slots, 1)
        self._runners: dict[int, Runner] = {}
        self._table = table
        self._context = context
        self._report: Report = ignore_report

    def start(self, report: Report) -> None:
        """Say that every slot is up."""
        self._report = report
        for slot, incarnation in self._incarnations.items():
            report(SlotUp(slot=slot, incarnation=incarnation, pid=0))

    def run(self, slot: int, incarnation: int, run: RunFunction) -> None:
        """Hand a run to the slot's thread."""
        runner = self._runners.get(slot)
        if runner is None:
            runner = self._runners[slot] = self._make(slot, incarnation)
        runner.submit(run)

    def cancel(self, slot: int, request_id: str, reason: str) -> None:
        """Raise the flag."""
        if slot in self._runners:
            self._runners[slot].cancel(request_id, reason)

    def interrupt(self, slot: int, request_id: str, reason: str) -> None:
        """Raise `Interrupted` in the slot's thread."""
        if slot in self._runners:
            self._runners[slot].interrupt(request_id, reason)

    def kill(self, slot: int, incarnation: int, reason: str) -> None:  # noqa: ARG002
        """Give the thread up: what it still says belongs to an earlier incarnation and is ignored."""
        if incarnation != self._incarnations[slot]:
            return
        given_up = self._runners.pop(slot, None)
        if given_up is not None:
            given_up.close(wait=False)
        self._incarnations[slot] = incarnation + 1
        self._report(SlotDown(slot=slot, incarnation=incarnation, reason="its thread was given up"))
        self._report(SlotUp(slot=slot, incarnation=incarnation + 1, pid=0))

    def close(self, timeout: float) -> None:
        """End the threads; one that still runs user code is left to end by itself."""
        for runner in self._runners.values():
            runner.close(wait=False)
        for runner in self._runners.values():
            runner.thread.join(timeout)
        self._runners.clear()

    def _make(self, slot: int, incarnation: int) -> Runner:
        def finished(run: RunFunction, outcome: bytes) -> None:
            self._report(RunFinished(slot=slot, incarnation=incarnation, request_id=run.request_id, outcome=outcome))

        return Runner(f"regrow-function-{slot}", self._table, context=self._context, finished=finished)
