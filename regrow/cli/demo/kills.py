"""Breaking the demo's parts, and taking the time until each of them works again.

What lives here: for each target, whom to hit and what counts as recovered. What must not: when (that is the plan's).
Runs in: the demo's main thread; every wait is bounded by `RECOVERY_DEADLINE`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from regrow.actors.hosting import HostedRef
from regrow.chaos import Fault, Injection, TargetGone, inject
from regrow.cli.demo.report import KillRecord
from regrow.connect.worker import Worker
from regrow.supervision.events import ChildStarted

__all__ = ("RECOVERY_DEADLINE", "Breaker")

RECOVERY_DEADLINE: Final = 20.0  # seconds; what takes longer counts as never
_LOOK_SECONDS: Final = 0.002  # between two looks at a page or a status that sends no event


class Breaker:
    """Hits targets by name: link, executor, frozen executor, gateway. One at a time."""

    def __init__(self, worker: Worker, gateway: HostedRef) -> None:
        self._worker = worker
        self._gateway = gateway

    def carry_out(self, injection: Injection) -> KillRecord:
        """Inject and wait for the recovery. Blocks for up to RECOVERY_DEADLINE seconds."""
        match injection.target:
            case "link":
                return self._hit_link(injection.fault)
            case "gateway":
                return self._hit_gateway(injection.fault)
            case _:
                return self._hit_executor(injection.fault)

    def _hit_link(self, fault: Fault) -> KillRecord:
        before = self._worker.watch.link
        pid = self._worker.link_pid
        if pid is None:
            return KillRecord("link", str(fault), None)
        started = time.monotonic()
        inject(fault, pid)
        ready = self._worker.watch.wait(
            lambda: self._worker.watch.link.phase == "ready" and self._worker.watch.link.pid != before.pid,
            RECOVERY_DEADLINE,
        )
        return _record("link", fault, started, recovered=ready)

    def _hit_gateway(self, fault: Fault) -> KillRecord:
        readies = self._worker.watch.link.readies
        pid = self._gateway.pid
        if pid is None:
            return KillRecord("gateway", str(fault), None)
        started = time.monotonic()
        inject(fault, pid)
        ready = self._worker.watch.wait(
            lambda: self._worker.watch.link.readies > readies and self._worker.watch.link.phase == "ready",
            RECOVERY_DEADLINE,
        )
        return _record("gateway", fault, started, recovered=ready)

    def _hit_executor(self, fault: Fault) -> KillRecord:
        restarts = self._worker.system.bus.collect(ChildStarted)
        try:
            hit: list[str] = []

            def strike() -> bool:
                """Hit one that is in the middle of a function, as its black box says."""
                slot = self._busy_slot()
                if slot is None or slot.pid is None:
                    return False
                try:
                    inject(fault, slot.pid)
                except TargetGone:
                    return False  # replaced between the look and the blow: look again
                hit.append(slot.name)
                return True

            if not _wait(strike):
                return KillRecord("executor", str(fault), None)
            started = time.monotonic()
            while (left := started + RECOVERY_DEADLINE - time.monotonic()) > 0:
                try:
                    fact = restarts.get(timeout=left)
                except TimeoutError:
                    break
                if isinstance(fact, ChildStarted) and fact.child_id == hit[0]:
                    return _record("executor", fault, started, recovered=True)
            return KillRecord("executor", str(fault), None)
        finally:
            restarts.unsubscribe()

    def _busy_slot(self) -> HostedRef | None:
        for index in range(self._worker.capacity):
            ref = self._worker.system.whereis(f"executor-{index}")
            recorded = ref.black_box if isinstance(ref, HostedRef) else None
            if isinstance(ref, HostedRef) and recorded is not None and recorded.in_hand is not None:
                return ref
        return None


def _wait(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + RECOVERY_DEADLINE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _record(target: str, fault: Fault, started: float, *, recovered: bool) -> KillRecord:
    took = (time.monotonic() - started) * 1000
    return KillRecord(target, str(fault), round(took, 1) if recovered else None)
