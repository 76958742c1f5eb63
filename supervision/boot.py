"""How a supervisor starts its children: left to right, each when the one before it is ready.

Source: OTP supervisor init_children/2. A failure here is never retried and does not count as a restart.
"""

from __future__ import annotations

from ..protocol.exits import ExitReason, Shutdown
from . import commands as do
from .child import Child, StartCause
from .core_state import CoreState
from .ending import end
from .errors import FailedToStartChild
from .events import SupervisorStarted
from .plans import Boot, Ending
from .restarts import decide
from .states import ChildState

__all__ = ("advance_boot", "fail_boot")


def advance_boot(state: CoreState, plan: Boot) -> bool:
    """Start the next child, or finish. Says whether the boot is over.

    Children that ended while later ones were still starting are decided upon at the end, as if it had happened then.
    """
    current = None if plan.current is None else state.children.get(plan.current)
    if current is not None and current.state in {ChildState.STARTING, ChildState.STOPPING}:
        return False
    while plan.pending:
        child = state.children.get(plan.pending.pop(0))
        if child is not None and child.state is ChildState.STOPPED:
            plan.current = child.id
            state.begin(child, StartCause.BOOT)
            return False
    state.plan = None
    state.booted = True
    state.say(do.ConfirmStart())
    state.announce(SupervisorStarted(supervisor=state.name))
    for child_id, reason in plan.exits:
        ended = state.children.get(child_id)
        if ended is not None and ended.state is ChildState.STOPPED and not isinstance(state.plan, Ending):
            decide(state, ended, reason)
    return True


def fail_boot(state: CoreState, child: Child, reason: ExitReason) -> None:
    """A child did not start: stop the others in reverse order, then fail the supervisor's own start."""
    end(state, Shutdown(f"child {child.id!r} failed to start"), FailedToStartChild(child.id, reason))
