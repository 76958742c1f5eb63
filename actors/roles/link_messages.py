"""What the roles inside the connection process say to each other; none of it leaves that process.

The roles find each other by name: each life of a role looks its elder siblings up, which `rest_for_one` has started
before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from ...protocol.session.protocol import Intervals
from .outbox_store import OwedResult

if TYPE_CHECKING:
    from ..actor import Actor
    from ..ref import ActorRef
    from .wire import Wire

__all__ = (
    "CONNECTION",
    "HEARTBEAT",
    "LEASES",
    "OUTBOX",
    "BeatAcknowledged",
    "DialNow",
    "HandshakeOverdue",
    "Joined",
    "LeaveNow",
    "OwedKnown",
    "ResultAcknowledged",
    "ResultWanted",
    "RetiringOverdue",
    "RoleLogged",
    "SendResult",
    "SessionEnded",
    "SessionReady",
    "SilenceOverdue",
    "Tick",
    "sibling",
)


CONNECTION: Final = "connection"
HEARTBEAT: Final = "heartbeat"
LEASES: Final = "leases"
OUTBOX: Final = "outbox"


def sibling(actor: Actor, name: str) -> ActorRef:
    """Find a role of this process. Errors: LookupError if it does not live; then the asker is too early."""
    found = actor.system.whereis(name)
    if found is None:
        raise LookupError(f"{actor.name}: expected the role {name!r} to live in this process, found nobody")
    return found


@dataclass(frozen=True, slots=True)
class Joined:
    """heartbeat, leases, outbox -> connection, once a life: tell me when a session is ready and when it ends."""

    ref: ActorRef
    role: Literal["heartbeat", "leases", "outbox"]


@dataclass(frozen=True, slots=True)
class RoleLogged:
    """A role -> the bus of its process: worth a line in the user's log. The logger_proxy takes it home."""

    source: str
    level: str
    text: str
    context: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class OwedKnown:
    """outbox -> connection, once a life: this is our epoch, and these results are on disk from before."""

    epoch: int
    results: tuple[OwedResult, ...]


@dataclass(frozen=True, slots=True)
class SessionReady:
    """connection -> all that have joined: this wire can be used, under these intervals."""

    wire: Wire
    intervals: Intervals
    connection_id: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """connection -> all that have joined: the wire is gone."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """outbox -> connection: send this, stored result."""

    result: OwedResult


@dataclass(frozen=True, slots=True)
class ResultAcknowledged:
    """connection -> outbox: the gateway has it, or does not want it."""

    request_id: str
    lease_id: int
    accepted: bool


@dataclass(frozen=True, slots=True)
class ResultWanted:
    """connection -> outbox: the gateway asks again, under a newer lease, for what has a result already."""

    request_id: str
    lease_id: int


@dataclass(frozen=True, slots=True)
class BeatAcknowledged:
    """connection -> heartbeat."""

    sequence: int


@dataclass(frozen=True, slots=True)
class DialNow:
    """connection -> itself: the wait is over."""


@dataclass(frozen=True, slots=True)
class HandshakeOverdue:
    """connection -> itself: this dial should be ready by now."""

    dial: int


@dataclass(frozen=True, slots=True)
class RetiringOverdue:
    """connection -> itself: the old session's grace is over."""

    wire: Wire


@dataclass(frozen=True, slots=True)
class SilenceOverdue:
    """heartbeat -> itself: if the gateway has said nothing since, it is gone. `order` as Tick's."""

    order: int


@dataclass(frozen=True, slots=True)
class LeaveNow:
    """connection -> itself: the grace of the drain is nearly over, whatever is still held."""

    wire: Wire


@dataclass(frozen=True, slots=True)
class Tick:
    """A role -> itself: time to do your duty. `order` tells a tick of an earlier schedule from one of this."""

    order: int = 0
