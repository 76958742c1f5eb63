"""Policies for trees of thousands of levels, without recursion."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.actors import ChildSpec, Start
from regrow.supervision import SupervisorSpec, supervisor_child
from regrow.supervision.policy.apply import Rule, apply_rules, inner_spec
from regrow.supervision.policy.deep import Deep, run_deep
from regrow.supervision.policy.mistakes import PolicyError
from regrow.supervision.policy.paths import matches, may_match_below
from regrow.supervision.policy.plain import plain_spec

LEVELS = 600


def tree(levels: int = LEVELS) -> SupervisorSpec:
    spec = SupervisorSpec(children=[ChildSpec(id="leaf", start=Start("shop.db:Database"))])
    for level in range(levels, 0, -1):
        spec = SupervisorSpec(children=[supervisor_child(str(level), spec)])
    return spec


def leaf_of(spec: SupervisorSpec) -> ChildSpec:
    while True:
        (child,) = spec.children
        below = inner_spec(child)
        if not isinstance(below, SupervisorSpec):
            return child
        spec = below


DEEPEST = "/".join(["root", *map(str, range(1, LEVELS + 1)), "leaf"])


@pytest.mark.parametrize("pattern", [DEEPEST, "root/**/leaf", "**/leaf"])
def test_a_rule_reaches_the_deepest_child(pattern: str) -> None:
    changed = apply_rules(tree(), [Rule(pattern=pattern, values={"start_timeout": 77.0})])
    assert leaf_of(changed).start_timeout == 77.0


def test_a_mistake_deep_down_is_told_of() -> None:
    with pytest.raises(PolicyError, match="no children"):
        apply_rules(tree(), [Rule(pattern="root/**/leaf", values={"intensity": {"max_restarts": 1}})])


def test_a_deep_tree_is_written_as_plain_tables() -> None:
    table: Any = plain_spec(tree())
    levels = 0
    while table.get("child"):
        (table,), levels = table["child"], levels + 1
    assert (table["id"], levels) == ("leaf", LEVELS + 1)


def test_what_cannot_be_written_deep_down_is_named() -> None:
    spec = SupervisorSpec(children=[ChildSpec(id="odd", start=Start(lambda: None))])
    for level in range(LEVELS):
        spec = SupervisorSpec(children=[supervisor_child(str(level), spec)])
    with pytest.raises(ValueError, match="child 'odd'"):
        plain_spec(spec)


def test_long_paths_are_matched_without_recursion() -> None:
    assert matches(DEEPEST, DEEPEST)
    assert not matches(DEEPEST, f"{DEEPEST}/more")
    assert matches("**/**/**/leaf", DEEPEST)
    assert not matches("**/x/**/y/**/z", DEEPEST)
    assert may_match_below(f"{DEEPEST}/more", DEEPEST)
    assert not may_match_below(DEEPEST, DEEPEST)


def test_what_a_call_raises_is_raised_where_it_was_needed() -> None:
    def fails() -> Deep[int]:
        if LEVELS:
            raise ValueError("deep down")
        yield fails()
        return 1

    def recovers() -> Deep[str]:
        try:
            yield fails()
        except ValueError as error:
            return str(error)
        return "nothing"

    assert run_deep(recovers()) == "deep down"
    with pytest.raises(ValueError, match="deep down"):
        run_deep(fails())
