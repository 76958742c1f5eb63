"""What has changed between two specs."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from regrow.actors.child_spec import ChildSpec, ChildType, Grace, Isolation, Limits, Restart, Start
from regrow.supervision import AutoShutdown, Backoff, RestartIntensity, Strategy, SupervisorSpec
from regrow.supervision.difference import IDENTITY, OWN, POLICY, Difference, difference, differences, same


class Leaf:
    """Stands for an actor."""


class Sup:
    """Stands for a supervisor's class."""


def leaf(child_id: str, **more: object) -> ChildSpec:
    return replace(ChildSpec(id=child_id, start=Start(Leaf)), **more)  # type: ignore[arg-type]


def branch(child_id: str, *children: ChildSpec, **more: object) -> ChildSpec:
    start = Start(Sup, (SupervisorSpec(children=children),))
    return replace(ChildSpec(id=child_id, start=start, type=ChildType.SUPERVISOR), **more)  # type: ignore[arg-type]


def tree(*children: ChildSpec, **more: object) -> SupervisorSpec:
    return replace(SupervisorSpec(children=children), **more)  # type: ignore[arg-type]


def test_every_field_is_either_policy_or_identity() -> None:
    assert {*POLICY, *IDENTITY, "id"} == {field.name for field in fields(ChildSpec)}
    assert {*OWN, "children"} == {field.name for field in fields(SupervisorSpec)}


def test_equal_specs_have_no_difference() -> None:
    one, other = tree(leaf("a"), branch("b", leaf("c"))), tree(leaf("a"), branch("b", leaf("c")))
    assert difference(one, other) == Difference(kept=("a", "b"))
    assert difference(one, other).empty


@pytest.mark.parametrize(
    "more",
    [
        {"restart": Restart.TRANSIENT},
        {"shutdown": Grace(1.0)},
        {"significant": True},
        {"start_timeout": 1.0},
        {"backoff": Backoff(base=1.0)},
    ],
)
def test_a_new_policy_needs_no_new_life(more: dict[str, object]) -> None:
    assert difference(tree(leaf("a")), tree(leaf("a", **more))) == Difference(changed=("a",))


@pytest.mark.parametrize(
    "more",
    [
        {"start": Start(Leaf, (1,))},
        {"start": Start(Sup)},
        {"start": Start(Leaf, (), {"x": 1})},
        {"type": ChildType.SUPERVISOR},
        {"isolation": Isolation.PROCESS},
        {"limits": Limits(nice=1)},
        {"launcher": "exec"},
        {"dispatcher": "pool"},
        {"name": "a"},
    ],
)
def test_what_is_something_else_now_needs_a_new_life_also_if_its_policy_changed_too(more: dict[str, object]) -> None:
    new = tree(leaf("a", **more, restart=Restart.TRANSIENT))
    assert difference(tree(leaf("a")), new) == Difference(restarted=("a",))


def test_added_removed_and_reordered() -> None:
    old = tree(leaf("a"), leaf("b"), leaf("c"), leaf("d"))
    new = tree(leaf("x"), leaf("c"), leaf("a"), leaf("y"))
    assert difference(old, new) == Difference(kept=("c", "a"), added=("x", "y"), removed=("b", "d"), reordered=True)
    assert not difference(old, tree(leaf("a"), leaf("c"))).reordered


def test_the_supervisor_s_own_fields() -> None:
    new = tree(
        strategy=Strategy.ONE_FOR_ALL,
        intensity=RestartIntensity(9, 9.0),
        backoff=Backoff(base=1.0),
        auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
    )
    assert difference(tree(), new) == Difference(own=("strategy", "intensity", "backoff", "auto_shutdown"))


def test_a_supervisor_whose_inside_changed_stays_whatever_its_own_policy() -> None:
    old = tree(branch("b", leaf("c")))
    for new in (tree(branch("b", leaf("d"))), tree(branch("b", leaf("d"), restart=Restart.TRANSIENT))):
        assert difference(old, new) == Difference(inside=("b",))


def test_a_supervisor_that_is_started_otherwise_is_another_one() -> None:
    old = branch("b", leaf("c"))
    inner = old.start.args[0]
    assert isinstance(inner, SupervisorSpec)
    for start in (
        Start(Leaf, (replace(inner, children=()),)),  # of another class
        Start(Sup, (replace(inner, children=()), 1)),  # with another argument beside the spec
        Start(Sup, (replace(inner, name="b"),)),  # of another name
        Start("app:tree"),
    ):
        assert difference(tree(old), tree(replace(old, start=start))).restarted == ("b",)


def test_of_two_start_functions_the_supervisor_is_asked_whether_it_can_follow() -> None:
    def function() -> None: ...

    old = branch("b", start=Start("app:tree", (1,)))
    for start in (Start("app:tree", (2,)), Start("app:other"), Start(function)):
        assert difference(tree(old), tree(replace(old, start=start))).inside == ("b",)
    worker = leaf("w", start=Start("app:tree", (1,)))
    assert difference(tree(worker), tree(replace(worker, start=Start("app:tree", (2,))))).restarted == ("w",)


def test_values_are_the_same_only_if_their_types_are() -> None:
    class Odd:
        def __eq__(self, other: object) -> bool:
            raise ValueError("ambiguous, as the truth of an array")

        __hash__ = None  # type: ignore[assignment]

    odd = Odd()
    assert same([1, (2.0, {"a": None})], [1, (2.0, {"a": None})])
    assert same(odd, odd)
    for one, other in ((1, True), (1, 1.0), ([1], (1,)), ([1], [1, 2]), ({"a": 1}, {"b": 1}), (Odd(), Odd())):
        assert not same(one, other)


def test_a_tree_thousands_of_levels_deep_is_compared() -> None:
    def deep(last: str) -> SupervisorSpec:
        spec = tree(leaf(last))
        for _ in range(1500):
            spec = tree(branch("b", start=Start(Sup, (spec,))))
        return spec

    assert same(deep("x"), deep("x"))
    assert difference(deep("x"), deep("y")).inside == ("b",)


def test_the_differences_of_a_whole_tree_come_with_their_paths() -> None:
    old = tree(leaf("a"), branch("b", branch("c", leaf("x"))), branch("d", leaf("y")))
    new = tree(leaf("a"), branch("b", branch("c", leaf("x", restart=Restart.TRANSIENT))), branch("d", leaf("y")))
    assert differences(old, new, "shop") == {
        "shop": Difference(kept=("a", "d"), inside=("b",)),
        "shop/b": Difference(inside=("c",)),
        "shop/b/c": Difference(changed=("x",)),
    }
