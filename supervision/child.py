"""One row of a supervisor's table: a child, what it is doing, and what is waiting for it.

What lives here: the row. It changes only by `move`, along the table in states.py, and by the core's own modules.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..actors.child_spec import BrutalKill, ChildSpec, Restart
from ..protocol.exits import ExitReason, Killed, Normal, Shutdown, is_abnormal
from .results import ChildInfo
from .states import ChildState, Step, next_state

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from .commands import TimerKey

__all__ = ("Child", "StartCause", "is_shutdown_error", "needs_restart")


class StartCause(StrEnum):
    """Why a life was begun; it decides what its failure means."""

    BOOT = "boot"  # fails the supervisor's own start
    ADDED = "added"  # by start_child: an error for the asker, and the spec is not kept
    MANUAL = "manual"  # by restart_child: an error for the asker, and the child stays stopped
    RESTART = "restart"  # by the supervisor: tried again, and counted
    RECONFIGURED = "reconfigured"  # to follow a new spec: not counted; tried again as a restart


@dataclass(slots=True)
class Child:
    """A child in a supervisor's table."""

    spec: ChildSpec  # what is started, under the id that it has in the table
    given: ChildSpec | None = None  # what was asked for, where that is not the same
    args: tuple[object, ...] = ()  # its own, behind those that were given
    state: ChildState = ChildState.STOPPED
    cause: StartCause = StartCause.BOOT
    life: int = 0  # of its current or latest incarnation; 0: it never had one
    ref: ActorRef[Any] | None = None  # from LifeBegun on; the same for all its lives
    incarnation: int = 0
    failures: int = 0  # ends that led to a restart, and failed restarts, since the last reset of the backoff
    last_delay: float = 0.0  # what the backoff gave for the last of them
    restarts: int = 0  # restart attempts since it was added
    turn: int = 0  # number of the wait in hand; 0 when it does not wait for a time of its own
    due: float | None = None  # when that wait is over
    reset_armed: bool = False  # a BackoffReset timer is set for this life
    ready: bool = False  # this life has been ready, so that it counts for as long as it lives
    withdrawn: bool = False  # this stop was asked for by name, so no group may start the child again
    killed: bool = False  # this life was killed, at once or past its deadline
    patience: TimerKey | None = None  # the timer that ends the wait for this life's end, where it has one of its own
    starter: Hashable | None = None  # whom to tell when it is ready
    enders: list[Hashable] = field(default_factory=list)  # whom to tell when it has ended
    last_reason: ExitReason | None = None

    @property
    def id(self) -> str:
        """The child's id."""
        return self.spec.id

    @property
    def restarting(self) -> bool:
        """Say whether it is down and about to come back, or coming back."""
        return self.state is ChildState.BACKOFF or (
            self.state is ChildState.STARTING and self.cause is StartCause.RESTART
        )

    def move(self, step: Step) -> None:
        """Go where `step` leads. Errors: AssertionError if it leads nowhere from here."""
        self.state = next_state(self.state, step)

    def info(self, now: float, group_due: float | None) -> ChildInfo:
        """Describe it. `group_due`: when the group that it waits with, if it does, is to be started."""
        due = group_due if self.due is None else self.due
        waits = self.state is ChildState.BACKOFF and due is not None
        return ChildInfo(
            id=self.id,
            ref=self.ref,
            state=self.state,
            restarting=self.restarting,
            type=self.spec.type,
            restart=self.spec.restart,
            significant=self.spec.significant,
            life=self.life,
            incarnation=self.incarnation,
            restarts=self.restarts,
            next_restart_in=max(0.0, due - now) if waits and due is not None else None,
            last_reason=None if self.last_reason is None else str(self.last_reason),
        )


def needs_restart(restart: Restart, reason: ExitReason) -> bool:
    """Say whether a child of this restart type that ended on its own is started again.

    Source: OTP supervisor do_restart/3.
    >>> needs_restart(Restart.PERMANENT, Normal()), needs_restart(Restart.TRANSIENT, Normal())
    (True, False)
    """
    if restart is Restart.PERMANENT:
        return True
    return restart is Restart.TRANSIENT and is_abnormal(reason)


def is_shutdown_error(spec: ChildSpec, reason: ExitReason) -> bool:
    """Say whether a child that was being stopped ended with a reason worth a report.

    Not worth one: what was asked for (`killed` for a brutal kill, a plain `shutdown` else), and any clean reason from a
    child that is not permanent. Source: OTP supervisor, shutdown/1 and its callers.
    """
    if isinstance(spec.effective_shutdown, BrutalKill):
        if isinstance(reason, Killed):
            return False
    elif isinstance(reason, Shutdown) and reason.detail is None:
        return False
    return spec.restart is Restart.PERMANENT or not isinstance(reason, Normal | Shutdown)
