"""A supervision tree as one value that can be shown, whether it lives or is only described.

What lives here: `Node`, and how a Description or a SupervisorSpec becomes one. What must not: how it is printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import cast

from regrow.actors.child_spec import BrutalKill, ChildSpec, ChildType, Grace, Infinity, Shutdown, Start
from regrow.actors.describe import Description
from regrow.observe.allowance import allowance_text
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.partition_spec import PartitionSpec
from regrow.supervision.policy import format_duration
from regrow.supervision.policy.apply import inner_spec
from regrow.supervision.policy.supervisors import AnySpec, described_children, word_of
from regrow.supervision.spec import SupervisorSpec

__all__ = ("Node", "node_from_json", "node_of_description", "node_of_spec", "start_text", "walk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One actor, supervisor or program. `path` is made of child ids, from the root on; times are seconds.

    `state` is "" in a tree that is only described; `notes` are then what its spec says.
    """

    path: str
    name: str
    kind: str = ""
    state: str = ""
    pid: int | None = None
    restarts: int = 0
    uptime: float | None = None
    next_restart: float | None = None  # seconds from when it was asked
    reason: str | None = None  # why its latest life ended
    waiting_messages: int = 0
    notes: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Give the node and all below it as plain values."""
        found: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        return found | {"notes": list(self.notes), "children": [child.to_json() for child in self.children]}


def walk(node: Node) -> list[Node]:
    """Give the node and all below it, parents first, in start order."""
    return [node, *(found for child in node.children for found in walk(child))]


def node_from_json(data: Mapping[str, object]) -> Node:
    """Read what `to_json` wrote; unknown keys are passed over. Errors: TypeError if it is something else."""
    known = {field.name: data[field.name] for field in fields(Node) if field.name in data}
    children = cast("Sequence[Mapping[str, object]]", known.pop("children", ()))
    notes = cast("Sequence[str]", known.pop("notes", ()))
    inner = tuple(node_from_json(child) for child in children)
    return Node(**known, notes=tuple(notes), children=inner)  # type: ignore[arg-type]


def node_of_description(found: Description, *, path: str | None = None) -> Node:
    """Turn what a live tree says of itself into a node. `path` is the root's own, by default its name."""
    here = path or found.name
    waiting = found.details.get("next_restart_in")
    return Node(
        path=here,
        name=found.child_id or here.rpartition("/")[2],
        kind=found.kind,
        state=found.state,
        pid=found.pid,
        restarts=found.restarts,
        uptime=found.uptime,
        next_restart=float(waiting) if isinstance(waiting, int | float) else None,
        reason=found.reason,
        waiting_messages=found.waiting_messages,
        children=tuple(
            node_of_description(child, path=f"{here}/{child.child_id or child.name}") for child in found.children
        ),
    )


def node_of_spec(spec: SupervisorSpec, *, root: str) -> Node:
    """Turn a described tree into a node; nothing is imported or started."""
    return Node(path=root, name=root, kind="supervisor", notes=_notes(spec), children=_children(spec, root))


def _children(spec: AnySpec, path: str) -> tuple[Node, ...]:
    template = not isinstance(spec, SupervisorSpec)
    return tuple(_child(child, f"{path}/{child.id}", template=template) for child in described_children(spec))


def _child(child: ChildSpec, path: str, *, template: bool) -> Node:
    inner = inner_spec(child)
    kind = word_of(inner).replace("_", " ") if inner is not None else start_text(child.start)
    notes = ["template"] if template else []
    notes += [child.restart.value, child.isolation.value, f"shutdown {_shutdown(child.effective_shutdown)}"]
    if child.significant:
        notes.append("significant")
    if inner is None and child.type is ChildType.SUPERVISOR:
        notes.append("its children are known when it runs")
    if inner is not None:
        notes += _notes(inner)
    children = () if inner is None else _children(inner, path)
    return Node(path=path, name=child.id, kind=kind, notes=tuple(notes), children=children)


def _notes(spec: AnySpec) -> tuple[str, ...]:
    allowance = allowance_text(spec.intensity)
    match spec:
        case SupervisorSpec():
            notes = (spec.strategy.value, allowance)
            auto_shutdown = spec.auto_shutdown.value
            return notes if auto_shutdown == "never" else (*notes, f"auto_shutdown {auto_shutdown}")
        case DynamicSpec():
            return (allowance,) if spec.max_children is None else (f"at most {spec.max_children} children", allowance)
        case PartitionSpec():
            partitions = "as many partitions as processors" if spec.partitions is None else _partitions(spec.partitions)
            return (partitions, spec.strategy.value, allowance)


def _partitions(number: int) -> str:
    return f"{number} partition{'' if number == 1 else 's'}"


def start_text(start: Start) -> str:
    """Name what a start starts, in few words: an import path, or the command line of a program."""
    argv = getattr(start.args[0], "argv", None) if start.args else None
    if isinstance(argv, Sequence) and not isinstance(start.target, str):
        return " ".join(str(part) for part in argv)
    target = start.target
    if isinstance(target, str):
        return target
    return f"{getattr(target, '__module__', '?')}:{getattr(target, '__qualname__', repr(target))}"


def _shutdown(shutdown: Shutdown) -> str:
    match shutdown:
        case BrutalKill():
            return "brutal_kill"
        case Infinity():
            return "infinity"
        case Grace(seconds):
            return format_duration(seconds)
