"""What happens to the broker, and what it wants done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from regrow.connect.store.changes import Change
from regrow.protocol.session.messages import Connect, Message

__all__ = (
    "Command",
    "Disconnect",
    "DrainStarted",
    "Event",
    "PeerJoined",
    "PeerLeft",
    "PeerSaid",
    "Report",
    "Send",
    "TimePassed",
)


@dataclass(frozen=True, slots=True)
class PeerJoined:
    """A peer whose token is good said who it is. `connection` names this connection and no other, ever."""

    connection: str
    connect: Connect


@dataclass(frozen=True, slots=True)
class PeerSaid:
    """A peer that had joined said something."""

    connection: str
    message: Message


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """The connection of a peer that had joined is gone, for whatever reason; `too_big`: by what it was sent last."""

    connection: str
    too_big: bool = False


@dataclass(frozen=True, slots=True)
class DrainStarted:
    """The gateway is going away: give out no more work, take no more requests, tell everybody."""

    grace_ms: int


@dataclass(frozen=True, slots=True)
class TimePassed:
    """What `due()` named has come."""


Event: TypeAlias = PeerJoined | PeerSaid | PeerLeft | DrainStarted | TimePassed


@dataclass(frozen=True, slots=True)
class Send:
    """Say something to a peer; `after_commit`: only when everything asked to be saved so far is safe."""

    connection: str
    message: Message
    after_commit: bool = False


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close a connection with this code and reason, after what was said to it."""

    connection: str
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """Something that a person may want to know; the shell logs it."""

    level: Literal["debug", "info", "warning", "error"]
    text: str
    context: dict[str, object] = field(default_factory=dict)


Command: TypeAlias = Send | Disconnect | Report | Change
