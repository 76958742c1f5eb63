"""How a supervisor answers what it is asked. Every request is answered exactly once, now or when it is done.

Source: OTP supervisor start_child/2, terminate_child/2, restart_child/2, delete_child/2, which_children/1,
count_children/1, get_childspec/2.
Differs from OTP: nothing waits behind a start, a stop or a group restart that is under way. A child that calls its own
supervisor while it starts is answered, where OTP deadlocks.
"""

from __future__ import annotations

from collections.abc import Hashable

from ..actors.child_spec import ChildSpec, ChildType
from . import commands as do
from . import requests as ask
from .child import Child, StartCause
from .core_state import CoreState
from .errors import (
    AlreadyPresent,
    AlreadyStarted,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    ChildWithdrawn,
    InvalidSpec,
    NotOffered,
    SpecProblem,
    SupervisorStopping,
)
from .plans import Boot, Ending
from .reconfigure import reconfigure
from .results import ChildCounts, Children, Done, Result
from .spec import SupervisorSpec
from .states import ALIVE, ChildState
from .validate import check_child_spec

__all__ = ("answer", "count_children", "list_children", "terminate")


def answer(state: CoreState, request: ask.Request, to: Hashable) -> None:
    """Do what is asked, or refuse it."""
    match request:
        case ask.WhichChildren():
            list_children(state, to)
            return
        case ask.CountChildren():
            _reply(state, to, count_children(state))
            return
        case ask.StartChildWith():
            state.refuse(to, NotOffered(state.name, "start_child_with", "it has no template"))
            return
        case ask.StartChild() | ask.Reconfigure():
            child = None
        case _:
            child = state.find(request.child_id)
            if child is None:
                state.refuse(to, ChildNotFound(str(request.child_id)))
                return
    if isinstance(request, ask.GetChildSpec):
        assert child is not None
        state.say(do.Reply(to, child.spec))
    elif isinstance(state.plan, Ending):
        state.refuse(to, SupervisorStopping(state.name))
    elif isinstance(request, ask.Reconfigure):
        new: object = request.spec
        if isinstance(new, SupervisorSpec):
            reconfigure(state, new, to)
        else:
            state.refuse(to, InvalidSpec((SpecProblem("supervisor", "a SupervisorSpec", repr(new)),)))
    elif isinstance(request, ask.StartChild):
        _start(state, request.spec, to)
    elif child is not None:
        _change(state, request, child, to)


def _change(
    state: CoreState, request: ask.TerminateChild | ask.RestartChild | ask.DeleteChild, child: Child, to: Hashable
) -> None:
    if isinstance(request, ask.TerminateChild):
        terminate(state, child, to)
    elif child.state in {ChildState.RUNNING, ChildState.STOPPING}:
        state.refuse(to, ChildRunning(child.id))
    elif child.state is not ChildState.STOPPED or _boot_will_start(state, child):
        state.refuse(to, ChildRestarting(child.id))
    elif isinstance(request, ask.RestartChild):
        child.starter = to
        state.begin(child, StartCause.MANUAL)
    else:
        state.forget(child)
        _reply(state, to, Done())


def _reply(state: CoreState, to: Hashable, value: Result) -> None:
    state.say(do.Reply(to, value))


def list_children(state: CoreState, to: Hashable) -> None:
    """Answer with all children, latest first."""
    due = state.group_due
    _reply(state, to, Children(tuple(c.info(state.now, due) for c in reversed(state.children.values()))))


def count_children(state: CoreState) -> ChildCounts:
    """Count the table. A child that is being restarted counts as what it is, but not as active.

    Source: OTP supervisor count_child/2, which counts the pids that are alive, and knows a pid when its start is over:
    so a child that is being stopped is active if it had been ready, and not if it was still starting.
    """
    children = state.children.values()
    supervisors = sum(child.spec.type is ChildType.SUPERVISOR for child in children)
    alive = sum(child.ready and child.state in {ChildState.RUNNING, ChildState.STOPPING} for child in children)
    return ChildCounts(len(children), alive, supervisors, len(children) - supervisors)


def _start(state: CoreState, spec: ChildSpec, to: Hashable) -> None:
    problems = check_child_spec(spec, auto_shutdown=state.spec.auto_shutdown)
    if problems:
        state.refuse(to, InvalidSpec(problems))
        return
    present = state.children.get(spec.id)
    if present is not None:
        taken = present.state in ALIVE and not present.restarting
        state.refuse(to, AlreadyStarted(spec.id, present.ref) if taken else AlreadyPresent(spec.id))
        return
    child = Child(spec, starter=to)
    state.children[spec.id] = child
    state.begin(child, StartCause.ADDED)


def terminate(state: CoreState, child: Child, to: Hashable) -> None:
    """Stop it, or cancel its restart. A group restart under way goes on without it.

    Differs from OTP, where this cancels the retry of the whole group and leaves the siblings down.
    """
    match child.state:
        case ChildState.STOPPED | ChildState.BACKOFF:
            if child.state is ChildState.BACKOFF:
                state.cancel_wait(child)
            if isinstance(state.plan, Boot):
                state.plan.pending = [member for member in state.plan.pending if member != child.id]
                state.plan.exits = [(member, why) for member, why in state.plan.exits if member != child.id]
            state.refuse_starter(child, ChildWithdrawn(child.id))
            state.let_go(child)
            _reply(state, to, Done())
        case ChildState.STARTING | ChildState.RUNNING:
            child.withdrawn = True
            child.enders.append(to)
            state.ask_to_stop(child)
        case ChildState.STOPPING:
            child.withdrawn = True
            child.enders.append(to)


def _boot_will_start(state: CoreState, child: Child) -> bool:
    plan = state.plan
    if not isinstance(plan, Boot):
        return False
    return child.id in plan.pending or any(child.id == ended for ended, _ in plan.exits)
