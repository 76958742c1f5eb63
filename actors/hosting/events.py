"""What hosting publishes on the bus of its system, beside `OutputCaptured` and `LogReceived`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...protocol.exits import ExitReason

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..signals import ExitReport

__all__ = (
    "CommandEnded",
    "HangEnded",
    "HangRecovered",
    "HangSuspected",
    "HostingFault",
    "HostingWarning",
    "LogsLost",
    "MessageQuarantined",
    "ProcessReplaced",
    "ReplacementFailed",
    "StacksDumped",
)


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
class MessageQuarantined:
    """So many processes have died with the same message in hand that it is refused from now on.

    `in_hand`: what it is, in words; `digest`: of its bytes, by which it is known; `reports`: of the deaths.
    """

    ref: ActorRef
    in_hand: str
    digest: int
    reports: tuple[ExitReport, ...]


@dataclass(frozen=True, slots=True)
class ProcessReplaced:
    """A process that was worn out has ended, and the one that was started before takes messages in its place.

    `incarnation`: of the new one; `why`: the limit that the old one had reached; `old`: its incarnation, with the
    `reason` and the `report` of its end: `normal`, unless it died of what it still had to finish.
    """

    ref: ActorRef
    incarnation: int
    why: str
    old: int
    reason: ExitReason
    report: ExitReport


@dataclass(frozen=True, slots=True)
class ReplacementFailed:
    """A process that is worn out stays, because the one that was to replace it did not become ready.

    `incarnation`: of the one that stays; `why`: the limit that it has reached.
    """

    ref: ActorRef
    incarnation: int
    why: str
    reason: ExitReason
    report: ExitReport | None = None


@dataclass(frozen=True, slots=True)
class CommandEnded:
    """An external program has ended; comes before its actor's exit."""

    ref: ActorRef
    pid: int
    reason: ExitReason
    stderr_tail: tuple[str, ...]
    max_rss_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class HangSuspected:
    """A hosted process has not got on for so many seconds; told once for each verdict, until it gets on again.

    `verdict`: blocked, busy, starved, deadlocked, stopped; `limit`: after so many seconds it is ended, None if never.
    """

    ref: ActorRef
    incarnation: int
    verdict: str
    seconds: float
    limit: float | None
    in_hand: str | None


@dataclass(frozen=True, slots=True)
class StacksDumped:
    """Where all threads of a hosted process are that does not get on; follows its HangSuspected."""

    ref: ActorRef
    incarnation: int
    stacks: str


@dataclass(frozen=True, slots=True)
class HangRecovered:
    """After a HangSuspected: it gets on again, so many seconds after it had ceased to."""

    ref: ActorRef
    incarnation: int
    verdict: str
    seconds: float


@dataclass(frozen=True, slots=True)
class HangEnded:
    """A hosted process is ended for hanging; its exit comes next, with the reason `Hang(why)`.

    `why`: the verdict, or "deadline" for a message that was in hand for too long.
    """

    ref: ActorRef
    incarnation: int
    why: str
    verdict: str
    seconds: float
    limit: float
    in_hand: str | None
