"""The life of a request, as a table, and what the broker knows of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from regrow.connect.broker.waiting import Queue
from regrow.connect.store.changes import Ending
from regrow.protocol.session.messages import Outcome, Terms

__all__ = ("HELD", "PLAIN", "TRANSITIONS", "Request", "RequestState", "Step")


class RequestState(StrEnum):
    """Where a request is: waiting, given to a worker, taken by it, waiting for its next attempt, over."""

    QUEUED = "queued"
    LEASED = "leased"
    RUNNING = "running"
    RETRY_WAIT = "retry_wait"  # or for its first, which was to be later
    SETTLED = "settled"


HELD: Final = (RequestState.LEASED, RequestState.RUNNING)
"""The states in which a worker has a request under a good lease."""


class Step(StrEnum):
    """What can happen to a request."""

    GRANT = "grant"  # a worker was chosen and the lease granted
    TAKE = "take"  # the worker said that it has it
    RETURN = "return"  # the lease was lost, or given back, or refused: to the queue again
    DELAY = "delay"  # an attempt failed and another one follows later
    WAKE = "wake"  # that later has come
    SETTLE = "settle"  # it is over


TRANSITIONS: Final[dict[RequestState, dict[Step, RequestState]]] = {
    RequestState.QUEUED: {
        Step.GRANT: RequestState.LEASED,
        Step.DELAY: RequestState.RETRY_WAIT,
        Step.SETTLE: RequestState.SETTLED,
    },
    RequestState.LEASED: {
        Step.TAKE: RequestState.RUNNING,
        Step.RETURN: RequestState.QUEUED,
        Step.DELAY: RequestState.RETRY_WAIT,
        Step.SETTLE: RequestState.SETTLED,
    },
    RequestState.RUNNING: {
        Step.TAKE: RequestState.RUNNING,
        Step.RETURN: RequestState.QUEUED,
        Step.DELAY: RequestState.RETRY_WAIT,
        Step.SETTLE: RequestState.SETTLED,
    },
    RequestState.RETRY_WAIT: {
        Step.WAKE: RequestState.QUEUED,
        Step.SETTLE: RequestState.SETTLED,
    },
    RequestState.SETTLED: {},
}
"""QUEUED -> RETRY_WAIT: a lease expired, the request waits again, and its old worker reports a retryable failure."""


PLAIN: Final = Terms()
"""The terms of a request that names none."""


@dataclass(slots=True, eq=False, kw_only=True)
class Request:
    """What the broker knows of a request. Only the broker changes it, and its state only through `step`."""

    request_id: str
    function: str
    arguments: bytes
    submitted: float
    deadline: float | None
    max_attempts: int
    priority: int
    sequence: int
    need: str = ""  # the labels that its worker has to have, as text
    terms: Terms = PLAIN
    state: RequestState = RequestState.QUEUED
    attempts: int = 0
    instance: str = ""  # who holds the lease; "" while nobody does
    lease_id: int = 0  # the last lease granted; stays after it ended, so that a late result can be judged
    concluded: int = 0  # the last lease whose result was dealt with: a repeated one changes nothing
    waiters: set[str] = field(default_factory=set)  # connections that want to know
    outcome: Outcome | None = None
    ending: Ending | None = None
    settled: float = 0.0

    @property
    def queue(self) -> Queue:
        """Where it waits for a worker."""
        return self.function, self.need

    def step(self, step: Step) -> None:
        """Move on. A step that the table does not have is a mistake of the broker, never of a peer."""
        target = TRANSITIONS[self.state].get(step)
        if target is None:
            raise AssertionError(f"request {self.request_id}: no step {step} from {self.state}")
        self.state = target

    def adoptable(self, lease_id: int) -> bool:
        """Whether a worker that still runs this under `lease_id` may have it back: nobody else was given it since."""
        return self.state is RequestState.QUEUED and self.lease_id == lease_id != self.concluded
