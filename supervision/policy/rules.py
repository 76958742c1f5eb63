"""The `[policy."path"]` tables of a file as values, and what a walk through a tree finds out about them.

What lives here: `Rule`, which rules reach a path and in which order, `Walk`. What must not: specs (apply.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .mistakes import Mistake, key_text, value_text
from .paths import matches, may_match_below, specificity
from .presets import overlay

__all__ = ("Rule", "Walk", "is_glob", "merged", "reaching")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One `[policy."pattern"]` table. `values` are plain (they also travel to hosted processes).

    `lines`: those of its keys, for mistakes; they do not travel.
    """

    pattern: str
    values: Mapping[str, object]
    file: str = ""
    line: int = 0
    lines: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)

    def plain(self) -> dict[str, object]:
        """Give the rule as plain values, for `Rule(**plain)` in another process."""
        return {"pattern": self.pattern, "values": dict(self.values), "file": self.file, "line": self.line}


@dataclass(slots=True)
class Walk:
    """What is known after a walk through a tree: all paths, which rules found a child, what cannot be done."""

    rules: Sequence[Rule]
    paths: dict[str, str] = field(default_factory=dict)  # path -> what is there, a word of overrides.py
    opaque: list[str] = field(default_factory=list)  # what is below these is only known in another process
    mistakes: list[Mistake] = field(default_factory=list)

    def rules_at(self, path: str) -> list[Rule]:
        """Give the rules for what is at a path, the strongest last."""
        """Give the rules for what is at a path, the strongest last."""
        return reaching(self.rules, path)

    def below(self, path: str) -> list[Rule]:
        """Give the rules that may be for something below a path, in the order of the file."""
        """Give the rules that may be for something below a path, in the order of the file."""
        return [rule for rule in self.rules if may_match_below(rule.pattern, path)]

    def refuse(self, rule: Rule, key: str, expected: str, *, given: object = None, suggestion: str = "") -> None:
        """Note that a rule cannot be followed; once, for however many children."""
        """Note that a rule cannot be followed; once, for however many children."""
        mistake = Mistake(
            file=rule.file or "policy",
            line=rule.lines.get(key, rule.line),
            key=key_text(("policy", rule.pattern, key) if key else ("policy", rule.pattern)),
            given="" if given is None else value_text(given),
            expected=expected,
            suggestion=suggestion,
        )
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)


def is_glob(pattern: str) -> bool:
    """Say whether a pattern may reach several children, so that a key in it may mean nothing to some of them."""
    return any(letter in pattern for letter in "*?[")


def reaching(rules: Iterable[Rule], path: str) -> list[Rule]:
    """Give the rules that match a path, in the order in which they are laid over each other."""
    return sorted((rule for rule in rules if matches(rule.pattern, path)), key=lambda rule: specificity(rule.pattern))


def merged(rules: Iterable[Rule]) -> dict[str, object]:
    """Lay rules over each other, the last on top."""
    values: dict[str, object] = {}
    for rule in rules:
        values = overlay(values, rule.values)
    return values
