"""Names that more than one child of a tree is to be registered under, where only the first of them would start.

What lives here: finding them, for each process on its own, as every process has a registry. What must not: reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...actors.child_spec import Isolation
from ..spec import SupervisorSpec
from .apply import inner_spec
from .mistakes import KeyPath, Mistake, key_text, value_text
from .policy import Policy, tables_below
from .supervisors import AnySpec, described_children

__all__ = ("repeated_names",)


def repeated_names(policy: Policy, spec: SupervisorSpec) -> Iterator[Mistake]:
    """Give a mistake for every name in a file's tree that stands further up already; `spec` is what it comes to."""
    lines = {path: (policy.positions.line(key), key) for path, key in _named(policy)}
    if len(lines) < 2:
        return
    holders: dict[tuple[str, str], list[str]] = {}
    for path, process, name in _registered(spec, policy.root):
        holders.setdefault((process, name), []).append(path)
    for (_, name), paths in holders.items():
        first, *others = sorted(lines[path] for path in paths)
        for line, key in others:
            taken = f"{key_text(first[1])} at line {first[0]} has it already"
            yield Mistake(
                file=policy.file,
                line=line,
                key=key_text(key),
                given=value_text(name),
                expected=f"a name of its own ({taken})",
            )


def _named(policy: Policy) -> Iterator[tuple[str, KeyPath]]:
    """Give the path of every child that the file gives a name, and where that stands."""
    todo: list[tuple[str, KeyPath, Mapping[str, object]]] = [(policy.root, ("tree",), policy.tables or {})]
    while todo:
        above, at, table = todo.pop()
        for key, child in tables_below(table):
            path = f"{above}/{child['id']}"
            if "name" in child:
                yield path, (*at, *key, "name")
            todo.append((path, (*at, *key), child))


def _registered(spec: SupervisorSpec, root: str) -> Iterator[tuple[str, str, str]]:
    """Give path, process and name of every child with a name; a process is the path of the supervisor that it holds."""
    todo: list[tuple[str, str, AnySpec]] = [(root, root, spec)]
    while todo:
        above, process, supervisor = todo.pop()
        for child in described_children(supervisor):
            path = f"{above}/{child.id}"
            if child.name is not None:
                yield path, process, child.name  # a process, too, is registered where its supervisor is
            inner = inner_spec(child)
            if inner is not None:
                todo.append((path, path if child.isolation is Isolation.PROCESS else process, inner))
