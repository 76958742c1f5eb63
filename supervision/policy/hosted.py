"""What a hosted process starts when a policy describes or changes the tree inside it.

What lives here: two functions that are named by import path. What must not: pydantic (it costs each process).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from ...actors.child_spec import Start
from ..dynamic_spec import DynamicSpec
from ..partition_spec import PartitionSpec
from ..spec import SupervisorSpec
from .apply import Rule, apply_rules
from .build import any_spec
from .supervisors import AnySpec, start_of

__all__ = ("start_changed", "tree_start")

PlainRules = Sequence[Mapping[str, object]]


def tree_start(table: Mapping[str, object]) -> Start:
    """Start the supervisor that a policy file describes in `table`. Runs in: the hosted process."""
    return start_of(any_spec(table, path=str(table.get("name", "supervisor"))))


def start_changed(
    target: object, args: Sequence[object], kwargs: Mapping[str, object], rules: PlainRules, path: str
) -> Start:
    """Start what `target` names, with the rules applied to the tree that it turns out to be.

    A target that gives a `Start` of a supervisor's spec is changed; anything else has nothing below it and is started
    as it is. Runs in: the hosted process. Errors: NotImportable; PolicyError; whatever the target raises.
    """
    if isinstance(target, str):
        from ...actors.hosting.import_path import resolve

        target = resolve(target)
    if isinstance(target, type):
        return Start(target, tuple(args), kwargs)
    given = cast("Callable[..., object]", target)(*args, **kwargs)
    if not isinstance(given, Start):
        raise TypeError(f"start of {path}: expected a Start from {target!r}, got {given!r}")
    if given.args and isinstance(given.args[0], SupervisorSpec | DynamicSpec | PartitionSpec):
        return Start(given.target, (_changed(given.args[0], rules, path), *given.args[1:]), given.kwargs)
    return given


def _changed(spec: AnySpec, rules: PlainRules, path: str) -> AnySpec:
    known = [
        Rule(
            pattern=str(rule["pattern"]),
            values=cast("Mapping[str, object]", rule["values"]),
            file=str(rule["file"]),
            line=int(str(rule["line"])),
        )
        for rule in rules
    ]
    return apply_rules(spec, known, root=path, complete=False) if known else spec
