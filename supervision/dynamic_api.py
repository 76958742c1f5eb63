"""How a DynamicSupervisor answers what it is asked. Every request is answered exactly once, now or when it is done.

Source: Elixir DynamicSupervisor start_child/2, terminate_child/2, which_children/1, count_children/1; with a template
OTP supervisor's simple_one_for_one.
Differs from OTP: a child is also known by the id that it was given, not by its ref alone.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import fields, replace

from ..actors.child_spec import ChildSpec
from . import commands as do
from . import requests as ask
from .api import count_children, list_children, terminate
from .child import StartCause
from .difference import same
from .dynamic_spec import DynamicSpec
from .dynamic_state import DynamicState
from .errors import (
    ChildNotFound,
    InvalidSpec,
    MaxChildren,
    NotOffered,
    SpecProblem,
    SupervisionError,
    SupervisorStopping,
)
from .plans import Ending
from .results import ChildCounts, Done, Reconfigured
from .validate import check_dynamic_child, check_dynamic_spec

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
        case ask.RestartChild():
            state.refuse(to, _keeps_nobody(state, "restart_child"))
        case ask.DeleteChild():
            state.refuse(to, _keeps_nobody(state, "delete_child"))
        case _ if isinstance(state.plan, Ending):
            state.refuse(to, SupervisorStopping(state.name))
        case ask.StartChild(spec):
            _start_any(state, spec, to)
        case ask.StartChildWith(args):
            _start_from_template(state, args, to)
        case ask.TerminateChild(key):
            _terminate(state, key, to)
        case ask.Reconfigure(new):
            _follow(state, new, to)


def _start_any(state: DynamicState, spec: ChildSpec, to: Hashable) -> None:
    problems = check_dynamic_child(spec)
    if state.dynamic.template is not None:
        why = "all its children are of its template; use start_child_with"
        state.refuse(to, NotOffered(state.name, "start_child", why))
    elif problems:
        state.refuse(to, InvalidSpec(problems))
    else:
        _start(state, spec, (), to)


def _start_from_template(state: DynamicState, args: object, to: Hashable) -> None:
    template = state.dynamic.template
    if template is None:
        state.refuse(to, NotOffered(state.name, "start_child_with", "it has no template; use start_child"))
    elif not isinstance(args, tuple):
        state.refuse(to, InvalidSpec((SpecProblem("arguments", "a tuple", repr(args)),)))
    else:
        _start(state, template, args, to)


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


def _keeps_nobody(state: DynamicState, request: str) -> SupervisionError:
    return NotOffered(state.name, request, "it keeps no child that is down")


def _follow(state: DynamicState, new: object, to: Hashable) -> None:
    if not isinstance(new, DynamicSpec):
        state.refuse(to, InvalidSpec((SpecProblem("supervisor", "a DynamicSpec", repr(new)),)))
        return
    old = state.dynamic
    problems = check_dynamic_spec(new)
    if old.name != new.name:
        expected = f"{old.name!r}, as a running supervisor keeps its name"
        problems = (SpecProblem("name", expected, repr(new.name)), *problems)
    if (old.template is None) is not (new.template is None):
        expected = "a template" if old.template is not None else "no template"
        problems = (*problems, SpecProblem("template", f"{expected}, as it was before", repr(new.template)))
    if problems:
        state.refuse(to, InvalidSpec(problems))
        return
    changed = tuple(one.name for one in fields(old) if not same(getattr(old, one.name), getattr(new, one.name)))
    state.follow(new)
    state.announce_followed(result := Reconfigured(own=changed))
    state.say(do.Reply(to, result))
