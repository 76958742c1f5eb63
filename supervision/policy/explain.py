"""The effective policy of one child, every value with where it comes from.

What lives here: a pure function of the files and the tree that they came to. The values are read off the tree; only
where each comes from is found out here, by laying the same tables over each other in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ...actors.child_spec import ChildSpec, ChildType, Start
from ..dynamic_spec import DynamicSpec
from ..partition_spec import PartitionSpec
from ..spec import SupervisorSpec
from .apply import Rule, inner_spec, reaching
from .mistakes import KeyPath, Mistake, PolicyError, key_text, nearest, value_text
from .overrides import program_of
from .policy import Policy, tables_below
from .presets import NESTED, overlay
from .setting_values import child_values, supervisor_values
from .supervisors import AnySpec, described_children

__all__ = ("CODE", "DEFAULT", "Origin", "Setting", "explain", "paths_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a value comes from: a key in a file, or, without a file, "default" or "code"."""

    key: str
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.key}" if self.file else self.key


DEFAULT: Final = Origin(key="default")
CODE: Final = Origin(key="code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One effective value: seconds, bytes and words as policies have them, None for none."""

    key: str
    value: object
    origin: Origin


@dataclass(frozen=True, slots=True)
class _Place:
    """A supervisor or child on the way to a path; `table` is the key path of its table in the file, if it has one."""

    path: str
    spec: AnySpec | None
    child: ChildSpec | None
    table: KeyPath | None


def explain(
    spec: SupervisorSpec, policies: Sequence[Policy], path: str, *, root: str, code: SupervisorSpec | None = None
) -> tuple[Setting, ...]:
    """Give all settings of the child or supervisor at `path` in the tree `spec`.

    `policies` in the order in which they were applied; the first has the tree, unless that came from `code`.
    Errors: PolicyError if there is nothing at the path, with the nearest one.
    """
    way = _way(spec, policies[0] if policies else None, path, root)
    if way is None:
        known = [one for one, _ in paths_of(spec, root)]
        guess = nearest(path, known)
        expected = "a path in the tree" if guess else f"a path in the tree ({', '.join(known[:8])})"
        file = policies[0].file if policies else root
        suggestion = f'"{guess}"' if guess else ""
        raise PolicyError(
            [Mistake(file=file, line=0, key="", given=value_text(path), expected=expected, suggestion=suggestion)]
        )
    fold = _folded(way, policies)
    written = _written_in_code(code, path, root) if code is not None else frozenset()

    def origin(key: KeyPath) -> Origin:
        return fold.origins.get(key) or (CODE if key[0] in written else DEFAULT)

    values = {key: fold.values.get("type", value) if key == ("type",) else value for key, value in _values(way)}
    return tuple(Setting(key=".".join(map(str, key)), value=value, origin=origin(key)) for key, value in values.items())


def paths_of(spec: SupervisorSpec, root: str) -> Iterator[tuple[str, ChildSpec | None]]:
    """Give every path of a tree with its child, the root first and without one."""
    yield root, None
    todo: list[tuple[str, AnySpec]] = [(root, spec)]
    for path, supervisor in todo:
        for child in described_children(supervisor):
            here = f"{path}/{child.id}"
            yield here, child
            inner = inner_spec(child)
            if inner is not None:
                todo.append((here, inner))


def _way(spec: SupervisorSpec, policy: Policy | None, path: str, root: str) -> list[_Place] | None:
    """Give all supervisors from the root to what is at the path, that last; None if there is nothing."""
    if path != root and not path.startswith(f"{root}/"):
        return None
    tables: Mapping[str, object] | None = None if policy is None else policy.tables
    way = [_Place(root, spec, None, None if tables is None else ("tree",))]
    for child_id in path.removeprefix(root).split("/")[1:]:
        above = way[-1]
        children = () if above.spec is None else described_children(above.spec)
        child = next((child for child in children if child.id == child_id), None)
        if child is None:
            return None
        tables, key = _child_table(tables, child_id)
        table = None if above.table is None or key is None else (*above.table, *key)
        way.append(_Place(f"{above.path}/{child_id}", inner_spec(child), child, table))
    return way


def _child_table(
    table: Mapping[str, object] | None, child_id: str
) -> tuple[Mapping[str, object] | None, KeyPath | None]:
    for key, child in tables_below(table or {}):
        if child.get("id") == child_id:
            return child, key
    return None, None


def _values(way: Sequence[_Place]) -> Iterator[tuple[KeyPath, object]]:
    here = way[-1]
    if here.child is not None:
        above = way[-2].spec
        assert above is not None
        yield from child_values(here.child, above, here.spec)
    if here.spec is not None:
        yield from supervisor_values(here.spec, "backoff" if here.child is None else "child_backoff")


@dataclass(slots=True)
class _Fold:
    """Tables laid over each other, and where each key that is left comes from."""

    values: dict[str, object] = field(default_factory=dict)
    origins: dict[KeyPath, Origin] = field(default_factory=dict)

    def lay(self, table: Mapping[str, object], origin: Callable[[KeyPath], Origin]) -> None:
        self.values = overlay(self.values, table)
        for key, value in table.items():
            self.origins[(key,)] = origin((key,))
            if key in NESTED and isinstance(value, Mapping):
                self.origins |= {(key, inner): origin((key, inner)) for inner in value}
        for path in [path for path in self.origins if len(path) == 2]:
            inner = self.values.get(str(path[0]))
            if not isinstance(inner, Mapping) or path[1] not in inner:
                del self.origins[path]

    def lay_as(self, key: str, of: str, table: Mapping[str, object], origin: Callable[[KeyPath], Origin]) -> None:
        """Lay one inner table on under another name, as what is said of children is inherited by each."""
        if of in table:
            self.lay({key: table[of]}, lambda path: origin((of, *path[1:])))


def _folded(way: Sequence[_Place], policies: Sequence[Policy]) -> _Fold:
    here, fold = way[-1], _Fold()
    first = policies[0] if policies else None
    for place in way:  # what is inherited: the backoff of children, from the root down
        if first is not None and place.table is not None:
            table, of = _table_at(first, place.table), "backoff" if place.child is None else "child_backoff"
            origin = _in_table(first, place.table)
            if place is not here:
                fold.lay_as("backoff", of, table, origin)
            fold.lay_as("child_backoff", of, table, origin)
    own: Mapping[str, object] = {}
    if first is not None and here.table is not None:
        own = {key: value for key, value in _table_at(first, here.table).items() if key != "child_backoff"}
        fold.lay(own, _in_table(first, here.table))
    has_own = "backoff" in own or here.child is None
    for policy in policies:
        if not has_own:
            above = way[-2]
            for rule in reaching(policy.rules, above.path):
                for of in ("backoff", "child_backoff") if above.child is None else ("child_backoff",):
                    fold.lay_as("backoff", of, rule.values, _in_rule(policy, rule))
        for rule in reaching(policy.rules, here.path):
            fold.lay(rule.values, _in_rule(policy, rule))
            if here.child is None:
                fold.lay_as("backoff", "child_backoff", rule.values, _in_rule(policy, rule))
            has_own = has_own or "backoff" in rule.values
    return fold


def _table_at(policy: Policy, path: KeyPath) -> Mapping[str, object]:
    found: object = policy.tables
    for part in path[1:]:
        found = found[part]  # type: ignore[index]  # the path was found in these tables
    assert isinstance(found, Mapping)
    return found


def _in_table(policy: Policy, table: KeyPath) -> Callable[[KeyPath], Origin]:
    def origin(key: KeyPath) -> Origin:
        place = policy.place((*table, *key))
        if place not in policy.positions.paths():
            return DEFAULT  # that the reading has filled in
        return Origin(key=key_text(place), file=policy.file, line=policy.positions.line(place))

    return origin


def _in_rule(policy: Policy, rule: Rule) -> Callable[[KeyPath], Origin]:
    return _in_table(policy, ("policy", rule.pattern))


def _written_in_code(code: SupervisorSpec, path: str, root: str) -> frozenset[str]:
    """Give the keys that code has set to something else than their default."""
    way = _way(code, None, path, root)
    if way is None:
        return frozenset()
    plain = ChildSpec(id="", start=Start(object), type=ChildType.WORKER)
    values = dict(_values(way))
    unsaid: AnySpec = SupervisorSpec()
    if isinstance(way[-1].spec, DynamicSpec):
        unsaid = DynamicSpec()
    elif isinstance(way[-1].spec, PartitionSpec):
        unsaid = PartitionSpec(child=plain, name="")
    defaults = dict(child_values(plain, unsaid)) | dict(supervisor_values(unsaid, "child_backoff"))
    defaults |= dict(supervisor_values(unsaid, "backoff")) if way[-1].child is None else {}
    child = way[-1].child
    if child is not None and program_of(child) is not None:
        defaults = {key: value for key, value in defaults.items() if key[0] != "start"}
    return frozenset(str(key[0]) for key, value in values.items() if key not in defaults or defaults[key] != value)
