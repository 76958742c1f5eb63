"""OTP's supervisor_SUITE: what is wrong with a spec is said before anything is started, and all of it at once."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from regrow.actors import ActorSystem, ChildSpec, Isolation, Restart, Start
from regrow.actors.child_spec import BrutalKill, ChildType, Grace, Infinity, Limits
from regrow.actors.testing import Puppet, Script
from regrow.supervision import (
    AutoShutdown,
    Backoff,
    InvalidSpec,
    RestartIntensity,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    check_child_spec,
    check_supervisor_spec,
    supervisor_child,
)
from regrow.supervision.paths import ID_EXPECTED
from tests.conformance.case import case
from tests.conformance.tree import counts, puppet, start

GOOD = ChildSpec(id="a", start=Start(Puppet))

BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"id": ""}, f".id: expected {ID_EXPECTED}, got ''"),
    ({"id": None}, f".id: expected {ID_EXPECTED}, got None"),
    ({"id": 5}, f".id: expected {ID_EXPECTED}, got 5"),
    ({"start": None}, ".start: expected a Start, got None"),
    ({"start": Puppet}, f".start: expected a Start, got {Puppet!r}"),
    ({"start": ("mod", "fun", [])}, ".start: expected a Start, got ('mod', 'fun', [])"),
    ({"start": Start(5)}, ".start.target: expected an actor class, a callable or an import path, got 5"),  # type: ignore[arg-type]
    ({"start": Start("nothing")}, ".start.target: expected an import path \"package.module:name\", got 'nothing'"),
    ({"start": Start("a.b:")}, ".start.target: expected an import path \"package.module:name\", got 'a.b:'"),
    ({"start": Start(Puppet, "x")}, ".start.args: expected a tuple, got 'x'"),  # type: ignore[arg-type]
    ({"start": Start(Puppet, 5)}, ".start.args: expected a tuple, got 5"),  # type: ignore[arg-type]
    ({"start": Start(Puppet, (), [])}, ".start.kwargs: expected a mapping with strings as keys, got []"),  # type: ignore[arg-type]
    ({"start": Start(Puppet, (), {1: 2})}, ".start.kwargs: expected a mapping with strings as keys, got {1: 2}"),  # type: ignore[dict-item]
    (
        {"restart": "prmanent"},
        ".restart: expected one of Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY, got 'prmanent'",
    ),
    ({"restart": None}, ".restart: expected one of Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY, got None"),
    ({"type": "wrker"}, ".type: expected one of ChildType.WORKER, ChildType.SUPERVISOR, got 'wrker'"),
    ({"shutdown": -10}, ".shutdown: expected BrutalKill(), Grace(seconds), Infinity() or None, got -10"),
    ({"shutdown": Grace(-10)}, ".shutdown.seconds: expected finite seconds >= 0, got -10"),
    ({"shutdown": Grace(float("inf"))}, ".shutdown.seconds: expected finite seconds >= 0, got inf"),
    ({"shutdown": Grace(float("nan"))}, ".shutdown.seconds: expected finite seconds >= 0, got nan"),
    ({"shutdown": Grace(True)}, ".shutdown.seconds: expected finite seconds >= 0, got True"),
    (
        {"shutdown": "brutal_kill"},
        ".shutdown: expected BrutalKill(), Grace(seconds), Infinity() or None, got 'brutal_kill'",
    ),
    (
        {"shutdown": BrutalKill},
        f".shutdown: expected BrutalKill(), Grace(seconds), Infinity() or None, got {BrutalKill!r}",
    ),
    ({"isolation": "planet"}, ".isolation: expected one of Isolation.THREAD, Isolation.PROCESS, got 'planet'"),
    ({"significant": "yes"}, ".significant: expected True or False, got 'yes'"),
    ({"significant": 1}, ".significant: expected True or False, got 1"),
    ({"start_timeout": 0}, ".start_timeout: expected seconds > 0, or math.inf, got 0"),
    ({"start_timeout": "5"}, ".start_timeout: expected seconds > 0, or math.inf, got '5'"),
    ({"backoff": 3}, ".backoff: expected a Backoff, or another Delays, got 3"),
    ({"name": ""}, ".name: expected a string that is not empty, or None, got ''"),
    ({"limits": 5}, ".limits: expected a Limits, got 5"),
    ({"limits": Limits(nice=5)}, f'.limits: expected no limits without isolation="process", got {Limits(nice=5)!r}'),
    ({"launcher": "rocket"}, ".launcher: expected one of 'auto', 'exec', 'zygote', got 'rocket'"),
]


def where_of(spec: ChildSpec, index: int | None) -> str:
    place = "child" if index is None else f"children[{index}]"
    child_id: object = spec.id
    return place if child_id is None else f"{place} ({spec.id!r})"


@case("O-26")
@pytest.mark.parametrize(("fields", "said"), BAD_FIELDS, ids=[f"{fields}" for fields, _ in BAD_FIELDS])
def test_o_26_every_bad_field_is_named_wherever_the_spec_is_given(
    system: ActorSystem, fields: dict[str, Any], said: str
) -> None:
    bad = replace(GOOD, **fields)
    assert [str(problem) for problem in check_child_spec(bad, auto_shutdown=AutoShutdown.NEVER)] == [
        where_of(bad, None) + said
    ]
    handle = start(system, puppet("other"))
    with pytest.raises(InvalidSpec) as caught:
        handle.start_child(bad)
    assert str(caught.value) == f"invalid spec: {where_of(bad, None)}{said}"
    assert counts(handle) == (1, 1, 0, 1)
    script = Script()
    with pytest.raises(InvalidSpec) as caught:
        SupervisorHandle.start(system, SupervisorSpec(children=[puppet("first", script), bad]))
    assert str(caught.value) == f"invalid spec: {where_of(bad, 1)}{said}"
    assert script.hooks() == (), "nothing is started before all specs are found good"


@case("O-26")
@pytest.mark.parametrize("garbage", [None, 5, "a", {"id": "a"}, ("a", Start(Puppet)), Puppet], ids=repr)
def test_o_26_what_is_no_spec_at_all_is_named_too(system: ActorSystem, garbage: Any) -> None:
    handle = start(system)
    with pytest.raises(InvalidSpec) as caught:
        handle.start_child(garbage)
    assert str(caught.value) == f"invalid spec: child: expected a ChildSpec, got {garbage!r}"
    with pytest.raises(InvalidSpec) as caught:
        SupervisorHandle.start(system, SupervisorSpec(children=[puppet("a"), garbage]))
    assert caught.value.problems[0].expected == "a ChildSpec"
    assert caught.value.problems[0].got == repr(garbage)
    assert counts(handle) == (0, 0, 0, 0)


@case("O-26")
def test_o_26_all_mistakes_are_said_at_once_in_the_order_in_which_they_stand(system: ActorSystem) -> None:
    spec = SupervisorSpec(
        strategy="one_for_none",  # type: ignore[arg-type]
        children=[replace(GOOD, shutdown=Grace(-1), start_timeout=0), GOOD, replace(GOOD, id="b", restart="no")],  # type: ignore[arg-type]
    )
    with pytest.raises(InvalidSpec) as caught:
        SupervisorHandle.start(system, spec)
    assert [problem.where for problem in caught.value.problems] == [
        "strategy",
        "children[0] ('a').shutdown.seconds",
        "children[0] ('a').start_timeout",
        "children[1] ('a').id",
        "children[2] ('b').restart",
    ]
    assert str(caught.value).count("expected") == 5


@case("O-26")
def test_o_26_an_id_may_be_given_once(system: ActorSystem) -> None:
    with pytest.raises(InvalidSpec) as caught:
        start(system, puppet("a"), puppet("b"), puppet("a"))
    assert str(caught.value) == (
        "invalid spec: children[2] ('a').id: expected an id that is not yet taken by children[0], got 'a'"
    )


LEGAL = list(
    product(
        Restart,
        [None, BrutalKill(), Grace(0), Grace(0.5), Grace(5000), Infinity()],
        ChildType,
        [Start(Puppet), Start("regrow.actors.testing:Puppet"), Start(Script().start.target, (Script(),))],
    )
)


@case("O-26")
@pytest.mark.parametrize("mode", AutoShutdown)
def test_o_26_all_legal_combinations_are_accepted_by_the_check_and_at_boot(
    system: ActorSystem, mode: AutoShutdown
) -> None:
    assert len(LEGAL) == 108
    specs = [
        ChildSpec(id=str(index), start=start_of, restart=restart, shutdown=shutdown, type=kind)
        for index, (restart, shutdown, kind, start_of) in enumerate(LEGAL)
    ]
    assert all(check_child_spec(spec, auto_shutdown=mode) == () for spec in specs)
    assert check_supervisor_spec(SupervisorSpec(children=specs, auto_shutdown=mode)) == ()
    handle = start(system, *specs[::2], auto_shutdown=mode)
    for spec in specs[1::2]:
        handle.start_child(spec)
    assert counts(handle) == (108, 108, 54, 54)


BAD_FLAGS: list[tuple[dict[str, Any], str]] = [
    (
        {"strategy": "invalid"},
        "strategy: expected one of Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE, got 'invalid'",
    ),
    (
        {"strategy": None},
        "strategy: expected one of Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE, got None",
    ),
    (
        {"auto_shutdown": "sometimes"},
        (
            "auto_shutdown: expected one of AutoShutdown.NEVER, AutoShutdown.ANY_SIGNIFICANT, "
            "AutoShutdown.ALL_SIGNIFICANT, got 'sometimes'"
        ),
    ),
    ({"backoff": None}, "backoff: expected a Backoff, or another Delays, got None"),
    ({"backoff": 0.5}, "backoff: expected a Backoff, or another Delays, got 0.5"),
    ({"name": 5}, "name: expected a string that is not empty, or None, got 5"),
    ({"name": ""}, "name: expected a string that is not empty, or None, got ''"),
    ({"children": 5}, "children: expected a sequence of ChildSpecs, got 5"),
    ({"children": None}, "children: expected a sequence of ChildSpecs, got None"),
    ({"children": {"a": GOOD}}, f"children: expected a sequence of ChildSpecs, got { ({'a': GOOD})!r}"),
    ({"children": "abc"}, "children: expected a sequence of ChildSpecs, got 'abc'"),
]


@case("O-28")
@pytest.mark.parametrize(("fields", "said"), BAD_FLAGS, ids=[f"{fields}"[:40] for fields, _ in BAD_FLAGS])
def test_o_28_every_bad_field_of_a_supervisor_is_named(system: ActorSystem, fields: dict[str, Any], said: str) -> None:
    bad = SupervisorSpec(**fields)
    assert [str(problem) for problem in check_supervisor_spec(bad)] == [said]
    with pytest.raises(InvalidSpec) as caught:
        SupervisorHandle.start(system, bad)
    assert str(caught.value) == f"invalid spec: {said}"


@case("O-28")
@pytest.mark.parametrize("intensity", [None, 3, (3, 5), "often"], ids=repr)
def test_o_28_what_is_no_intensity_is_named(system: ActorSystem, intensity: Any) -> None:
    with pytest.raises(InvalidSpec, match=r"^invalid spec: intensity: expected a RestartIntensity.*, got ") as caught:
        start(system, intensity=intensity)
    assert str(caught.value).endswith(repr(intensity))


@case("O-28")
@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"max_restarts": -1}, "max_restarts: expected an integer >= 0, got -1"),
        ({"max_restarts": "infinity"}, "max_restarts: expected an integer >= 0, got 'infinity'"),
        ({"max_restarts": float("inf")}, "max_restarts: expected an integer >= 0, got inf"),
        ({"max_restarts": 1.5}, "max_restarts: expected an integer >= 0, got 1.5"),
        ({"max_restarts": True}, "max_restarts: expected an integer >= 0, got True"),
        ({"max_seconds": 0}, "max_seconds: expected finite seconds > 0, got 0"),
        ({"max_seconds": -1}, "max_seconds: expected finite seconds > 0, got -1"),
        ({"max_seconds": float("inf")}, "max_seconds: expected finite seconds > 0, got inf"),
        ({"max_seconds": "infinity"}, "max_seconds: expected finite seconds > 0, got 'infinity'"),
    ],
    ids=str,
)
def test_o_28_a_bad_intensity_cannot_be_made(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:
        RestartIntensity(**fields)
    assert str(caught.value) == said


@case("O-28")
def test_o_28_a_field_that_there_is_not_is_refused() -> None:
    fields: dict[str, Any] = {"stategy": Strategy.ONE_FOR_ALL}
    with pytest.raises(TypeError, match="stategy"):
        SupervisorSpec(**fields)


@case("O-28")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("mode", AutoShutdown)
def test_o_28_what_is_good_is_taken(system: ActorSystem, strategy: Strategy, mode: AutoShutdown) -> None:
    spec = SupervisorSpec(strategy, (), RestartIntensity(0, 0.001), Backoff(), mode, "top")
    handle = SupervisorHandle.start(system, spec)
    assert system.whereis("top") is handle.ref


@case("O-26", "O-28")
def test_o_28_a_mistake_deep_down_fails_the_boot_with_the_way_to_it(system: ActorSystem) -> None:
    bad = supervisor_child("inner", SupervisorSpec(children=[replace(GOOD, restart="no")]))  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"child 'inner' failed to start: .*InvalidSpec: invalid spec: children\[0\]"):
        start(system, bad)


@case("O-26")
def test_o_26_a_process_may_have_limits() -> None:
    spec = replace(GOOD, isolation=Isolation.PROCESS, limits=Limits(nice=5), launcher="exec")
    assert check_child_spec(spec, auto_shutdown=AutoShutdown.NEVER) == ()
