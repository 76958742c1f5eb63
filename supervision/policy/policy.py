"""A checked policy file as a value: it can give its tree, and change any tree.

What lives here: `Policy` and `Rule`. What must not: reading (`load.py`), pydantic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..spec import SupervisorSpec
from .apply import ROOT, Rule, apply_rules
from .build import supervisor_spec
from .mistakes import KeyPath, Mistake, PolicyError
from .positions import Positions

__all__ = ("Policy", "Rule", "tables_below")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a policy file says. `tables` is its checked `[tree]`, None when the file only overrides."""

    file: str
    tables: Mapping[str, object] | None
    rules: tuple[Rule, ...]
    positions: Positions = field(repr=False, compare=False)
    origins: Mapping[KeyPath, KeyPath] = field(default_factory=dict, repr=False, compare=False)  # of keys from presets

    @property
    def root(self) -> str:
        """The first segment of all paths of this file's tree: its `name`, or "root"."""
        name = (self.tables or {}).get("name")
        return name if isinstance(name, str) else ROOT

    def tree(self) -> SupervisorSpec:
        """Give the tree of this file, with its own `[policy]` tables applied.

        Errors: PolicyError if the file has no `[tree]`, if one of its paths matches nothing in the tree, or if two
        children of one process have the same name.
        """
        if self.tables is None:
            expected = "a [tree] table (this file only has overrides for a tree that is elsewhere)"
            raise PolicyError([Mistake(file=self.file, line=0, key="tree", given="", expected=expected)])
        from .names import repeated_names

        spec = apply_rules(supervisor_spec(self.tables, path=self.root), self.rules, root=self.root)
        repeated = sorted(repeated_names(self, spec), key=lambda mistake: mistake.line)
        if repeated:
            raise PolicyError(repeated)
        return spec

    def apply(self, spec: SupervisorSpec, root: str = ROOT) -> SupervisorSpec:
        """Give `spec` with the `[policy]` tables of this file applied; `root` is the first segment of its paths.

        Errors: PolicyError if a path matches nothing, with the nearest one, or if a change is not possible there.
        """
        return apply_rules(spec, self.rules, root=root)

    def place(self, key: KeyPath) -> KeyPath:
        """Give where in the file a key stands, which a preset may have said: its key path there."""
        return self.origins.get(key, key)

    def starts(self) -> tuple[tuple[KeyPath, int, str], ...]:
        """Give key path, line and import path of every `start`, and every `with_arguments`, in the file."""
        found: list[tuple[KeyPath, int, str]] = []

        def visit(table: Mapping[str, object], path: KeyPath) -> None:
            for name in ("start", "with_arguments"):
                named = table.get(name)
                if isinstance(named, str):
                    key = (*path, name)
                    found.append((key, self.positions.line(key), named))
            for key, child in tables_below(table):
                visit(child, (*path, *key))

        visit(self.tables or {}, ("tree",))
        return tuple(found)

    def waits(self) -> tuple[tuple[KeyPath, int, str], ...]:
        """Give key path, line and import path of the `wait` of every backoff in the file."""
        found: list[tuple[KeyPath, int, str]] = []

        def visit(table: Mapping[str, object], path: KeyPath) -> None:
            for name in ("backoff", "child_backoff"):
                backoff = table.get(name)
                wait = backoff.get("wait") if isinstance(backoff, Mapping) else None
                if isinstance(wait, str):
                    key = (*path, name, "wait")
                    found.append((key, self.positions.line(key), wait))
            for key, child in tables_below(table):
                visit(child, (*path, *key))

        visit(self.tables or {}, ("tree",))
        for rule in self.rules:
            visit(rule.values, ("policy", rule.pattern))
        return tuple(found)


def tables_below(table: Mapping[str, object]) -> Iterator[tuple[KeyPath, Mapping[str, object]]]:
    """Give the tables of the children that a supervisor's table describes, with their keys in it."""
    children, template = table.get("child"), table.get("template")
    for index, child in enumerate(children if isinstance(children, list) else ()):
        yield ("child", index), child
    if isinstance(template, Mapping):
        yield ("template",), template
