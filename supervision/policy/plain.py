"""A spec as the plain tables that a policy file could have said it with, so that it can move to another process.

What lives here: the way back from `build.py`. What must not: pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from ...actors.child_spec import BrutalKill, ChildSpec, ChildType, Delays, Grace, Infinity, Limits
from ...actors.hosting.command import Command
from ...actors.hosting.errors import NotImportable
from ...actors.hosting.import_path import path_of
from ...actors.hosting.readiness import FileReady, LineReady, NotifyReady, PortReady, Readiness
from ..dynamic_spec import DynamicSpec
from ..partition_spec import PartitionSpec
from ..spec import SupervisorSpec
from .apply import inner_spec
from .build import TREE_START
from .deep import Deep, run_deep
from .kinds import plain_backoff, plain_intensity
from .supervisors import NO_LIMIT, PROCESSORS, AnySpec, ImportedArguments, word_of

__all__ = ("plain_readiness", "plain_spec")


def plain_spec(spec: AnySpec) -> dict[str, object]:
    """Write a supervisor and all below it as plain tables.

    Errors: ValueError naming the child that cannot be written: a start without an import path, delays of one's own.
    """
    return run_deep(_supervisor(spec))


def _supervisor(spec: AnySpec) -> Deep[dict[str, object]]:
    table: dict[str, object] = {
        "type": word_of(spec),
        "intensity": plain_intensity(spec.intensity),
        "backoff": _delays(spec.backoff, spec.name or "supervisor"),
    }
    match spec:
        case SupervisorSpec():
            children: list[dict[str, object]] = []
            for child in spec.children:
                described = yield _child(child)
                children.append(described)
            table |= {"strategy": spec.strategy.value, "auto_shutdown": spec.auto_shutdown.value, "child": children}
        case DynamicSpec():
            table["max_children"] = NO_LIMIT if spec.max_children is None else spec.max_children
            table["extra_arguments"] = list(spec.extra_arguments)
            if spec.template is not None:
                table["template"] = yield _child(spec.template)
        case PartitionSpec():
            table |= {"strategy": spec.strategy.value, "name": spec.name}
            table["partitions"] = PROCESSORS if spec.partitions is None else spec.partitions
            table["template"] = yield _child(spec.child)
            if spec.with_arguments is not None:
                table["with_arguments"] = _with_arguments(spec)
    return table


def _with_arguments(spec: PartitionSpec) -> str:
    if isinstance(spec.with_arguments, ImportedArguments):
        return spec.with_arguments.target
    try:
        target = path_of(spec.with_arguments)
    except NotImportable as error:
        raise ValueError(f"with_arguments of {spec.name!r}: {error}") from error
    if target.entry is not None:
        raise ValueError(f"with_arguments of {spec.name!r} is defined in a script; move it into a module")
    return target.target


def _child(child: ChildSpec) -> Deep[dict[str, object]]:
    table: dict[str, object] = {
        "id": child.id,
        "type": child.type.value,
        "restart": child.restart.value,
        "significant": child.significant,
        "isolation": child.isolation.value,
        "start_timeout": child.start_timeout,
        "launcher": child.launcher,
    }
    if child.shutdown is not None:
        table["shutdown"] = _shutdown(child)
    if child.dispatcher is not None:
        table["dispatcher"] = child.dispatcher
    if child.name is not None:
        table["name"] = child.name
    if child.backoff is not None:
        table["backoff"] = _delays(child.backoff, child.id)
    if child.limits != Limits():
        said = {item.name: getattr(child.limits, item.name) for item in fields(Limits)}
        default = Limits()
        table["limits"] = {
            name: NO_LIMIT if value is None else value
            for name, value in said.items()
            if value != getattr(default, name)
        }
    start: dict[str, object] = yield _start(child)
    return table | start


def _start(child: ChildSpec) -> Deep[dict[str, object]]:
    start = child.start
    first = start.args[0] if start.args else None
    if isinstance(first, SupervisorSpec | DynamicSpec | PartitionSpec):
        return _nested((yield _supervisor(first)))
    if start.target == TREE_START and isinstance(first, Mapping):
        return _nested(dict(first))
    if child.type is ChildType.SUPERVISOR:
        inner = inner_spec(child)
        if inner is None:
            raise ValueError(f"what is below child {child.id!r} is only known when it runs; move that one instead")
        return _nested((yield _supervisor(inner)))
    if isinstance(first, Command):
        return _command(first)
    try:
        target = path_of(start.target)
    except NotImportable as error:
        raise ValueError(f"child {child.id!r}: {error}") from error
    if target.entry is not None:
        raise ValueError(f"child {child.id!r}: {target.target} is defined in a script; move it into a module")
    return {"start": target.target, "args": list(start.args), "kwargs": dict(start.kwargs)}


def _command(command: Command) -> dict[str, object]:
    table: dict[str, object] = {
        "command": list(command.argv),
        "env": dict(command.env),
        "ready_timeout": command.ready_timeout,
        "normal_exit_codes": sorted(command.normal_exit_codes),
        "stop_signal": command.stop_signal,
    }
    if command.cwd is not None:
        table["cwd"] = command.cwd
    ready = plain_readiness(command.ready)
    if ready is not None and len(ready) > 1:  # a stream or a host, which tables have no key for
        raise ValueError(f"{command.argv[0]!r} is ready by {command.ready}")
    if ready is not None:
        table["ready"] = ready
    return table


def plain_readiness(ready: Readiness | None) -> dict[str, object] | None:
    """Write when a program is ready as the table it could have come from."""
    match ready:
        case LineReady(pattern, stream):
            return {"line": pattern} if stream == "any" else {"line": pattern, "stream": stream}
        case PortReady(port, host):
            return {"port": port} if host == PortReady(port).host else {"port": port, "host": host}
        case FileReady(path):
            return {"file": path}
        case NotifyReady(abstract):
            return {"sd_notify": "abstract" if abstract else True}
        case None:
            return None


def _nested(table: dict[str, object]) -> dict[str, object]:
    """At a child, `backoff` is how it is restarted itself; most need no `name` inside, as it follows from the path."""
    if table.get("type") != "partition_supervisor":
        table.pop("name", None)
    table["child_backoff"] = table.pop("backoff")
    return table


def _shutdown(child: ChildSpec) -> object:
    match child.shutdown:
        case BrutalKill():
            return "brutal_kill"
        case Infinity():
            return "infinity"
        case Grace(seconds):
            return seconds
        case None:
            raise AssertionError("only a given shutdown is written")


def _delays(delays: Delays, owner: str) -> dict[str, object]:
    try:
        return plain_backoff(delays)
    except ValueError as error:
        raise ValueError(f"{owner!r} has {error}") from None
