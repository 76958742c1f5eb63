"""What a supervisor publishes on its system's event bus: facts, past tense.

What lives here: the facts alone. What the core is fed with is in core_events.py.
In all of them: `supervisor` is the path of the supervisor in its tree ("root/pool": the child ids from the root down;
a root goes by its name, or "root"), `child_id` the id in its table, `life` the number of the incarnation in that
supervisor, starting at 1 and never used twice, `restarts` how many restarts this child has seen since it was added.
`RestartScheduled` is suture's EventBackoff, `Unstopped` its EventStopTimeout; the others are OTP's reports: progress,
child_terminated, start_error, shutdown_error, and the one that says reached_max_restart_intensity.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ..actors.child_spec import Restart
from ..protocol.exits import ExitReason
from .decay import FailureDecay
from .intensity import RestartIntensity
from .results import Reconfigured

__all__ = (
    "BackoffWasReset",
    "ChildStartFailed",
    "ChildStarted",
    "ChildTerminated",
    "IntensityReached",
    "RestartScheduled",
    "ShutdownError",
    "ShutdownErrors",
    "SignificantChildEnded",
    "SupervisionEvent",
    "SupervisorLeftDown",
    "SupervisorReconfigured",
    "SupervisorStarted",
    "Unstopped",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStarted:
    """All children of the spec have been started, or have asked to be ignored."""

    supervisor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorReconfigured:
    """A new spec has been followed, and was not the old one. `result`: what was done, also below this supervisor.

    The supervisors below that had something to do say so themselves, before.
    """

    supervisor: str
    result: Reconfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarted:
    """A life has become ready."""

    supervisor: str
    child_id: str
    life: int
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStartFailed:
    """A life has ended before it was ready."""

    supervisor: str
    child_id: str
    life: int
    reason: ExitReason
    restarts: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildTerminated:
    """A life that had been ready has ended. `expected`: the supervisor had asked for it.

    `report` is the runtime's report of the death (last lines, message in hand), where there is one.
    """

    supervisor: str
    child_id: str
    life: int
    reason: ExitReason
    expected: bool
    report: object = None
    restarts: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartScheduled:
    """A restart has been decided. `delay`: seconds from now; `failures`: since the backoff was last reset.

    `group`: all the children that will be restarted together, in start order. `life` is the one that has ended or has
    failed to start, for `reason`.
    """

    supervisor: str
    child_id: str
    delay: float
    failures: int
    group: tuple[str, ...]
    life: int = field(default=0, compare=False)
    reason: ExitReason | None = field(default=None, compare=False)
    restarts: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffWasReset:
    """A child has been ready for so long that its next failure is the first again."""

    supervisor: str
    child_id: str
    life: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensityReached:
    """One more restart would be too many: the supervisor gives up, stops its children and ends.

    What was exceeded: `max_restarts` within `max_seconds`; or, where it is given, `decay`, of which these two are then
    the attempts at once that it forgives and the seconds that it remembers one for.
    """

    supervisor: str
    child_id: str
    max_restarts: int
    max_seconds: float
    decay: FailureDecay | None = None
    life: int = field(default=0, compare=False)
    reason: ExitReason | None = field(default=None, compare=False)
    restarts: int = field(default=0, compare=False)

    @property
    def intensity(self) -> RestartIntensity | FailureDecay:
        """The value that was exceeded."""
        return RestartIntensity(self.max_restarts, self.max_seconds) if self.decay is None else self.decay


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorLeftDown:
    """A child that is a supervisor has given up, and stays down with all below it, because of its restart type."""

    supervisor: str
    child_id: str
    life: int
    restart: Restart


@dataclass(frozen=True, slots=True, kw_only=True)
class SignificantChildEnded:
    """The end of this child ends the supervisor (auto_shutdown)."""

    supervisor: str
    child_id: str
    reason: ExitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownError:
    """A child that was asked to stop has ended with another reason than a clean one."""

    supervisor: str
    child_id: str
    life: int
    reason: ExitReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutdownErrors:
    """So many children of a DynamicSupervisor that ended have ended with this reason instead of a clean one."""

    supervisor: str
    reason: ExitReason
    children: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unstopped:
    """A life was killed and may still be running: a thread that cannot be killed, fenced and abandoned."""

    supervisor: str
    child_id: str
    life: int


SupervisionEvent: TypeAlias = (
    SupervisorStarted
    | SupervisorReconfigured
    | ChildStarted
    | ChildStartFailed
    | ChildTerminated
    | RestartScheduled
    | BackoffWasReset
    | IntensityReached
    | SupervisorLeftDown
    | SignificantChildEnded
    | ShutdownError
    | ShutdownErrors
    | Unstopped
)
