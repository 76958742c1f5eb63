"""What hosting publishes on the bus of its system, beside `OutputCaptured` and `LogReceived`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...protocol.exits import ExitReason

if TYPE_CHECKING:
    from ..ref import ActorRef

__all__ = ("CommandEnded", "HostingFault", "HostingWarning", "LogsLost")


@dataclass(frozen=True, slots=True)
class HostingWarning:
    """Something is wrong but survivable: no zygote, a module that cannot be preloaded."""

    text: str


@dataclass(frozen=True, slots=True)
class HostingFault:
    """A callback on the I/O thread raised: a log sink's mistake, or ours. The thread goes on."""

    ref: ActorRef | None
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class LogsLost:
    """A hosted process had numbered more log records than have arrived when it ended."""

    ref: ActorRef
    incarnation: int
    count: int


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """An external program has ended; comes before its actor's exit."""

    ref: ActorRef
    pid: int
    reason: ExitReason
    stderr_tail: tuple[str, ...]
    max_rss_bytes: int | None = None
