"""The messages that the runtime itself puts into a mailbox, ahead of users' ones."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..protocol.exits import ExitReason

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = (
    "MONITORED",
    "NEWS",
    "Down",
    "Exit",
    "ExitReport",
    "ExitSignal",
    "GroupJoined",
    "GroupLeft",
    "Registered",
    "StopRequest",
    "Unregistered",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReport:
    """What is known of a life that ended, beside the reason; every field may be missing."""

    pid: int | None = None
    stderr_tail: tuple[str, ...] = ()
    in_hand: str | None = None  # the message that was being handled, in words
    uptime: float | None = None  # seconds since ready
    max_rss_bytes: int | None = None
    traceback: str | None = None
    stack_dump: str | None = None


@dataclass(frozen=True, slots=True)
class Exit:
    """Somebody linked has ended, or sent an exit signal; reaches `on_receive` of actors that trap exits.

    `sender` is None if the signal came from outside of any actor.
    """

    sender: ActorRef | None
    reason: ExitReason
    incarnation: int = 0
    report: ExitReport | None = None


@dataclass(frozen=True, slots=True)
class Down:
    """Somebody monitored has ended; exactly one for every monitor that was not taken back."""

    monitor: int
    ref: ActorRef
    reason: ExitReason
    incarnation: int = 0


@dataclass(frozen=True, slots=True)
class GroupJoined:
    """These have joined a group that is monitored; one that has joined more than once is named as often."""

    monitor: int
    group: Hashable
    refs: tuple[ActorRef, ...]


@dataclass(frozen=True, slots=True)
class GroupLeft:
    """These have left a group that is monitored, or have ended; one that had joined more than once as often."""

    monitor: int
    group: Hashable
    refs: tuple[ActorRef, ...]


@dataclass(frozen=True, slots=True)
class Registered:
    """Somebody is under a key of a registry now."""

    registry: str
    key: Hashable
    ref: ActorRef
    value: object


@dataclass(frozen=True, slots=True)
class Unregistered:
    """Somebody is not under a key of a registry any more: it has ended, or the entry was taken back."""

    registry: str
    key: Hashable
    ref: ActorRef
    value: object


@dataclass(frozen=True, slots=True)
class ExitSignal:
    """An exit signal on its way; what it does is decided when it is taken from the mailbox."""

    exit: Exit


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Please end with this reason, by `deadline` (monotonic seconds) if there is one."""

    reason: ExitReason
    deadline: float | None = None


NEWS: Final = frozenset((GroupJoined, GroupLeft, Registered, Unregistered))
"""What is put as a message and yet goes with the signals, so that no Down overtakes it."""
MONITORED: Final = (Down, GroupJoined, GroupLeft)
"""What monitors bring; each has the number of its monitor."""
