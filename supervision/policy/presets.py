"""Named sets of keys, `[preset.NAME]`, and how a table takes over what they say.

What lives here: who wins, as one pure function from the tables of a file to tables without presets. What must not: what
a key means, lines.

What wins inside one table: its own keys beat those of its presets; of several presets the later in the list; a preset's
own keys beat those that it extends. Inside backoff, child_backoff, intensity, limits and env this holds key by key;
only a `kind` that is another one puts all of the keys of the former away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from .faults import Fault
from .kinds import laid_over
from .mistakes import KeyPath, nearest

__all__ = ("NESTED", "Expansion", "expand", "overlay")

Table: TypeAlias = dict[str, object]

NESTED: Final = frozenset({"backoff", "child_backoff", "intensity", "limits", "env"})
"""Keys whose tables are laid over each other key by key; any other value replaces the one before."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Tables without presets. `origins`: for every key that came from a preset, where it stands in the file."""

    tables: Table
    origins: Mapping[KeyPath, KeyPath]
    faults: Sequence[Fault]


def overlay(under: Mapping[str, object], over: Mapping[str, object]) -> Table:
    """Give the keys of two tables, those of the second winning.

    >>> overlay({"restart": "permanent", "limits": {"nice": 1}}, {"limits": {"open_files": 9}})
    {'restart': 'permanent', 'limits': {'nice': 1, 'open_files': 9}}
    """
    found = dict(under)
    for key, value in over.items():
        before = found.get(key)
        if key in NESTED and isinstance(before, Mapping) and isinstance(value, Mapping):
            found[key] = laid_over(before, value)
        else:
            found[key] = value
    return found


def expand(raw: Table) -> Expansion:
    """Give the tables of a file with all presets written out where they are used. What is no table is passed over."""
    presets = raw.get("preset")
    expanding = _Expanding(presets if isinstance(presets, dict) else {})
    tables = dict(raw)
    for name in expanding.presets:
        expanding.preset(name)
    if isinstance(tree := raw.get("tree"), dict):
        tables["tree"] = expanding.tree(tree, ("tree",))
    if isinstance(rules := raw.get("policy"), dict):
        tables["policy"] = {pattern: expanding.used(rule, ("policy", pattern)) for pattern, rule in rules.items()}
    return Expansion(tables, expanding.origins, expanding.faults)


@dataclass(frozen=True, slots=True)
class _Source:
    """The keys of a table, each with the place that it stands at."""

    values: Table
    places: Mapping[KeyPath, KeyPath]


@dataclass(slots=True)
class _Expanding:
    presets: Mapping[str, object]
    origins: dict[KeyPath, KeyPath] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    known: dict[str, _Source] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)

    def tree(self, table: Table, path: KeyPath) -> Table:
        found = self.used(table, path)
        children = table.get("child")
        if isinstance(children, list):
            found["child"] = [
                self.tree(child, (*path, "child", index)) if isinstance(child, dict) else child
                for index, child in enumerate(children)
            ]
        if isinstance(template := table.get("template"), dict):
            found["template"] = self.tree(template, (*path, "template"))
        return found

    def used(self, table: object, path: KeyPath) -> Table:
        """Write out the presets that a table of the file uses."""
        if not isinstance(table, dict) or "preset" not in table:
            return dict(table) if isinstance(table, dict) else table  # type: ignore[return-value]  # pydantic will say
        source = self.joined(table, path, "preset")
        self.origins |= {(*path, *key): place for key, place in source.places.items() if place[0] == "preset"}
        return source.values

    def preset(self, name: str) -> _Source:
        """Give a preset with all that it extends."""
        if name not in self.known:
            table = self.presets[name]
            self.under_way.append(name)
            self.known[name] = self.joined(table if isinstance(table, dict) else {}, ("preset", name), "extends")
            self.under_way.pop()
        return self.known[name]

    def joined(self, table: Table, path: KeyPath, by: str) -> _Source:
        values: Table = {}
        places: dict[KeyPath, KeyPath] = {}
        own = {key: value for key, value in table.items() if key != by}
        sources = [*self.named(table.get(by), (*path, by)), _Source(own, dict(_places(own, path)))]
        for source in sources:
            values = overlay(values, source.values)
            places = {**places, **source.places}
        return _Source(values, {key: place for key, place in places.items() if _reaches(values, key)})

    def named(self, names: object, path: KeyPath) -> Iterator[_Source]:
        listed = isinstance(names, list)
        for index, name in enumerate(names if isinstance(names, list) else [names]):
            here = (*path, index) if listed else path
            if not isinstance(name, str):
                continue  # pydantic will say
            if name not in self.presets:
                self.faults.append(self.unknown(name, here))
            elif name in self.under_way:
                circle = " -> ".join([*self.under_way[self.under_way.index(name) :], name])
                self.faults.append(Fault(here, f"presets that do not extend themselves ({circle})", name))
            else:
                yield self.preset(name)

    def unknown(self, name: str, path: KeyPath) -> Fault:
        guess = nearest(name, self.presets)
        known = ", ".join(self.presets) if self.presets else "there is none"
        expected = "the name of a preset" if guess else f"the name of a preset ({known})"
        return Fault(path, expected, name, f'"{guess}"' if guess else "")


def _places(table: Mapping[str, object], path: KeyPath) -> Iterator[tuple[KeyPath, KeyPath]]:
    for key, value in table.items():
        yield (key,), (*path, key)
        if key in NESTED and isinstance(value, Mapping):
            yield from (((key, inner), (*path, key, inner)) for inner in value)


def _reaches(values: Mapping[str, object], key: KeyPath) -> bool:
    """Say whether a key is still there: another `kind` may have put it away."""
    found: object = values
    for part in map(str, key):
        if not isinstance(found, Mapping) or part not in found:
            return False
        found = found[part]
    return True
