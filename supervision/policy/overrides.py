"""What the keys of a `[policy."path"]` table change in a child and in a supervisor.

What lives here: one key after the other, and to what kind of child each belongs. What must not: which tables reach
which child (apply.py), lines.
No override changes what a child is: `id`, `type`, `name`, `start`, `args`, `kwargs`, `command`, `ready` and `child` are
said where the child is described, as an id and a name have to be unique, and the rest is the program itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, cast

from ...actors.child_spec import ChildSpec, DispatcherName, Isolation, Limits, Restart
from ..dynamic_spec import DynamicSpec
from ..partition_spec import PartitionSpec
from ..significance import AutoShutdown
from ..spec import SupervisorSpec
from ..strategy import Strategy
from .build import READY_MARGIN, changed_limits, shutdown_of
from .stop_signal import signal_number
from .supervisors import max_children_of, partitions_of

if TYPE_CHECKING:
    from ...actors.hosting.command import Command

__all__ = (
    "OF_ONE_KIND",
    "OF_PROGRAMS",
    "OF_SUPERVISORS",
    "changed_child",
    "changed_of_one",
    "changed_supervisor",
    "fields_of",
    "needs_a_process",
    "program_of",
)

OF_SUPERVISORS: Final = ("strategy", "intensity", "child_backoff", "auto_shutdown")
"""Keys that mean something only at a supervisor."""

OF_ONE_KIND: Final = ("max_children", "partitions")
"""Keys that mean something only at one kind of supervisor."""

OF_PROGRAMS: Final = ("env", "cwd", "ready_timeout", "normal_exit_codes", "stop_signal")
"""Keys that mean something only at an external program."""

Values = Mapping[str, object]


def changed_supervisor(spec: SupervisorSpec, values: Values) -> SupervisorSpec:
    """Give a supervisor's spec with its own words replaced; its backoff and intensity are laid over by apply.py."""
    if "strategy" in values:
        spec = replace(spec, strategy=Strategy(str(values["strategy"])))
    if "auto_shutdown" in values:
        spec = replace(spec, auto_shutdown=AutoShutdown(str(values["auto_shutdown"])))
    return spec


def changed_of_one(spec: DynamicSpec | PartitionSpec, values: Values) -> DynamicSpec | PartitionSpec:
    """Give the spec of a supervisor of one kind of child with its own words replaced; see `changed_supervisor`."""
    if isinstance(spec, DynamicSpec):
        known = "max_children" in values
        return replace(spec, max_children=max_children_of(values["max_children"])) if known else spec
    if "partitions" in values:
        spec = replace(spec, partitions=partitions_of(values["partitions"]))
    if "strategy" in values:
        spec = replace(spec, strategy=Strategy(str(values["strategy"])))
    return spec


def changed_child(child: ChildSpec, values: Values) -> ChildSpec:
    """Give a child with everything replaced that needs no look at its surroundings."""
    if "restart" in values:
        child = replace(child, restart=Restart(str(values["restart"])))
    if "shutdown" in values:
        child = replace(child, shutdown=shutdown_of(values["shutdown"]))
    if "significant" in values:
        child = replace(child, significant=values["significant"] is True)
    if "launcher" in values:
        child = replace(child, launcher=cast("Literal['auto', 'exec', 'zygote']", values["launcher"]))
    if "dispatcher" in values and program_of(child) is None:
        child = replace(child, dispatcher=cast("DispatcherName", values["dispatcher"]))
    if "limits" in values:
        child = replace(child, limits=changed_limits(child.limits, fields_of(values, "limits")))
    if any(key in values for key in OF_PROGRAMS):
        child = _changed_program(child, values)
    if isinstance(timeout := values.get("start_timeout"), int | float):
        child = replace(child, start_timeout=float(timeout))
    return child


def program_of(child: ChildSpec) -> Command | None:
    """Give the program that a child is, if it is one."""
    first = child.start.args[0] if child.start.args else None
    if not hasattr(first, "argv"):
        return None  # so that trees without programs do not import what runs them
    from ...actors.hosting.command import Command

    return first if isinstance(first, Command) else None


def fields_of(values: Values, key: str) -> Values:
    """Give the table at a key, an empty one if there is none."""
    inner = values.get(key)
    return inner if isinstance(inner, Mapping) else {}


def needs_a_process(child: ChildSpec) -> str:
    """Give the key that a child in a thread cannot have, or an empty text."""
    if child.isolation is Isolation.PROCESS:
        return ""
    if child.limits != Limits():
        return "limits"
    return "launcher" if child.launcher != "auto" else ""


def _changed_program(child: ChildSpec, values: Values) -> ChildSpec:
    command = program_of(child)
    if command is None:
        return child
    changed = replace(command, env={**command.env, **{k: str(v) for k, v in fields_of(values, "env").items()}})
    if isinstance(cwd := values.get("cwd"), str):
        changed = replace(changed, cwd=cwd)
    if isinstance(codes := values.get("normal_exit_codes"), list):
        changed = replace(changed, normal_exit_codes=frozenset(codes))
    if (number := signal_number(values.get("stop_signal"))) is not None:
        changed = replace(changed, stop_signal=number)
    if isinstance(timeout := values.get("ready_timeout"), int | float):
        if child.start_timeout == command.ready_timeout + READY_MARGIN:  # it follows, as where both are described
            child = replace(child, start_timeout=timeout + READY_MARGIN)
        changed = replace(changed, ready_timeout=float(timeout))
    return replace(child, start=replace(child.start, args=(changed, *child.start.args[1:])))
