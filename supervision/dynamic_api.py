"""How a DynamicSupervisor answers what it is asked. Every request is answered exactly once, now or when it is done.

Source: Elixir DynamicSupervisor start_child/2, terminate_child/2, which_children/1, count_children/1; with a template
OTP supervisor's simple_one_for_one.
Differs from OTP: a child is also known by the id that it was given, not by its ref alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace

from ..actors.child_spec import ChildSpec
from . import commands as do
from . import requests as ask
from .api import count_children, list_children, terminate
from .child import StartCause
from .dynamic_spec import DynamicSpec
from .dynamic_state import DynamicState
from .errors import ChildNotFound, InvalidSpec, MaxChildren, NotOffered, SupervisionError, SupervisorStopping
from .plans import Ending
from .results import ChildCounts, Done
from .validate import check_dynamic_child

__all__ = ("answer",)


def answer(state: DynamicState, request: ask.Request, to: Hashable) -> None:
    """Do what is asked, or refuse it."""
    match request:
        case ask.WhichChildren():
            list_children(state, to)
        case ask.CountChildren():
            state.say(do.Reply(to, _counts(state)))
        case ask.GetChildSpec(key):
            child = state.find(key)
            if child is None or child.given is None:
                state.refuse(to, ChildNotFound(str(key)))
            else:
                state.say(do.Reply(to, child.given))
        case ask.RestartChild() | ask.DeleteChild() | ask.Reconfigure():
            state.refuse(to, _not_offered(state, request))
        case _ if isinstance(state.plan, Ending):
            state.refuse(to, SupervisorStopping(state.name))
        case ask.StartChild(spec):
            _start_any(state, spec, to)
        case ask.StartChildWith(args):
            _start_from_template(state, args, to)
        case ask.TerminateChild(key):
            _terminate(state, key, to)


def _start_any(state: DynamicState, spec: ChildSpec, to: Hashable) -> None:
    problems = check_dynamic_child(spec)
    if state.dynamic.template is not None:
        why = "all its children are of its template; use start_child_with"
        state.refuse(to, NotOffered(state.name, "start_child", why))
    elif problems:
        state.refuse(to, InvalidSpec(problems))
    else:
        _start(state, spec, (), to)


def _start_from_template(state: DynamicState, args: tuple[object, ...], to: Hashable) -> None:
    template = state.dynamic.template
    if template is None:
        state.refuse(to, NotOffered(state.name, "start_child_with", "it has no template; use start_child"))
    else:
        _start(state, template, tuple(args), to)


def _start(state: DynamicState, given: ChildSpec, args: tuple[object, ...], to: Hashable) -> None:
    limit = state.dynamic.max_children
    if state.full and limit is not None:
        state.refuse(to, MaxChildren(state.name, limit))
    else:
        state.begin(state.add(given, args, to), StartCause.ADDED)


def _terminate(state: DynamicState, key: object, to: Hashable) -> None:
    child = state.find(key)
    if child is not None:
        terminate(state, child, to)
    elif state.dynamic.template is not None and _is_dead(key):
        state.say(do.Reply(to, Done()))  # OTP's rule; Elixir's, for children without a template, is not found
    else:
        state.refuse(to, ChildNotFound(str(key)))


def _is_dead(key: object) -> bool:
    alive: object = getattr(key, "is_alive", None)
    return callable(alive) and not alive()


def _counts(state: DynamicState) -> ChildCounts:
    counts = count_children(state)
    return counts if state.dynamic.template is None else replace(counts, specs=1)


def _not_offered(
    state: DynamicState, request: ask.RestartChild | ask.DeleteChild | ask.Reconfigure
) -> SupervisionError:
    match request:
        case ask.RestartChild():
            return NotOffered(state.name, "restart_child", "it keeps no child that is down")
        case ask.DeleteChild():
            return NotOffered(state.name, "delete_child", "it keeps no child that is down")
        case ask.Reconfigure():
            return NotOffered(state.name, "reconfigure with a SupervisorSpec", f"it follows a {DynamicSpec.__name__}")
