from __future__ import annotations

import math
import random

import pytest

from regrow.actors.child_spec import BrutalKill, ChildSpec, Grace, Infinity, Isolation, Limits, Start
from regrow.supervision.core import SupervisorCore
from regrow.supervision.errors import InvalidSpec
from regrow.supervision.paths import ID_EXPECTED
from regrow.supervision.significance import AutoShutdown
from regrow.supervision.spec import SupervisorSpec
from regrow.supervision.validate import check_child_spec, check_supervisor_spec
from tests.supervision.stage import child


def problems(spec: ChildSpec, auto_shutdown: AutoShutdown = AutoShutdown.ANY_SIGNIFICANT) -> list[str]:
    return [str(problem) for problem in check_child_spec(spec, auto_shutdown=auto_shutdown)]


def test_a_good_spec_has_no_problems() -> None:
    spec = SupervisorSpec(
        children=[
            child("a", shutdown=Grace(0)),
            child("b", shutdown=Infinity()),
            child("c", shutdown=BrutalKill()),
            ChildSpec(id="d", start=Start("app.roles:make"), isolation=Isolation.PROCESS, limits=Limits(nice=5)),
        ]
    )
    assert check_supervisor_spec(spec) == ()


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (child(""), f"child ('').id: expected {ID_EXPECTED}, got ''"),
        (child("a", shutdown=Grace(-1)), "child ('a').shutdown.seconds: expected finite seconds >= 0, got -1"),
        (
            child("a", shutdown=5),
            "child ('a').shutdown: expected BrutalKill(), Grace(seconds), Infinity() or None, got 5",
        ),
        (child("a", start_timeout=0), "child ('a').start_timeout: expected seconds > 0, or math.inf, got 0"),
        (child("a", backoff=3), "child ('a').backoff: expected a Backoff, or another Delays, got 3"),
        (child("a", name=""), "child ('a').name: expected a string that is not empty, or None, got ''"),
        (
            child("a", type="worker!"),
            "child ('a').type: expected one of ChildType.WORKER, ChildType.SUPERVISOR, got 'worker!'",
        ),
        (
            ChildSpec(id="a", start=Start("nonsense")),
            "child ('a').start.target: expected an import path \"package.module:name\", got 'nonsense'",
        ),
        (
            ChildSpec(id="a", start=Start(3)),  # type: ignore[arg-type]
            "child ('a').start.target: expected an actor class, a callable or an import path, got 3",
        ),
        (ChildSpec(id="a", start=None), "child ('a').start: expected a Start, got None"),  # type: ignore[arg-type]
        (
            child("a", limits=Limits(nice=3)),
            f"child ('a').limits: expected no limits without isolation=\"process\", got {Limits(nice=3)}",
        ),
        *(
            (
                child("a", isolation=Isolation.PROCESS, limits=Limits(**{name: value})),
                f"child ('a').limits.{name}: expected seconds > 0, or None for no limit, got {value!r}",
            )
            for name, value in (
                ("hang_limit", 0),
                ("busy_limit", "1m"),
                ("deadline", math.inf),
                ("stopped_seconds", -1),
            )
        ),
        (
            child("a", significant=True),
            "child ('a').significant: expected False for a permanent child, which never ends on its own, got True",
        ),
    ],
)
def test_every_mistake_says_where_expected_and_got(spec: ChildSpec, text: str) -> None:
    assert problems(spec) == [text]


def test_significant_makes_no_sense_where_nothing_shuts_down() -> None:
    found = problems(child("a", "transient", significant=True), AutoShutdown.NEVER)
    assert found == [
        "child ('a').significant: expected False while the supervisor has auto_shutdown=\"never\", got True"
    ]


def test_all_mistakes_are_reported_at_once_before_anything_starts() -> None:
    spec = SupervisorSpec(
        strategy="one_for_some",  # type: ignore[arg-type]
        intensity=3,  # type: ignore[arg-type]
        backoff=None,  # type: ignore[arg-type]
        auto_shutdown="maybe",  # type: ignore[arg-type]
        name="",
        children=[child("a"), child("b", shutdown=Grace(-1)), child("a"), "c"],  # type: ignore[list-item]
    )
    with pytest.raises(InvalidSpec) as caught:
        SupervisorCore(spec, random.Random())
    assert [problem.where for problem in caught.value.problems] == [
        "strategy",
        "auto_shutdown",
        "intensity",
        "backoff",
        "name",
        "children[1] ('b').shutdown.seconds",
        "children[2] ('a').id",
        "children[3]",
    ]
    assert "an id that is not yet taken by children[0], got 'a'" in str(caught.value)
