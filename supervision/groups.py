"""How children that share a fate are restarted together.

What lives here: who joins a group restart, and its phases. When one is decided upon is in restarts.py.
Source: OTP supervisor restart_multiple_children/3; for the merging of two waits the review of EEP draft erlang/eep#28.
"""

from __future__ import annotations

from . import commands as do
from .child import Child, StartCause
from .core_state import CoreState
from .plans import GroupPhase, GroupRestart
from .states import ChildState, Step
from .strategy import affected

__all__ = ("advance_stopping", "begin_starting", "join_group", "start_next")


def join_group(state: CoreState, child: Child, due: float) -> GroupRestart:
    """Form the group that the failure of `child` restarts, or widen the one under way: then the later time counts.

    Every member that is down, also one that was terminated, ignored or had finished, waits to come back (as in OTP);
    those that live are stopped first.
    Differs from OTP: all that wait for the group are `restarting`, not only the one that failed, so that nobody can
    start one of them out of its turn.
    """
    ids = list(state.children)
    down = {child.id}
    plan = state.plan
    if isinstance(plan, GroupRestart):
        if plan.phase is GroupPhase.WAITING:
            state.say(do.CancelTimer(do.GroupDue(plan.turn)))
        if plan.phase is GroupPhase.STARTING:
            down.update(plan.pending)
            if _is_starting(state, plan) and plan.current is not None:
                down.add(plan.current)
        else:
            down.update(plan.members)
            due = max(due, plan.due)
    first = next(member for member in ids if member in down)
    members = tuple(
        member for member in affected(state.spec.strategy, ids, first) if not _is_over(state, state.children[member])
    )
    for member in members:
        sibling = state.children[member]
        if sibling.state is ChildState.STOPPED:
            sibling.move(Step.WAIT)
        elif sibling.turn:  # it has waited for a time of its own, while the strategy was another one
            due = max(due, sibling.due or due)
            state.say(do.CancelTimer(do.RestartDue(sibling.id, sibling.turn)))
            sibling.turn, sibling.due = 0, None
    group = GroupRestart(members, due, state.next_turn())
    state.plan = group
    return group


def advance_stopping(state: CoreState, plan: GroupRestart) -> bool:
    """Stop the next member; when none is left alive, say whether it is already time to start them."""
    if plan.standing is None:
        plan.standing = list(plan.members)
    if state.stop_last(plan.standing):
        return False
    if plan.due > state.now:
        plan.phase = GroupPhase.WAITING
        state.say(do.SetTimer(do.GroupDue(plan.turn), plan.due))
        return False
    return True


def begin_starting(state: CoreState, plan: GroupRestart) -> None:
    """Go on to start the members that still wait; whoever was withdrawn meanwhile stays down."""
    plan.phase = GroupPhase.STARTING
    plan.pending = [member for member in plan.members if _waits(state, member)]
    plan.current = None


def start_next(state: CoreState, plan: GroupRestart) -> bool:
    """Start the next member if the one before it is done. Says whether the plan is now over."""
    if _is_starting(state, plan):
        return False
    while plan.pending:
        member = plan.pending.pop(0)
        if _waits(state, member):
            child = state.children[member]
            asked_for = child.starter is not None
            state.begin(child, child.cause if asked_for else StartCause.RESTART)
            plan.current = member
            return False
    state.plan = None
    return True


def _is_over(state: CoreState, child: Child) -> bool:
    """Forget a temporary child that ended during the boot and was not yet decided upon: no group brings it back."""
    return child.state is ChildState.STOPPED and state.let_go(child)


def _waits(state: CoreState, child_id: str) -> bool:
    child = state.children.get(child_id)
    return child is not None and child.state is ChildState.BACKOFF


def _is_starting(state: CoreState, plan: GroupRestart) -> bool:
    child = None if plan.current is None else state.children.get(plan.current)
    return child is not None and child.state in {ChildState.STARTING, ChildState.STOPPING}
