"""One way to write the spec of a child, whatever the child is.

What lives here: from a target to its ChildSpec. What must not: running it (actors/functions.py, actors/adopted.py).
Source: Elixir Supervisor.child_spec/2 and the child_spec/1 of modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from ..actors.child_spec import ChildSpec, ChildType, Delays, DispatcherName, Isolation, Limits, Restart, Shutdown
from .errors import InvalidSpec, SpecProblem
from .targets import spec_of
from .validate import dispatcher_problems

__all__ = ("supervise",)

E = TypeVar("E", bound=StrEnum)


def supervise(  # noqa: PLR0913 - as many as a ChildSpec has
    target: object,
    /,
    *args: object,
    id: str | None = None,  # noqa: A002 - the field's name
    restart: Restart | str | None = None,
    shutdown: Shutdown | None = None,
    type: ChildType | str | None = None,  # noqa: A002 - the field's name
    significant: bool | None = None,
    isolation: Isolation | str | None = None,
    start_timeout: float | None = None,
    backoff: Delays | None = None,
    name: str | None = None,
    limits: Limits | None = None,
    dispatcher: DispatcherName | None = None,
    **kwargs: object,
) -> ChildSpec:
    """Make the spec of a child that is `target`, called with the other arguments; None leaves a field as it is.

    `target` is one of

    - an Actor class, or an unmodified pykka actor class; a supervisor's class gets unlimited time to stop;
    - a class with a classmethod `child_spec(*args, **kwargs)`, which is asked;
    - a function, plain or async, which becomes the child's whole life (see FunctionActor); by default it is restarted
      only if it crashed (transient), because to return is its way to be done;
    - a Command, a Start, a ChildSpec, the spec of a supervisor of any kind: what they say, with the fields given here;
    - an import path "package.module:name" of a class or function, imported where and when the child starts.

    The id is by default the name of what is given. For a target with a parameter that has the name of a field here, say
    `supervise(Start(target, args, {"name": ...}))`.
    Errors: InvalidSpec with all mistakes; NotImportable for isolation="process".
    >>> spec = supervise(print, "hello", restart="temporary")
    >>> spec.id, str(spec.restart), spec.start.args
    ('print', 'temporary', (<built-in function print>, 'hello'))
    """
    problems: list[SpecProblem] = []
    wanted_isolation = _member(Isolation, "isolation", isolation, problems)
    given: Mapping[str, Any] = {
        "id": id,
        "restart": _member(Restart, "restart", restart, problems),
        "shutdown": shutdown,
        "type": _member(ChildType, "type", type, problems),
        "significant": significant,
        "isolation": wanted_isolation,
        "start_timeout": start_timeout,
        "backoff": backoff,
        "name": name,
        "limits": limits,
        "dispatcher": dispatcher,
    }
    problems += dispatcher_problems("dispatcher", dispatcher)
    spec = spec_of(target, args, kwargs, isolation=wanted_isolation, child_id=id, problems=problems)
    if spec is None or problems:
        raise InvalidSpec(problems)
    return replace(spec, **{field: value for field, value in given.items() if value is not None})


def _member(kind: type[E], where: str, value: object, problems: list[SpecProblem]) -> E | None:
    if value is None:
        return None
    found = next((member for member in kind if value == member), None)
    if found is None:
        problems.append(SpecProblem(where, f"one of {', '.join(repr(str(member)) for member in kind)}", repr(value)))
    return found
