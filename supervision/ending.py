"""How a supervisor ends: its children first, last started first stopped, one after the other.

Source: OTP supervisor terminate_children/2.
"""

from __future__ import annotations

from ..protocol.exits import ExitReason
from . import commands as do
from .core_state import CoreState
from .errors import SupervisionError, SupervisorStopping
from .plans import Ending, GroupPhase, GroupRestart
from .states import ChildState

__all__ = ("advance_ending", "end", "finish")


def end(state: CoreState, reason: ExitReason, error: SupervisionError | None = None) -> None:
    """Give up every other plan and begin to end. Does nothing if it is already ending.

    `error`: why the supervisor's own start fails; if it ends before it has started without one, it is
    SupervisorStopping.
    """
    plan = state.plan
    if isinstance(plan, Ending):
        return
    if isinstance(plan, GroupRestart) and plan.phase is GroupPhase.WAITING:
        state.say(do.CancelTimer(do.GroupDue(plan.turn)))
    for child in state.children.values():
        if child.state is ChildState.BACKOFF:
            state.cancel_wait(child)
        state.refuse_starter(child, SupervisorStopping(state.name))
    if state.reconfiguration is not None:
        state.refuse(state.reconfiguration.asker, SupervisorStopping(state.name))
        state.reconfiguration = None
    if error is None and not state.booted:
        error = SupervisorStopping(state.name)
    state.plan = Ending(reason, error)


def advance_ending(state: CoreState, plan: Ending) -> bool:
    """Stop the next child, or end. Says whether there is more to do at once: never."""
    if plan.pending is None:
        plan.pending = list(state.children)
    if state.stop_last(plan.pending):
        return False
    finish(state, plan)
    return False


def finish(state: CoreState, plan: Ending) -> None:
    """End: no child is left alive."""
    if plan.error is not None:
        state.say(do.FailStart(plan.error))
    state.say(do.ExitSelf(plan.reason))
    state.ended = True
