"""What can be supervised, and how each kind starts.

What lives here: telling the kinds apart, the default of each, and what is wrong with what is none. What must not: the
fields that do not depend on the kind (supervise.py).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Final, cast

import pykka

from ..actors.actor import Actor
from ..actors.child_spec import ChildSpec, ChildType, Isolation, Restart, Start
from ..actors.errors import BadTarget
from ..actors.functions import FunctionActor, injected_names, is_async, name_of
from ..actors.pykka_seam import has_own_loop
from .child_specs import boot_timeout, dynamic_supervisor_child, supervisor_child
from .dynamic_spec import DynamicSpec
from .errors import SpecProblem
from .partition_spec import PartitionSpec
from .partition_supervisor import partition_supervisor_child
from .spec import SupervisorSpec
from .task_supervisor import TaskSpec, task_supervisor_child

__all__ = ("spec_of", "start_of")

TREE_START_TIMEOUT: Final = 60.0
"""Seconds for a supervisor in a process of its own whose children are not known; as for one named by a path."""

EXPECTED: Final = (
    "an Actor class, a pykka actor class, a class with child_spec(), a function, an async function, a Command, "
    'a Start, the spec of a supervisor, a ChildSpec or an import path "package.module:name"'
)

Kwargs = Mapping[str, object]


def spec_of(
    target: object,
    args: tuple[object, ...],
    kwargs: Kwargs,
    *,
    isolation: Isolation | None,
    child_id: str | None,
    problems: list[SpecProblem],
) -> ChildSpec | None:
    """Give the spec that a target has by itself, or None with the reasons in `problems`.

    Errors: NotImportable for a target that has to be imported by another process and cannot be.
    """
    made = _ready_made(target)
    if made is not None:
        if args or kwargs:
            problems.append(SpecProblem("arguments", f"none beside a {type(target).__name__}", _shown(args, kwargs)))
        if isolation is Isolation.PROCESS and made.start.target is _command_actor():
            problems.append(SpecProblem("isolation", "'thread' for a Command: it is a process already", "'process'"))
        return made
    if isinstance(target, type):
        return _of_class(target, args, kwargs, isolation, problems)
    if isinstance(target, str):
        return _of_path(target, args, kwargs, problems)
    wrong = _why_not(target)
    if wrong is not None:
        problems.append(wrong)
        return None
    return _of_function(cast("Callable[..., object]", target), args, kwargs, isolation, child_id, problems)


def start_of(path: str, *args: object, **kwargs: object) -> Start:
    """Give the start of what an import path leads to; a start function for targets that are imported late.

    Runs in: the thread and the process of the new life. Errors: NotImportable; BadTarget.
    """
    from ..actors.hosting.import_path import resolve

    target = resolve(path)
    made = _ready_made(target)
    if made is not None and not (args or kwargs):
        return made.start
    if isinstance(target, type) and issubclass(target, pykka.Actor):
        return Start(target, args, kwargs)
    if isinstance(target, type) or _why_not(target) is not None:
        raise BadTarget(path, target)
    return Start(FunctionActor, (target, *args), kwargs)


def _command_actor() -> type[Actor]:
    from ..actors.hosting.command import CommandActor

    return CommandActor


def _ready_made(target: object) -> ChildSpec | None:
    """Give the spec of what says by itself all that is to be said."""
    from ..actors.hosting.command import Command

    match target:
        case ChildSpec():
            return target
        case Start():
            return ChildSpec(id=name_of(target.target) or "child", start=target)
        case SupervisorSpec():
            return supervisor_child(target.name or "supervisor", target, name=target.name)
        case PartitionSpec():
            return partition_supervisor_child(target)
        case DynamicSpec():
            return dynamic_supervisor_child(target.name or "supervisor", target, name=target.name)
        case TaskSpec():
            return task_supervisor_child(target.name or "tasks", target)
        case Command(argv=(program, *_)):
            return ChildSpec(id=PurePath(program).name, start=Start(_command_actor(), (target,)))
        case _:
            return None


def _of_class(
    cls: type[object],
    args: tuple[object, ...],
    kwargs: Kwargs,
    isolation: Isolation | None,
    problems: list[SpecProblem],
) -> ChildSpec | None:
    builder = getattr(cls, "child_spec", None)
    if callable(builder):
        built: object = builder(*args, **kwargs)
        if not isinstance(built, ChildSpec):
            problems.append(SpecProblem(f"{cls.__qualname__}.child_spec()", "a ChildSpec", repr(built)))
            return None
        return built
    if not issubclass(cls, pykka.Actor):
        expected = "a subclass of Actor or of pykka.ThreadingActor, or one with a classmethod child_spec()"
        problems.append(SpecProblem("target", expected, f"the class {cls.__qualname__}"))
        return None
    if not issubclass(cls, Actor) and has_own_loop(cls):
        expected = "a pykka actor class that leaves pykka's loop as it is"
        problems.append(SpecProblem("target", expected, f"{cls.__qualname__} with a loop of its own"))
        return None
    _check_arguments(cls, args, kwargs, problems)
    _check_importable(cls, isolation)
    spec = ChildSpec(id=cls.__name__, start=Start(cls, args, kwargs))
    if not getattr(cls, "describes_tree", False):
        return spec
    below = args[0] if args else None
    if isinstance(below, SupervisorSpec):
        seconds = boot_timeout(below, isolation or Isolation.THREAD)
    else:
        seconds = TREE_START_TIMEOUT if isolation is Isolation.PROCESS else math.inf
    return replace(spec, type=ChildType.SUPERVISOR, start_timeout=seconds)


def _of_path(path: str, args: tuple[object, ...], kwargs: Kwargs, problems: list[SpecProblem]) -> ChildSpec | None:
    from ..actors.hosting.errors import NotImportable
    from ..actors.hosting.import_path import path_of

    try:
        path_of(path)
    except NotImportable:
        problems.append(SpecProblem("target", 'an import path "package.module:name"', repr(path)))
        return None
    # Named by a path itself, so that the spec can be given to a supervisor in another process.
    return ChildSpec(id=path.rpartition(":")[2], start=Start(f"{__name__}:{start_of.__name__}", (path, *args), kwargs))


def _of_function(
    function: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Kwargs,
    isolation: Isolation | None,
    child_id: str | None,
    problems: list[SpecProblem],
) -> ChildSpec | None:
    name = name_of(function)
    if child_id is None and name is None:
        problems.append(SpecProblem("id", "a string, for what is given has no name", repr(function)))
        return None
    _check_arguments(function, args, kwargs, problems)
    path = _check_importable(function, isolation)
    return ChildSpec(
        id=child_id or name or "",
        start=Start(FunctionActor, (path or function, *args), kwargs),
        restart=Restart.TRANSIENT,
    )


def _check_importable(target: object, isolation: Isolation | None) -> str | None:
    """Give the import path of what is to live in another process. Errors: NotImportable."""
    if isolation is not Isolation.PROCESS:
        return None
    from ..actors.hosting.import_path import path_of

    return path_of(target).target


def _check_arguments(
    target: Callable[..., object], args: tuple[object, ...], kwargs: Kwargs, problems: list[SpecProblem]
) -> None:
    """Find out now that a call could not work, where it would fail at every start."""
    try:
        signature = inspect.signature(target)
    except (TypeError, ValueError):
        return  # it does not say what it takes
    injected = () if isinstance(target, type) else injected_names(target, args, kwargs)
    try:
        signature.bind(*args, **kwargs, **dict.fromkeys(injected))
    except TypeError as error:
        name = name_of(target) or "target"
        fits = f"what fits {name}{_without(signature, injected)}"
        if not isinstance(target, type) and is_async(target) and "'stop'" in str(error):
            fits += ", where an async function gets no stop: it is cancelled"
        problems.append(SpecProblem("arguments", fits, str(error).removeprefix("got ")))


def _without(signature: inspect.Signature, names: frozenset[str] | tuple[()]) -> str:
    kept = [parameter for parameter in signature.parameters.values() if parameter.name not in names]
    return str(signature.replace(parameters=kept, return_annotation=inspect.Signature.empty))


def _why_not(target: object) -> SpecProblem | None:
    """Say what is wrong with what is neither a class nor ready made nor a function."""
    if inspect.iscoroutine(target):
        return SpecProblem("target", "the async function itself, because a coroutine runs only once", repr(target))
    if isinstance(target, pykka.Actor | pykka.ActorRef):
        return SpecProblem("target", "the class of the actor, for every life is a new object", repr(target))
    if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
        return SpecProblem("target", "a function that works when it is called", f"the generator function {target!r}")
    if not callable(target):
        return SpecProblem("target", EXPECTED, repr(target))
    return None


def _shown(args: tuple[object, ...], kwargs: Kwargs) -> str:
    return ", ".join([*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())])
