"""Every mistake in a spec is said in full: where it is, what was expected, what was got."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from regrow.actors.child_spec import ChildSpec, ChildType, Grace, Isolation, Limits, Restart, Start
from regrow.supervision.backoff import Backoff
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.paths import ID_EXPECTED
from regrow.supervision.significance import AutoShutdown
from regrow.supervision.spec import SupervisorSpec
from regrow.supervision.strategy import Strategy
from regrow.supervision.validate import (
    check_child_spec,
    check_dynamic_child,
    check_dynamic_spec,
    check_supervisor_spec,
)
from tests.supervision.stage import child

ENDS = ", ".join(f"AutoShutdown.{one.name}" for one in AutoShutdown)


class Endless:
    """A backoff without an end to its waits."""

    reset_after = math.inf

    def delay(self, failures: int, rng: object, previous: float = 0.0) -> float:
        return previous

    def __repr__(self) -> str:
        return "Endless()"


OF_A_CHILD: list[tuple[dict[str, Any], str]] = [
    ({"id": 3}, f"child (3).id: expected {ID_EXPECTED}, got 3"),
    ({"id": None}, f"child.id: expected {ID_EXPECTED}, got None"),
    ({"start": 1}, "child ('a').start: expected a Start, got 1"),
    (
        {"start": Start("a.b:c\n")},
        "child ('a').start.target: expected an import path \"package.module:name\", got 'a.b:c\\n'",
    ),
    ({"start": Start(object, [1])}, "child ('a').start.args: expected a tuple, got [1]"),
    (
        {"start": Start(object, (), {1: 2})},
        "child ('a').start.kwargs: expected a mapping with strings as keys, got {1: 2}",
    ),
    (
        {"start": Start(object, (), [("a", 1)])},
        "child ('a').start.kwargs: expected a mapping with strings as keys, got [('a', 1)]",
    ),
    (
        {"restart": "always"},
        (f"child ('a').restart: expected one of {', '.join(f'Restart.{one.name}' for one in Restart)}, got 'always'"),
    ),
    (
        {"isolation": "cell"},
        (
            "child ('a').isolation: expected one of "
            f"{', '.join(f'Isolation.{one.name}' for one in Isolation)}, got 'cell'"
        ),
    ),
    ({"shutdown": Grace(math.inf)}, "child ('a').shutdown.seconds: expected finite seconds >= 0, got inf"),
    ({"shutdown": Grace("5")}, "child ('a').shutdown.seconds: expected finite seconds >= 0, got '5'"),
    ({"start_timeout": True}, "child ('a').start_timeout: expected seconds > 0, or math.inf, got True"),
    ({"start_timeout": -1.0}, "child ('a').start_timeout: expected seconds > 0, or math.inf, got -1.0"),
    ({"backoff": Endless()}, "child ('a').backoff.reset_after: expected finite seconds, got inf"),
    ({"name": 5}, "child ('a').name: expected a string that is not empty, or None, got 5"),
    ({"limits": None}, "child ('a').limits: expected a Limits, got None"),
    ({"limits": 7}, "child ('a').limits: expected a Limits, got 7"),
    ({"launcher": "spawn"}, "child ('a').launcher: expected one of 'auto', 'exec', 'zygote', got 'spawn'"),
    (
        {"dispatcher": "poll"},
        "child ('a').dispatcher: expected one of 'thread', 'pool', 'asyncio' or None, got 'poll'; did you mean 'pool'?",
    ),
    ({"dispatcher": 1}, "child ('a').dispatcher: expected one of 'thread', 'pool', 'asyncio' or None, got 1"),
    ({"significant": 1}, "child ('a').significant: expected True or False, got 1"),
    ({"significant": None}, "child ('a').significant: expected True or False, got None"),
]


def changed(more: dict[str, Any]) -> ChildSpec:
    return replace(child("a"), **more)


@pytest.mark.parametrize(("more", "text"), OF_A_CHILD)
def test_a_mistake_in_a_child(more: dict[str, Any], text: str) -> None:
    for auto_shutdown in AutoShutdown:
        assert [str(one) for one in check_child_spec(changed(more), auto_shutdown=auto_shutdown)] == [text]


@pytest.mark.parametrize(("more", "text"), [pair for pair in OF_A_CHILD if "significant" not in pair[0]])
def test_the_same_mistake_in_a_dynamic_child(more: dict[str, Any], text: str) -> None:
    assert [str(one) for one in check_dynamic_child(changed(more))] == [text]


@pytest.mark.parametrize("name", ["a/b", "/", "*", "job*", "a?", "a[1]", "a]", "a\n", "a\x00", "a\x85b", "", b"a", 3.0])
def test_an_id_that_would_make_a_path_or_a_pattern_ambiguous_is_refused_with_the_other_mistakes(name: Any) -> None:
    text = (
        f"child ({name!r}).id: expected a printable string that is not empty, without any of / * ? [ ]: "
        f"paths and patterns are made of ids, got {name!r}"
    )
    wrong = changed({"id": name, "restart": 1})
    for found in (check_child_spec(wrong, auto_shutdown=AutoShutdown.NEVER), check_dynamic_child(wrong)):
        assert str(found[0]) == text
        assert [one.where for one in found] == [f"child ({name!r}).id", f"child ({name!r}).restart"]
    (in_template, *_) = check_dynamic_spec(DynamicSpec(template=wrong))
    assert str(in_template) == text.replace("child", "template", 1)


@pytest.mark.parametrize("name", ["a", "ä b", "<lambda>", "a.b:C", "-", "+", "x" * 500])
def test_an_id_may_be_any_other_text(name: str) -> None:
    assert check_dynamic_child(changed({"id": name})) == ()


@pytest.mark.parametrize(
    "check", [check_dynamic_child, lambda it: check_child_spec(it, auto_shutdown=AutoShutdown.NEVER)]
)
def test_what_is_no_child(check: Any) -> None:
    assert [str(one) for one in check("x")] == ["child: expected a ChildSpec, got 'x'"]


def test_a_significant_dynamic_child() -> None:
    text = "child ('a').significant: expected False under a DynamicSupervisor, which has no auto_shutdown, got True"
    assert [str(one) for one in check_dynamic_child(child("a", "transient", significant=True))] == [text]


@pytest.mark.parametrize(
    ("spec", "texts"),
    [
        (3, ["supervisor: expected a SupervisorSpec, got 3"]),
        (
            SupervisorSpec(strategy="x"),  # type: ignore[arg-type]
            [f"strategy: expected one of {', '.join(f'Strategy.{one.name}' for one in Strategy)}, got 'x'"],
        ),
        (
            SupervisorSpec(auto_shutdown="x"),  # type: ignore[arg-type]
            [f"auto_shutdown: expected one of {ENDS}, got 'x'"],
        ),
        (
            SupervisorSpec(intensity=3),  # type: ignore[arg-type]
            ["intensity: expected a RestartIntensity or a FailureDecay, got 3"],
        ),
        (
            SupervisorSpec(backoff=None),  # type: ignore[arg-type]
            ["backoff: expected a Backoff, or another Delays, got None"],
        ),
        (SupervisorSpec(backoff=Endless()), ["backoff.reset_after: expected finite seconds, got inf"]),
        (SupervisorSpec(name=""), ["name: expected a string that is not empty, or None, got ''"]),
        (
            SupervisorSpec(children=3),  # type: ignore[arg-type]
            ["children: expected a sequence of ChildSpecs, got 3"],
        ),
        (
            SupervisorSpec(children=[child("a"), 3]),  # type: ignore[list-item]
            ["children[1]: expected a ChildSpec, got 3"],
        ),
        (
            SupervisorSpec(children=[child("a"), child("b"), child("b"), child("a"), child("b")]),
            [
                "children[2] ('b').id: expected an id that is not yet taken by children[1], got 'b'",
                "children[3] ('a').id: expected an id that is not yet taken by children[0], got 'a'",
                "children[4] ('b').id: expected an id that is not yet taken by children[1], got 'b'",
            ],
        ),
        (
            SupervisorSpec(children=[child(""), 3, child("a", name="")]),  # type: ignore[list-item]
            [
                f"children[0] ('').id: expected {ID_EXPECTED}, got ''",
                "children[1]: expected a ChildSpec, got 3",
                "children[2] ('a').name: expected a string that is not empty, or None, got ''",
            ],
        ),
        (
            SupervisorSpec(children=[child("a", "transient", significant=True)]),
            [
                (
                    "children[0] ('a').significant: "
                    'expected False while the supervisor has auto_shutdown="never", got True'
                ),
            ],
        ),
    ],
)
def test_a_mistake_in_a_supervisor(spec: Any, texts: list[str]) -> None:
    assert [str(one) for one in check_supervisor_spec(spec)] == texts


@pytest.mark.parametrize(
    ("spec", "texts"),
    [
        (3, ["supervisor: expected a DynamicSpec, got 3"]),
        (DynamicSpec(), []),
        (DynamicSpec(max_children=0, extra_arguments=(1,), template=child("t"), name="n"), []),
        (
            DynamicSpec(max_children=True),
            ["max_children: expected an integer >= 0, or None for no limit, got True"],
        ),
        (
            DynamicSpec(max_children=1.5),  # type: ignore[arg-type]
            ["max_children: expected an integer >= 0, or None for no limit, got 1.5"],
        ),
        (DynamicSpec(extra_arguments=[1]), ["extra_arguments: expected a tuple, got [1]"]),  # type: ignore[arg-type]
        (DynamicSpec(template=3), ["template: expected a ChildSpec, or None, got 3"]),  # type: ignore[arg-type]
        (
            DynamicSpec(template=child("t", name="", significant=True)),
            [
                "template ('t').name: expected a string that is not empty, or None, got ''",
                (
                    "template ('t').significant: "
                    "expected False under a DynamicSupervisor, which has no auto_shutdown, got True"
                ),
            ],
        ),
        (
            DynamicSpec(strategy=Strategy.ONE_FOR_ALL),
            [
                (
                    "strategy: expected Strategy.ONE_FOR_ONE, the only one of a DynamicSupervisor, "
                    f"got {Strategy.ONE_FOR_ALL!r}"
                )
            ],
        ),
        (
            DynamicSpec(auto_shutdown=AutoShutdown.ANY_SIGNIFICANT),
            [
                (
                    "auto_shutdown: expected AutoShutdown.NEVER, as a DynamicSupervisor has no significant children, "
                    f"got {AutoShutdown.ANY_SIGNIFICANT!r}"
                )
            ],
        ),
        (DynamicSpec(name=""), ["name: expected a string that is not empty, or None, got ''"]),
    ],
)
def test_a_mistake_in_a_dynamic_supervisor(spec: Any, texts: list[str]) -> None:
    assert [str(one) for one in check_dynamic_spec(spec)] == texts


@pytest.mark.parametrize(
    "more",
    [
        {"start": Start("a-b.c:D.e", (), {"key": 1})},
        {"start_timeout": math.inf},
        {"start_timeout": 1},
        {"shutdown": Grace(0.0)},
        {"backoff": Backoff()},
        {"name": "n"},
        {"dispatcher": "thread"},
        {"dispatcher": "pool", "isolation": Isolation.PROCESS},
        {"dispatcher": "asyncio", "type": ChildType.SUPERVISOR},
        {"type": ChildType.SUPERVISOR, "launcher": "exec"},
        {"isolation": Isolation.PROCESS, "limits": Limits(nice=1)},
    ],
)
def test_what_is_allowed_has_no_mistake(more: dict[str, Any]) -> None:
    assert check_child_spec(changed(more), auto_shutdown=AutoShutdown.NEVER) == ()
    assert check_dynamic_child(changed(more)) == ()
