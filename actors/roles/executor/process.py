"""Functions in hosted processes, one at a time in each: the default, and the only isolation that can be enforced.

What lives here: the mapping between slots and the children of the pool's supervisor. Who replaces a process that died
is that supervisor; this only notices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ....protocol.errors import ProtocolError
from ....protocol.exits import Signaled
from ...errors import ActorDeadError
from ...events import ActorExited
from ...hosting.hosted_ref import HostedRef
from ...ref import ActorRef
from ...system import ActorSystem
from ..messages import CancelRun, InterruptRun, RunFinished, RunFunction
from ..outcomes import failure_of, outcome_to_bytes
from .backend import Report, ignore_report
from .events import SlotDown

__all__ = ("SLOT_TARGET", "ProcessBackend", "slot_name")

SLOT_TARGET: Final = "regrow.actors.roles.executor.process_child:slot"
"""What a pool's ChildSpec starts."""

_STDERR_LINES: Final = 20  # last lines of a dead process that go into the failure


def slot_name(index: int) -> str:
    """The registered name of a slot's process."""
    return f"executor-{index}"


class ProcessBackend:
    """Finds the processes by name: they are children of a supervisor, and each comes up with SlotReady."""

    def __init__(self, slots: Sequence[int], system: ActorSystem) -> None:
        self._slots = {slot_name(index): index for index in slots}
        self._system = system
        self._report: Report = ignore_report
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self, report: Report) -> None:
        """Hear how processes end. Who comes up says so itself."""
        self._report = report
        self._unsubscribe = self._system.bus.subscribe(self._exited, ActorExited)

    def incarnation_of(self, slot: int, pid: int) -> int | None:
        """Which life of a slot this process is, None if it is over already."""
        ref = self._ref(slot)
        return ref.incarnation if isinstance(ref, HostedRef) and ref.pid in (pid, None) else None

    def run(self, slot: int, incarnation: int, run: RunFunction) -> None:
        """Send the order. To a process that is dead by now it is a dead letter, and its exit is under way."""
        try:
            self._tell(slot, run)
        except ProtocolError as error:  # larger than a frame
            outcome = outcome_to_bytes(failure_of("bad_arguments", error))
            self._report(RunFinished(slot=slot, incarnation=incarnation, request_id=run.request_id, outcome=outcome))

    def cancel(self, slot: int, request_id: str, reason: str) -> None:
        """Send the order."""
        self._tell(slot, CancelRun(request_id=request_id, reason=reason))

    def interrupt(self, slot: int, request_id: str, reason: str) -> None:
        """Send the order."""
        self._tell(slot, InterruptRun(request_id=request_id, reason=reason))

    def kill(self, slot: int, incarnation: int, reason: str) -> None:  # noqa: ARG002
        """Kill the process, if it is still in that life."""
        ref = self._ref(slot)
        if ref is not None and ref.incarnation == incarnation:
            ref.kill()

    def close(self, timeout: float) -> None:  # noqa: ARG002
        """Stop hearing; the processes belong to their supervisor."""
        self._unsubscribe()

    def _ref(self, slot: int) -> ActorRef | None:
        return self._system.whereis(slot_name(slot))

    def _tell(self, slot: int, message: object) -> None:
        ref = self._ref(slot)
        if ref is None:
            return
        try:
            ref.tell(message)
        except ActorDeadError:
            return  # its exit is under way and says the rest

    def _exited(self, event: object) -> None:
        """Runs in: the thread that announces the exit. Never blocks."""
        if not isinstance(event, ActorExited):
            return
        slot = self._slots.get(event.ref.name)
        if slot is None:
            return
        report = event.report
        words = [str(event.reason)]
        detail = ""
        if report is not None:
            if report.pid is not None:
                words.append(f"pid {report.pid}")
            if isinstance(event.reason, Signaled) and report.max_rss_bytes:
                words.append(f"at most {report.max_rss_bytes >> 20} MiB resident")
            detail = "\n".join(report.stderr_tail[-_STDERR_LINES:])
        reason = words[0] if len(words) == 1 else f"{words[0]} ({', '.join(words[1:])})"
        self._report(SlotDown(slot=slot, incarnation=event.incarnation, reason=reason, detail=detail))
