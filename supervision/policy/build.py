"""Checked plain tables to specs.

What lives here: how each key of a file becomes a field of a spec. What must not: pydantic (hosted processes build their
part of a tree here), checks (done when the file was read), imports of what a `start` names.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar, cast

from ...actors.child_spec import (
    BrutalKill,
    ChildSpec,
    ChildType,
    Delays,
    DispatcherName,
    Grace,
    Infinity,
    Isolation,
    Limits,
    Restart,
    Shutdown,
    Start,
)
from ..backoff import Backoff
from ..dynamic_spec import DynamicSpec
from ..intensity import RestartIntensity
from ..partition_spec import PartitionSpec
from ..significance import AutoShutdown
from ..spec import SupervisorSpec
from ..strategy import Strategy
from .kinds import changed_backoff, changed_intensity, plain_backoff
from .stop_signal import signal_number
from .supervisors import KEYS, NO_LIMIT, AnySpec, ImportedArguments, max_children_of, partitions_of, start_of

if TYPE_CHECKING:
    from ...actors.hosting.readiness import Readiness

__all__ = (
    "READY_MARGIN",
    "TREE_START",
    "any_spec",
    "changed_limits",
    "shutdown_of",
    "supervisor_spec",
)

T = TypeVar("T")

TREE_START: Final = f"{__package__}.hosted:tree_start"
"""Import path of the start of a supervisor that a policy describes and that lives in a process of its own."""


_NO_STOP_TIMEOUT: Final = 10 * 365 * 86400.0
"""Seconds. How long a program may take to stop is said by `shutdown` alone, as for every other child."""

READY_MARGIN: Final = 5.0
"""Seconds that the start of a program gets beyond its ready_timeout, so that it is the program that is late."""


def supervisor_spec(table: Mapping[str, object], *, path: str, backoff: Delays | None = None) -> SupervisorSpec:
    """Build a supervisor and all below it; each is named by its path, so that its events say where it is.

    `backoff` is what it inherits as the default of its children.
    """
    inherited = changed_backoff(backoff or Backoff(), _table(table, "backoff"))
    children = table.get("child", [])
    return SupervisorSpec(
        strategy=Strategy(str(table.get("strategy", Strategy.ONE_FOR_ONE))),
        children=[_child(child, path, inherited) for child in (children if isinstance(children, list) else [])],
        intensity=changed_intensity(RestartIntensity(), _table(table, "intensity")),
        backoff=inherited,
        auto_shutdown=AutoShutdown(str(table.get("auto_shutdown", AutoShutdown.NEVER))),
        name=path,
    )


def any_spec(table: Mapping[str, object], *, path: str, backoff: Delays | None = None) -> AnySpec:
    """Build a supervisor of the kind that its `type` says, and all below it."""
    kind = table.get("type", "supervisor")
    if kind == "supervisor":
        return supervisor_spec(table, path=path, backoff=backoff)
    inherited = changed_backoff(backoff or Backoff(), _table(table, "backoff"))
    intensity = changed_intensity(RestartIntensity(), _table(table, "intensity"))
    template = _child(_table(table, "template"), path, inherited) if "template" in table else None
    if kind != "partition_supervisor":
        extra = table.get("extra_arguments")
        return DynamicSpec(
            intensity,
            inherited,
            max_children_of(table["max_children"]) if "max_children" in table else None,
            tuple(extra) if isinstance(extra, list) else (),
            template,
            path,
        )
    if template is None:
        raise AssertionError("unchecked partition supervisor without a template")
    arguments = table.get("with_arguments")
    return PartitionSpec(
        child=template,
        name=str(table["name"]),
        partitions=partitions_of(table["partitions"]) if "partitions" in table else None,
        with_arguments=ImportedArguments(arguments) if isinstance(arguments, str) else None,
        strategy=Strategy(str(table.get("strategy", Strategy.ONE_FOR_ONE))),
        intensity=intensity,
        backoff=inherited,
    )


def changed_limits(limits: Limits, fields: Mapping[str, object]) -> Limits:
    """Give limits with some fields replaced."""
    plain = {name: None if value == NO_LIMIT else value for name, value in fields.items()}
    return replace(limits, **plain)  # type: ignore[arg-type]  # the model has checked each field


def shutdown_of(word: object) -> Shutdown:
    """Give the shutdown that a checked word or number stands for."""
    if word == "brutal_kill":
        return BrutalKill()
    if word == "infinity":
        return Infinity()
    if isinstance(word, int | float):
        return Grace(float(word))
    raise AssertionError(f"unchecked shutdown {word!r}")


def _child(table: Mapping[str, object], parent: str, inherited: Delays) -> ChildSpec:
    path = f"{parent}/{table['id']}"
    isolation = Isolation(str(table.get("isolation", Isolation.THREAD)))
    supervisor = table.get("type") in KEYS
    own = _table(table, "backoff")
    spec = ChildSpec(
        id=str(table["id"]),
        start=_supervisor_start(table, path, inherited, isolation) if supervisor else _worker_start(table),
        restart=Restart(str(table.get("restart", Restart.PERMANENT))),
        shutdown=shutdown_of(table["shutdown"]) if "shutdown" in table else None,
        type=ChildType.SUPERVISOR if supervisor else ChildType.WORKER,
        significant=table.get("significant") is True,
        isolation=isolation,
        backoff=changed_backoff(inherited, own) if own else None,
        name=_typed(table, "name", str),
        limits=changed_limits(Limits(), _table(table, "limits")),
    )
    timeout, launcher = _typed(table, "start_timeout", float), table.get("launcher")
    if timeout is None and supervisor:
        timeout = _boot_timeout(table, path, isolation)
    elif timeout is None and "ready" in table:
        timeout = _ready_timeout(table) + READY_MARGIN  # so that it is the program that is said to be late
    if timeout is not None:
        spec = replace(spec, start_timeout=timeout)
    if launcher in {"exec", "zygote"}:
        spec = replace(spec, launcher=launcher)
    if "dispatcher" in table:
        spec = replace(spec, dispatcher=cast("DispatcherName", table["dispatcher"]))
    return spec


def _inner(table: Mapping[str, object]) -> dict[str, object]:
    """Give what a supervisor is told itself, without what it is as a child; of a partition supervisor also its name."""
    kind = str(table["type"])
    named = ("name",) if kind == "partition_supervisor" else ()
    keys = ("type", *(key for key in KEYS[kind] if key != "child_backoff"), *named)
    return {key: table[key] for key in keys if key in table}


def _supervisor_start(table: Mapping[str, object], path: str, inherited: Delays, isolation: Isolation) -> Start:
    below = changed_backoff(inherited, _table(table, "child_backoff"))
    if isolation is Isolation.PROCESS:
        # Only plain values reach the other process, so what is inherited is written out.
        return Start(TREE_START, (_inner(table) | {"backoff": plain_backoff(below), "name": path},))
    return start_of(any_spec(_inner(table), path=path, backoff=below))


def _boot_timeout(table: Mapping[str, object], path: str, isolation: Isolation) -> float:
    if isolation is Isolation.THREAD:
        return math.inf  # each child has a limit
    from ..child_specs import boot_timeout

    return boot_timeout(any_spec(_inner(table), path=path), isolation)


def _worker_start(table: Mapping[str, object]) -> Start:
    if "command" in table:
        return _command_start(table)
    arguments, named = table.get("args"), table.get("kwargs")
    return Start(
        str(table["start"]),
        tuple(arguments) if isinstance(arguments, list) else (),
        dict(named) if isinstance(named, Mapping) else {},
    )


def _command_start(table: Mapping[str, object]) -> Start:
    from ...actors.hosting.command import Command, CommandActor  # here: a tree without commands needs no hosting

    argv, codes, number = table["command"], table.get("normal_exit_codes"), signal_number(table.get("stop_signal"))
    command = Command(
        argv=tuple(map(str, argv)) if isinstance(argv, list) else (),
        env={key: str(value) for key, value in _table(table, "env").items()},
        cwd=_typed(table, "cwd", str),
        ready=_readiness(_table(table, "ready")),
        ready_timeout=_ready_timeout(table),
        normal_exit_codes=frozenset(codes) if isinstance(codes, list) else frozenset({0}),
        stop_signal=signal.SIGTERM if number is None else number,
        stop_timeout=_NO_STOP_TIMEOUT,
    )
    return Start(CommandActor, (command,))


def _readiness(table: Mapping[str, object]) -> Readiness | None:
    from ...actors.hosting.readiness import FileReady, LineReady, NotifyReady, PortReady

    match table:
        case {"line": str(pattern)}:
            return LineReady(pattern)
        case {"port": int(port)}:
            return PortReady(port)
        case {"file": str(path)}:
            return FileReady(path)
        case {"sd_notify": True | "abstract" as kind}:
            return NotifyReady(abstract=kind == "abstract")
        case _:
            return None


def _ready_timeout(table: Mapping[str, object]) -> float:
    given = _typed(table, "ready_timeout", float)
    return 10.0 if given is None else given


def _table(table: Mapping[str, object], key: str) -> Mapping[str, object]:
    inner = table.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _typed(table: Mapping[str, object], key: str, kind: type[T]) -> T | None:
    value = table.get(key)
    return value if isinstance(value, kind) else None
