"""What is worth remembering of a request, as facts that a store writes and gives back.

What lives here: the changes that the broker asks to persist, and `StoredRequest`, what a store gives back at start.
What must not: how they are written. Times are monotonic seconds of this machine's boot; a store turns them into
wall-clock stamps, since what it keeps outlives the boot.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from regrow.protocol.session.messages import Outcome, Terms

__all__ = (
    "Change",
    "Ending",
    "ForgetRequest",
    "SaveLease",
    "SaveOutcome",
    "SaveRelease",
    "SaveRequest",
    "StoredRequest",
)


class Ending(StrEnum):
    """How a request was settled: it returned; it failed for good; or it failed in a way that may be worth a look."""

    COMPLETED = "completed"
    FAILED = "failed"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRequest:
    """A client's request was taken on."""

    request_id: str
    function: str
    arguments: bytes
    submitted: float
    deadline: float | None
    max_attempts: int
    priority: int
    terms: Terms | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveLease:
    """A worker was given the request; kept so that the worker can adopt it after a restart of the gateway."""

    request_id: str
    instance: str
    lease_id: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRelease:
    """No worker has the request any more; it waits, since an attempt failed or a lease was lost or given back."""

    request_id: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveOutcome:
    """The request is settled. `attempts` counts the leases under which it may have run."""

    request_id: str
    ending: Ending
    outcome: Outcome
    attempts: int
    instance: str
    lease_id: int
    settled: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetRequest:
    """The result was kept long enough."""

    request_id: str


Change: TypeAlias = SaveRequest | SaveLease | SaveRelease | SaveOutcome | ForgetRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """A request as a store remembers it. No `outcome`: not settled; no `instance`: nobody has it."""

    request_id: str
    function: str
    arguments: bytes
    submitted: float
    deadline: float | None
    max_attempts: int
    priority: int
    terms: Terms | None = None
    attempts: int = 0
    instance: str = ""
    lease_id: int = 0
    ending: Ending | None = None
    outcome: Outcome | None = None
    settled: float = 0.0
