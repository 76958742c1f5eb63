"""What the core tells its shell to do: imperative, in order, each a frozen value.

What lives here: the commands and the keys of their timers. What must not: how any of it is done.
A *life* is one incarnation of a child, under the core's own number: unique within one supervisor, never used again.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from ..actors.child_spec import ChildSpec
from ..protocol.exits import SHUTDOWN, ExitReason
from .errors import SupervisionError
from .events import SupervisionEvent
from .requests import Reconfigure, ReconfigureFrom
from .results import Result

__all__ = (
    "Announce",
    "BackoffReset",
    "CancelTimer",
    "Command",
    "ConfirmStart",
    "ExitSelf",
    "FailStart",
    "ForgetChild",
    "GroupDue",
    "KillDeadline",
    "KillLife",
    "ReconfigureLife",
    "Refuse",
    "Reply",
    "RestartDue",
    "SetTimer",
    "StartLife",
    "StopDeadline",
    "StopLife",
    "TimerKey",
    "WaveDeadline",
)


@dataclass(frozen=True, slots=True)
class StopDeadline:
    """A life was asked to stop and gets no more time than this."""

    child_id: str
    life: int


@dataclass(frozen=True, slots=True)
class KillDeadline:
    """A life was killed; if nobody has seen it end by now, it is given up as unstopped."""

    child_id: str
    life: int


@dataclass(frozen=True, slots=True)
class RestartDue:
    """A child's backoff is over. `turn` tells this wait from earlier ones of the same child."""

    child_id: str
    turn: int


@dataclass(frozen=True, slots=True)
class GroupDue:
    """A group's backoff is over. `turn` tells this wait from earlier ones."""

    turn: int


@dataclass(frozen=True, slots=True)
class WaveDeadline:
    """Lives that were asked to stop, or killed, together get no more time than this. `wave`: their number."""

    wave: int


@dataclass(frozen=True, slots=True)
class BackoffReset:
    """A life has been ready for long enough that the next failure is the first again."""

    child_id: str
    life: int


TimerKey: TypeAlias = StopDeadline | KillDeadline | RestartDue | GroupDue | WaveDeadline | BackoffReset


@dataclass(frozen=True, slots=True)
class StartLife:
    """Begin one life of a child. Answer with LifeBegun, then LifeReady, LifeIgnored or LifeFailed."""

    child_id: str
    life: int
    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class StopLife:
    """Ask a life to stop. `deadline`: monotonic seconds at which it will be killed, None for never."""

    child_id: str
    life: int
    deadline: float | None
    reason: ExitReason = SHUTDOWN


@dataclass(frozen=True, slots=True)
class KillLife:
    """End a life without asking. A thread is abandoned, a process is killed."""

    child_id: str
    life: int


@dataclass(frozen=True, slots=True)
class ReconfigureLife:
    """Ask a life that is a supervisor to follow a new spec. Answer with LifeReconfigured, unless it ends first."""

    child_id: str
    life: int
    message: Reconfigure | ReconfigureFrom


@dataclass(frozen=True, slots=True)
class ForgetChild:
    """The child has left the table for good: drop its ref."""

    child_id: str


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Feed TimerFired(key) back at `at` (monotonic seconds)."""

    key: TimerKey
    at: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The timer is not wanted any more. One that fires all the same is ignored by its key."""

    key: TimerKey


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer a request."""

    to: Hashable
    value: Result


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer a request with an error."""

    to: Hashable
    error: SupervisionError


@dataclass(frozen=True, slots=True)
class Announce:
    """Publish a fact."""

    event: SupervisionEvent


@dataclass(frozen=True, slots=True)
class ConfirmStart:
    """All children are started: the supervisor's own start is done."""


@dataclass(frozen=True, slots=True)
class FailStart:
    """The supervisor's own start has failed; everything that had started is stopped. ExitSelf follows."""

    error: SupervisionError


@dataclass(frozen=True, slots=True)
class ExitSelf:
    """No child is left: end with this reason. The last command there is."""

    reason: ExitReason


Command: TypeAlias = (
    StartLife
    | StopLife
    | KillLife
    | ReconfigureLife
    | ForgetChild
    | SetTimer
    | CancelTimer
    | Reply
    | Refuse
    | Announce
    | ConfirmStart
    | FailStart
    | ExitSelf
)
