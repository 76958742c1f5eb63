"""What the core knows, and the single steps that it can take with one child.

What lives here: the table, the restart log, the plan, the commands of the event in hand; steps without decisions.
What must not: clock, thread, I/O; why a step is taken (restarts.py, groups.py, ending.py, api.py).
"""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterable
from typing import Final

from ..actors.child_spec import BrutalKill, ChildSpec, Delays, Grace, Infinity, Restart
from ..protocol.exits import ExitReason
from . import commands as do
from .child import Child, StartCause, is_shutdown_error
from .errors import SupervisionError
from .events import ShutdownError, SupervisionEvent, Unstopped
from .intensity import RestartLog
from .plans import GroupPhase, GroupRestart, Plan
from .results import Done, StartedChild
from .spec import SupervisorSpec
from .states import ChildState, Step

__all__ = ("KILL_WAIT", "CoreState")

KILL_WAIT: Final = 5.0
"""Seconds that a killed life has to be seen dead; then it is given up as unstopped.

Differs from OTP, which waits without limit because its kill always works; here a thread cannot be killed, and a process
in an uninterruptible wait cannot either.
"""


class CoreState:
    """Everything that a supervisor's decisions depend on."""

    __slots__ = ("_lives", "_turns", "booted", "children", "ended", "log", "name", "now", "out", "plan", "rng", "spec")

    def __init__(self, spec: SupervisorSpec, rng: random.Random, name: str) -> None:
        self.spec: Final = spec
        self.rng: Final = rng
        self.name: Final = name
        self.children: dict[str, Child] = {child.id: Child(child) for child in spec.children}  # in start order
        self.log: RestartLog = ()
        self.plan: Plan | None = None
        self.booted = False
        self.ended = False
        self.now = 0.0
        self.out: list[do.Command] = []
        self._lives = 0
        self._turns = 0

    def current(self, child_id: str, life: int) -> Child | None:
        """Give the child if `life` is its current one; anything else is a ghost of an earlier life."""
        child = self.children.get(child_id)
        return child if child is not None and child.life == life else None

    def delays(self, spec: ChildSpec) -> Delays:
        """Give the backoff that counts for a child."""
        return self.spec.backoff if spec.backoff is None else spec.backoff

    @property
    def group_due(self) -> float | None:
        """When the waiting group is to be started; None without one."""
        plan = self.plan
        return plan.due if isinstance(plan, GroupRestart) and plan.phase is not GroupPhase.STARTING else None

    def next_turn(self) -> int:
        """Give a number that no wait had before."""
        self._turns += 1
        return self._turns

    def say(self, command: do.Command) -> None:
        """Add a command to those of the event in hand."""
        self.out.append(command)

    def announce(self, event: SupervisionEvent) -> None:
        """Have a fact published."""
        self.out.append(do.Announce(event))

    def begin(self, child: Child, cause: StartCause) -> None:
        """Order a new life."""
        child.move(Step.BEGIN)
        self._lives += 1
        child.life = self._lives
        child.cause = cause
        child.due, child.turn = None, 0
        child.withdrawn = child.killed = False
        if cause is StartCause.RESTART:
            child.restarts += 1
        self.say(do.StartLife(child.id, child.life, child.spec))

    def disarm(self, child: Child) -> None:
        """Cancel the reset of the backoff that this life would have earned."""
        if child.reset_armed:
            child.reset_armed = False
            self.say(do.CancelTimer(do.BackoffReset(child.id, child.life)))

    def ask_to_stop(self, child: Child) -> None:
        """Stop a life in the way its spec says, and note by when it has to be over."""
        self.disarm(child)
        child.move(Step.STOP)
        shutdown = child.spec.effective_shutdown
        match shutdown:
            case BrutalKill():
                self.kill(child)
            case Grace(seconds):
                deadline = self.now + seconds
                self.say(do.StopLife(child.id, child.life, deadline))
                self.say(do.SetTimer(do.StopDeadline(child.id, child.life), deadline))
            case Infinity():
                self.say(do.StopLife(child.id, child.life, None))

    def kill(self, child: Child) -> None:
        """End a life that is being stopped, without asking."""
        child.killed = True
        self.say(do.KillLife(child.id, child.life))
        self.say(do.SetTimer(do.KillDeadline(child.id, child.life), self.now + KILL_WAIT))

    def stopped(self, child: Child, step: Step, reason: ExitReason) -> None:
        """Note that a life that was being stopped is over, and tell those who waited for that."""
        child.move(step)
        child.last_reason = reason
        if child.killed:
            self.say(do.CancelTimer(do.KillDeadline(child.id, child.life)))
        elif isinstance(child.spec.effective_shutdown, Grace):
            self.say(do.CancelTimer(do.StopDeadline(child.id, child.life)))
        if is_shutdown_error(child.spec, reason):
            self.announce(ShutdownError(supervisor=self.name, child_id=child.id, life=child.life, reason=reason))
        for ender in child.enders:
            self.say(do.Reply(ender, Done()))
        child.enders.clear()

    def report_unstopped(self, child: Child) -> None:
        """Have it known that a life that is over as far as we are concerned may still be running."""
        self.announce(Unstopped(supervisor=self.name, child_id=child.id, life=child.life))

    def cancel_wait(self, child: Child) -> None:
        """Give up a restart that has been decided but not begun."""
        if child.turn:
            self.say(do.CancelTimer(do.RestartDue(child.id, child.turn)))
        child.turn, child.due = 0, None
        child.move(Step.CANCEL)

    def tell_starter(self, child: Child, info: object, *, ignored: bool = False) -> None:
        """Answer whoever asked for this start."""
        if child.starter is not None:
            self.say(do.Reply(child.starter, StartedChild(child.id, None if ignored else child.ref, info)))
            child.starter = None

    def refuse_starter(self, child: Child, error: SupervisionError) -> None:
        """Answer whoever asked for this start that it came to nothing."""
        if child.starter is not None:
            self.say(do.Refuse(child.starter, error))
            child.starter = None

    def forget(self, child: Child) -> None:
        """Take a child out of the table for good."""
        del self.children[child.id]
        self.say(do.ForgetChild(child.id))

    def forget_temporary(self, child: Child) -> bool:
        """Take a temporary child that is over out of the table; say whether it was one."""
        temporary = child.spec.restart is Restart.TEMPORARY
        if temporary:
            self.forget(child)
        return temporary

    def stop_last(self, ids: Iterable[str]) -> bool:
        """Of these, in start order, stop the last that lives, if none is being stopped. Say whether any still lives."""
        for child_id in reversed(tuple(ids)):
            child = self.children.get(child_id)
            if child is None or child.state in {ChildState.STOPPED, ChildState.BACKOFF}:
                continue
            if child.state is not ChildState.STOPPING:
                self.ask_to_stop(child)
            return True
        return False

    def refuse(self, to: Hashable, error: SupervisionError) -> None:
        """Answer a request with an error."""
        self.say(do.Refuse(to, error))
