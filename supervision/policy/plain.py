"""A spec as the plain tables that a policy file could have said it with, so that it can move to another process.

What lives here: the way back from `build.py`. What must not: pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...actors.child_spec import BrutalKill, ChildSpec, ChildType, Delays, Grace, Infinity, Limits
from ...actors.hosting.command import Command
from ...actors.hosting.errors import NotImportable
from ...actors.hosting.import_path import path_of
from ...actors.hosting.readiness import FileReady, LineReady, NotifyReady, PortReady
from ..spec import SupervisorSpec
from .apply import inner_spec
from .build import TREE_START
from .deep import Deep, run_deep
from .kinds import plain_backoff, plain_intensity

__all__ = ("plain_spec",)


def plain_spec(spec: SupervisorSpec) -> dict[str, object]:
    """Write a supervisor and all below it as plain tables.

    Errors: ValueError naming the child that cannot be written: a start without an import path, delays of one's own.
    """
    return run_deep(_supervisor(spec))


def _supervisor(spec: SupervisorSpec) -> Deep[dict[str, object]]:
    children: list[dict[str, object]] = []
    for child in spec.children:
        table = yield _child(child)
        children.append(table)
    return {
        "strategy": spec.strategy.value,
        "intensity": plain_intensity(spec.intensity),
        "backoff": _delays(spec.backoff, spec.name or "supervisor"),
        "auto_shutdown": spec.auto_shutdown.value,
        "child": children,
    }


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
    if child.name is not None:
        table["name"] = child.name
    if child.backoff is not None:
        table["backoff"] = _delays(child.backoff, child.id)
    if child.limits != Limits():
        limits = {name: getattr(child.limits, name) for name in child.limits.__dataclass_fields__}
        table["limits"] = {name: value for name, value in limits.items() if value is not None}
    start: dict[str, object] = yield _start(child)
    return table | start


def _start(child: ChildSpec) -> Deep[dict[str, object]]:
    start = child.start
    first = start.args[0] if start.args else None
    if isinstance(first, SupervisorSpec):
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
    match command.ready:
        case LineReady(pattern):
            table["ready"] = {"line": pattern}
        case PortReady(port):
            table["ready"] = {"port": port}
        case FileReady(path):
            table["ready"] = {"file": path}
        case NotifyReady(abstract):
            table["ready"] = {"sd_notify": "abstract" if abstract else True}
        case None:
            pass
    return table


def _nested(table: dict[str, object]) -> dict[str, object]:
    """At a child, `backoff` is how it is restarted itself; a `name` is not needed, as it follows from the path."""
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
