"""The messages that the runtime itself puts into a mailbox, ahead of users' ones."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

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
    "OomVerdict",
    "Registered",
    "StopRequest",
    "Unregistered",
)


OomVerdict: TypeAlias = Literal["likely", "possible", "unlikely"]
"""Whether the kernel ended a process because memory ran out. It does not say whom it has killed, only how often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitReport:
    """What is known of a life that ended, beside the reason; every field may be missing.

    Of the processes `status` or `signal` is there, unless nobody knows it any more. `resident_bytes` is what was seen
    last, some seconds before; `max_rss_bytes` is the kernel's count of the peak, which of an executed process is at
    least the host's own. `oom` is None where nobody counts what the kernel kills.
    """

    pid: int | None = None
    incarnation: int | None = None
    begun_as: int | None = None  # the incarnation that was begun, if this one has taken its place as planned
    status: int | None = None  # that the process has exited with
    signal: str | None = None  # that has ended it, by its name: "SIGSEGV"
    core_dumped: bool = False
    oom: OomVerdict | None = None
    stderr_tail: tuple[str, ...] = ()  # the last lines, 64 KiB at most
    in_hand: str | None = None  # the message that was being handled, in words
    uptime: float | None = None  # seconds since ready
    resident_bytes: int | None = None
    max_rss_bytes: int | None = None
    traceback: str | None = None  # of the exception that it died of
    stack_dump: str | None = None  # of all threads, written by a fatal signal, or at the watcher's request


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
