"""What the core is fed with: facts of the outside, past tense, each a frozen value.

What lives here: the core's input. What a supervisor publishes is in events.py.
Every event of a life carries its number; one that is not the child's current life is stale and ignored.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..protocol.exits import SHUTDOWN, ExitReason
from .commands import TimerKey
from .requests import Request
from .results import Reconfigured

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = (
    "Booted",
    "CoreEvent",
    "LifeBegun",
    "LifeEnded",
    "LifeFailed",
    "LifeIgnored",
    "LifeReady",
    "LifeReconfigured",
    "Requested",
    "StopRequested",
    "TimerFired",
)


@dataclass(frozen=True, slots=True)
class Booted:
    """The shell is up: start the children. The first event, and only once."""


@dataclass(frozen=True, slots=True)
class LifeBegun:
    """A life has a ref now, though it is not ready yet. `incarnation`: the runtime's own count for that ref."""

    child_id: str
    life: int
    ref: ActorRef[Any]
    incarnation: int


@dataclass(frozen=True, slots=True)
class LifeReady:
    """A life has said that it is ready; `info` is what else it had to say."""

    child_id: str
    life: int
    info: object = None


@dataclass(frozen=True, slots=True)
class LifeIgnored:
    """A life has asked to be left out."""

    child_id: str
    life: int


@dataclass(frozen=True, slots=True)
class LifeFailed:
    """A life has ended before it was ready. `abandoned`: its thread may still be running, fenced.

    `holder`: who lives under the name that it was to have, if that is why.
    """

    child_id: str
    life: int
    reason: ExitReason
    report: object = None
    abandoned: bool = False
    holder: ActorRef[Any] | None = None


@dataclass(frozen=True, slots=True)
class LifeEnded:
    """A life that had been ready has ended. `abandoned`: its thread may still be running, fenced."""

    child_id: str
    life: int
    reason: ExitReason
    report: object = None
    abandoned: bool = False


@dataclass(frozen=True, slots=True)
class LifeReconfigured:
    """A life has answered to ReconfigureLife: it follows (`result`), it refuses (`error`), or it cannot (neither)."""

    child_id: str
    life: int
    result: Reconfigured | None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time that SetTimer asked for has come."""

    key: TimerKey


@dataclass(frozen=True, slots=True)
class StopRequested:
    """The supervisor's own end is wanted, by its parent, its system or its user."""

    reason: ExitReason = SHUTDOWN


@dataclass(frozen=True, slots=True)
class Requested:
    """Someone asks. `reply_to` is given back in Reply or Refuse, exactly once."""

    request: Request
    reply_to: Hashable


CoreEvent: TypeAlias = (
    Booted
    | LifeBegun
    | LifeReady
    | LifeIgnored
    | LifeFailed
    | LifeEnded
    | LifeReconfigured
    | TimerFired
    | StopRequested
    | Requested
)
