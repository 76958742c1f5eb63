"""What the core knows, and the single steps that it can take with one child.

What lives here: the table, the restart log, the plan, the commands of the event in hand; steps without decisions.
What must not: clock, thread, I/O; why a step is taken (restarts.py, groups.py, ending.py, api.py).
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ..actors.child_spec import BrutalKill, ChildSpec, Delays, Grace, Infinity, Restart
from ..protocol.exits import ExitReason
from . import commands as do
from .child import Child, StartCause, is_shutdown_error
from .errors import SupervisionError
from .events import ShutdownError, SupervisionEvent, SupervisorReconfigured, Unstopped
from .intensity import RestartLog
from .plans import GroupPhase, GroupRestart, Plan, Reconfiguration
from .results import Done, Reconfigured, StartedChild
from .spec import SupervisorSpec
from .states import ALIVE, ChildState, Step

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = ("KILL_WAIT", "CoreState")

KILL_WAIT: Final = 5.0
"""Seconds that a killed life has to be seen dead; then it is given up as unstopped.

Differs from OTP, which waits without limit because its kill always works; here a thread cannot be killed, and a process
in an uninterruptible wait cannot either.
"""


class CoreState:
    """Everything that a supervisor's decisions depend on."""

    __slots__ = (
        "_lives",
        "_turns",
        "booted",
        "children",
        "ended",
        "log",
        "name",
        "now",
        "out",
        "plan",
        "reconfiguration",
        "rng",
        "spec",
    )

    def __init__(self, spec: SupervisorSpec, rng: random.Random, name: str) -> None:
        self.spec = spec
        self.rng: Final = rng
        self.name: Final = name
        self.children: dict[str, Child] = {child.id: Child(child) for child in spec.children}  # in start order
        self.log: RestartLog = ()
        self.plan: Plan | None = None
        self.reconfiguration: Reconfiguration | None = None
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

    def find(self, key: object) -> Child | None:
        """Give the child that somebody means; whatever he takes for an id, the wrong thing is nobody."""
        return self.children.get(key) if isinstance(key, str) else None

    def note_ref(self, child: Child, ref: ActorRef[Any]) -> None:
        """Note where a child is to be reached, in all its lives."""
        child.ref = ref

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
        child.ready = child.withdrawn = child.killed = False
        if cause is StartCause.RESTART:
            child.restarts += 1
        if isinstance(self.plan, GroupRestart):
            self.plan.standing = None  # it may be a member that had been passed by, as it was down
        self.say(do.StartLife(child.id, child.life, child.spec))

    def disarm(self, child: Child) -> None:
        """Cancel the reset of the backoff that this life would have earned."""
        if child.reset_armed:
            child.reset_armed = False
            self.say(do.CancelTimer(do.BackoffReset(child.id, child.life)))

    def ask_to_stop(self, child: Child) -> None:
        """Stop a life in the way its spec says, and note by when it has to be over."""
        patience = self.order_stop(child)
        if patience is not None:
            self._limit(child, patience)

    def order_stop(self, child: Child) -> float | None:
        """Stop a life in the way its spec says; give the seconds that it gets for that, None for no limit."""
        self.disarm(child)
        child.move(Step.STOP)
        match child.spec.effective_shutdown:
            case BrutalKill():
                return self.order_kill(child)
            case Grace(seconds):
                self.say(do.StopLife(child.id, child.life, self.now + seconds))
                return seconds
            case Infinity():
                self.say(do.StopLife(child.id, child.life, None))
                return None

    def kill(self, child: Child) -> None:
        """End a life that is being stopped, without asking, and note by when it has to be over."""
        self._limit(child, self.order_kill(child))

    def order_kill(self, child: Child) -> float:
        """End a life that is being stopped, without asking; give the seconds that its death may take."""
        child.killed = True
        self.say(do.KillLife(child.id, child.life))
        return KILL_WAIT

    def _limit(self, child: Child, seconds: float) -> None:
        name = do.KillDeadline if child.killed else do.StopDeadline
        child.patience = name(child.id, child.life)
        self.say(do.SetTimer(child.patience, self.now + seconds))

    def stopped(self, child: Child, step: Step, reason: ExitReason) -> None:
        """Note that a life that was being stopped is over, and tell those who waited for that."""
        child.move(step)
        child.last_reason = reason
        if child.patience is not None:
            self.say(do.CancelTimer(child.patience))
            child.patience = None
        self.report_if_unclean(child, reason)
        for ender in child.enders:
            self.say(do.Reply(ender, Done()))
        child.enders.clear()

    def report_if_unclean(self, child: Child, reason: ExitReason) -> None:
        """Have it known that a child that was to stop has ended otherwise than cleanly."""
        if is_shutdown_error(child.spec, reason):
            self.announce(ShutdownError(supervisor=self.name, child_id=child.id, life=child.life, reason=reason))

    def report_unstopped(self, child: Child) -> None:
        """Have it known that a life that is over as far as we are concerned may still be running."""
        self.announce(Unstopped(supervisor=self.name, child_id=child.id, life=child.life))

    def announce_followed(self, result: Reconfigured) -> None:
        """Have it known that a new spec has been followed, unless there was nothing to do."""
        if not result.unchanged:
            self.announce(SupervisorReconfigured(supervisor=self.name, result=result))

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

    def drop_arguments(self, child: Child) -> None:
        """Keep nothing of what a temporary child was started with: it may be large, and it is never needed again.

        Source: OTP supervisor, which keeps `undefined` in their place.
        """
        child.spec = replace(child.spec, start=replace(child.spec.start, args=(), kwargs={}))

    def forget(self, child: Child) -> None:
        """Take a child out of the table for good."""
        del self.children[child.id]
        self.say(do.ForgetChild(child.id))

    def let_go(self, child: Child) -> bool:
        """Take a child that is over out of the table, unless it is kept for later; say whether it is gone."""
        gone = not self.keeps(child)
        if gone:
            self.forget(child)
        return gone

    def keeps(self, child: Child) -> bool:
        """Say whether a child stays in the table when it is over: all but the temporary ones do."""
        return child.spec.restart is not Restart.TEMPORARY

    def stop_last(self, pending: list[str]) -> bool:
        """Of these, in start order, stop the last that lives, if it is not being stopped. Say whether any still lives.

        Whoever does not live any more is taken off the end of the list, so that all of them together cost O(children).
        """
        while pending:
            child = self.children.get(pending[-1])
            if child is not None and child.state in ALIVE:
                if child.state is not ChildState.STOPPING:
                    self.ask_to_stop(child)
                return True
            pending.pop()
        return False

    def refuse(self, to: Hashable, error: SupervisionError) -> None:
        """Answer a request with an error."""
        self.say(do.Refuse(to, error))
