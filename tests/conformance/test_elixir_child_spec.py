"""Elixir's supervisor_test.exs, the part about specs: `child_spec/1` of modules and `Supervisor.child_spec/2`."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.actors import Actor, ActorSystem
from regrow.actors.child_spec import BrutalKill, ChildSpec, ChildType, Grace, Infinity, Isolation, Restart, Start
from regrow.supervision import (
    NO_BACKOFF,
    FailedToStartChild,
    InvalidSpec,
    Supervisor,
    SupervisorSpec,
    supervise,
)
from tests.conformance import tree
from tests.conformance.case import case


class Stack(Actor):
    """A worker without a spec of its own."""

    def __init__(self, state: object) -> None:
        self.state = state


class Family(Supervisor):
    """A supervisor that is a class of its own."""

    def __init__(self, *_names: str) -> None:
        super().__init__(SupervisorSpec())


class Builder:
    """No actor, but it says what to start."""

    @classmethod
    def child_spec(cls, *args: object) -> ChildSpec:
        return ChildSpec(id="built", start=Start(Stack, args), restart=Restart.TRANSIENT)


class Wrong:
    """Its builder gives no spec."""

    @classmethod
    def child_spec(cls) -> object:
        return ("wrong", 1)


class Neither:
    """Neither an actor nor a builder."""


@case("ES-01")
def test_es_01_a_supervisors_class_gives_id_start_and_type() -> None:
    spec = supervise(Family, "a", "b")
    assert (spec.id, spec.start, spec.type) == ("Family", Start(Family, ("a", "b")), ChildType.SUPERVISOR)
    assert (spec.restart, spec.effective_shutdown) == (Restart.PERMANENT, Infinity())


@case("ES-01")
@pytest.mark.parametrize(
    ("field", "value", "becomes"),
    [
        ("id", "other", "other"),
        ("restart", "temporary", Restart.TEMPORARY),
        ("restart", Restart.TRANSIENT, Restart.TRANSIENT),
        ("shutdown", Grace(1.0), Grace(1.0)),
        ("shutdown", BrutalKill(), BrutalKill()),
        ("type", "worker", ChildType.WORKER),
        ("significant", True, True),
        ("isolation", "process", Isolation.PROCESS),
        ("start_timeout", 2.0, 2.0),
        ("backoff", NO_BACKOFF, NO_BACKOFF),
        ("name", "known", "known"),
    ],
)
def test_es_01_every_field_can_be_given(field: str, value: Any, becomes: object) -> None:
    assert getattr(supervise(Family, **{field: value}), field) == becomes


@case("ES-02")
def test_es_02_a_class_a_class_with_arguments_and_a_spec_are_taken_with_overrides() -> None:
    assert supervise(Builder) == Builder.child_spec()
    assert supervise(Builder, 1, 2) == Builder.child_spec(1, 2)
    assert supervise(Builder, 1, id="mine").id == "mine"
    assert supervise(Stack, []) == ChildSpec(id="Stack", start=Start(Stack, ([],)))
    given = ChildSpec(id="given", start=Start(Stack, (1,)))
    assert supervise(given) == given
    assert supervise(given, restart="temporary", shutdown=BrutalKill()) == ChildSpec(
        id="given", start=Start(Stack, (1,)), restart=Restart.TEMPORARY, shutdown=BrutalKill()
    )


@case("ES-02")
@pytest.mark.parametrize(
    ("target", "text"),
    [
        (
            Neither,
            r"target: expected a subclass of Actor .* with a classmethod child_spec\(\), got the class Neither",
        ),
        (Wrong, r"Wrong.child_spec\(\): expected a ChildSpec, got \('wrong', 1\)"),
        ("not a path", r'target: expected an import path "package.module:name", got \'not a path\''),
        (13, r"target: expected an Actor class, .*, got 13"),
        ({"id": "old"}, r"target: expected an Actor class, .*, got \{'id': 'old'\}"),
        ((Stack, 1), r"target: expected an Actor class, .*, got \(<class"),
    ],
)
def test_es_02_everything_else_is_refused_with_what_was_expected(target: object, text: str) -> None:
    with pytest.raises(InvalidSpec, match=text):
        supervise(target)


@case("ES-02")
def test_es_02_an_unknown_module_is_named_when_it_is_to_be_started(system: ActorSystem) -> None:
    with pytest.raises(FailedToStartChild, match=r"'Unknown' failed to start: .* 'unknown' is not on sys.path"):
        tree.start(system, supervise("unknown:Unknown"))


@case("ES-02")
def test_es_02_wrong_overrides_are_told_together() -> None:
    with pytest.raises(InvalidSpec) as caught:
        supervise(Stack, restart="always", isolation="container")
    assert [problem.where for problem in caught.value.problems] == ["isolation", "restart", "arguments"]
