"""What an executor is told, counts, and knows of one request.

What lives here: values, and what follows from them alone. What must not: rules (core.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from ....protocol.session.messages import Failure, FailureKind
from ..messages import FunctionTarget, InvocationFinished, InvocationOffered, RunFunction
from ..outcomes import outcome_from_bytes, outcome_to_bytes

__all__ = ("ExecutorSettings", "ExecutorStatistics", "Phase", "Request", "Rung", "deadline_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorSettings:
    """How much an executor takes on, and how patient it is. Shape: the graces in seconds."""

    capacity: int
    prefetch: int = 0  # requests that the gateway may send ahead of free slots
    queue_bound: int = 0  # requests that may wait beyond `capacity` before the answer is BUSY
    deaths_before_quarantine: int = 3
    cancel_grace: float = 1.0  # from the flag to the interrupt
    interrupt_grace: float = 1.0  # from the interrupt to the kill


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorStatistics:
    """Counts since the executor started."""

    taken: int = 0
    runs: int = 0  # times that a function was started; more than once for a request whose process died
    refused: int = 0
    finished: int = 0
    deaths: int = 0
    rerun: int = 0
    quarantined: int = 0
    killed: int = 0
    stale: int = 0  # reports of runs that were over for us already


class Phase(Enum):
    """Where a request is in its life here."""

    WAITING = auto()
    RUNNING = auto()
    ENDED = auto()


class Rung(Enum):
    """How far up the ladder a run is that must end."""

    NONE = auto()
    FLAGGED = auto()
    INTERRUPTED = auto()
    KILLED = auto()


@dataclass(slots=True)
class Request:
    """What the core knows of one request."""

    request_id: str
    lease_id: int
    function: FunctionTarget
    arguments: bytes
    attempt: int
    deadline: float | None
    headers: dict[str, str]
    phase: Phase = Phase.WAITING
    slot: int = -1
    rung: Rung = Rung.NONE
    ending: tuple[FailureKind, str] | None = None  # why it must end; set on the first rung
    lost: bool = False  # nobody waits for its outcome
    reruns: int = 0
    outcome: bytes = b""

    def run_on(self, incarnation: int, seconds_left: float | None) -> RunFunction:
        """Give the order for the slot that it runs on."""
        return RunFunction(
            request_id=self.request_id,
            function=self.function,
            arguments=self.arguments,
            incarnation=incarnation,
            attempt=self.attempt + self.reruns,
            deadline=seconds_left,
            headers=self.headers,
        )

    def as_told(self, outcome: bytes) -> bytes:
        """A run that gave in on the ladder ended for the reason it was given; one that succeeded, succeeded."""
        if self.ending is None:
            return outcome
        ended = outcome_from_bytes(outcome)
        if not isinstance(ended, Failure) or ended.kind != "cancelled":
            return outcome
        kind, text = self.ending
        return outcome_to_bytes(Failure(kind, kind.capitalize(), text, ended.traceback))

    def finished(self) -> InvocationFinished:
        """Give what the outbox is told."""
        return InvocationFinished(request_id=self.request_id, lease_id=self.lease_id, outcome=self.outcome)


def deadline_of(offer: InvocationOffered, function: FunctionTarget, now: float) -> float | None:
    """Give the monotonic second at which it is too late; None: never."""
    limits = [function.deadline] if function.deadline is not None else []
    if offer.deadline_ms is not None:
        limits.append(offer.deadline_ms / 1000)
    return now + min(limits) if limits else None
