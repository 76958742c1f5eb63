"""Elixir's supervisor_test.exs: names, module-based supervisors, short forms of specs, and a child's life cycle."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.actors import Actor, ActorDeadError, ActorSystem, ChildSpec, Restart, SpawnOptions, Start
from regrow.actors.child_spec import Grace
from regrow.actors.testing import Puppet, Script, exit_with
from regrow.protocol.exits import NORMAL
from regrow.supervision import (
    AlreadyStarted,
    ChildNotFound,
    ChildRunning,
    ChildStarted,
    ChildState,
    ChildTerminated,
    FailedToStartChild,
    InvalidSpec,
    Strategy,
    Supervisor,
    SupervisorHandle,
    SupervisorSpec,
    supervise,
    supervisor_child,
)
from tests.conformance.case import case
from tests.conformance.tree import counts, info_of, puppet, ref_of, start
from tests.supervision.facts import Facts


class Stack(Actor):
    """Keeps what it is given, for as long as it lives."""

    def __init__(self, *items: object) -> None:
        self.items = list(items)

    def on_receive(self, message: object) -> object:
        match message:
            case "pop":
                return self.items.pop() if self.items else None
            case ("push", item):
                self.items.append(item)
            case "stop":
                self.exit(NORMAL)
        return None


class StackSupervisor(Supervisor):
    """A supervisor whose children are named in its own module."""

    def __init__(self, *items: object, strategy: Strategy = Strategy.ONE_FOR_ONE) -> None:
        super().__init__(SupervisorSpec(strategy, [ChildSpec(id="stack", start=Start(Stack, items), name="stack")]))


@case("ES-05", "ES-06")
def test_es_05_and_es_06_a_supervisor_is_reached_by_its_name(system: ActorSystem) -> None:
    handle = start(system, puppet("a"), name="via")
    found = SupervisorHandle.named(system, "via")
    assert found.ref is handle.ref
    assert counts(found) == (1, 1, 0, 1)
    found.stop()
    with pytest.raises(ActorDeadError, match="supervisor 'via' not found"):
        SupervisorHandle.named(system, "via")


@case("ES-06")
def test_es_06_a_name_is_given_once(system: ActorSystem) -> None:
    first = start(system, name="global")
    with pytest.raises(Exception, match="name 'global': expected a free one, it is held by"):
        start(system, puppet("a"), name="global")
    assert SupervisorHandle.named(system, "global").ref is first.ref
    first.stop()
    assert start(system, name="global").ref is SupervisorHandle.named(system, "global").ref


@case("ES-08")
@pytest.mark.parametrize("strategy", Strategy)
def test_es_08_a_child_that_stopped_is_back_under_its_name_with_fresh_state(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    spec = ChildSpec(id="stack", start=Start(Stack, ("hello",)), name="stack")
    start(system, spec, strategy=strategy, name="top")
    ref = system.whereis("stack")
    assert ref is not None
    assert ref.ask("pop") == "hello"
    ref.tell(("push", "world"))
    ref.tell("stop")
    facts.wait(ChildStarted, child_id="stack", times=2)
    assert system.whereis("stack") is ref
    assert [ref.ask("pop"), ref.ask("pop")] == ["hello", None]


@case("ES-08")
@pytest.mark.parametrize("name", ["", 5, ("global", "a"), ["a"], b"a"], ids=repr)
def test_es_08_a_name_that_is_none_is_refused(system: ActorSystem, name: Any) -> None:
    with pytest.raises(InvalidSpec) as caught:
        start(system, puppet("a"), name=name)
    assert str(caught.value) == (f"invalid spec: name: expected a string that is not empty, or None, got {name!r}")
    with pytest.raises(InvalidSpec) as caught:
        start(system, puppet("a", name=name))
    assert str(caught.value) == (
        f"invalid spec: children[0] ('a').name: expected a string that is not empty, or None, got {name!r}"
    )


@case("ES-10")
@pytest.mark.parametrize("strategy", Strategy)
def test_es_10_a_module_based_supervisor_starts_its_children(system: ActorSystem, strategy: Strategy) -> None:
    ref = system.spawn(StackSupervisor, 1, 2, strategy=strategy, options=SpawnOptions(name="stacks"))
    assert system.whereis("stacks") is ref
    handle = SupervisorHandle(ref)
    assert counts(handle) == (1, 1, 0, 1)
    assert ref_of(handle, "stack").ask("pop") == 2
    handle.stop()
    assert system.whereis("stack") is None


@case("ES-10")
def test_es_10_a_module_based_supervisor_is_a_child_as_any_other(system: ActorSystem, facts: Facts) -> None:
    top = start(system, supervise(StackSupervisor, "a", id="stacks"))
    inner = SupervisorHandle(ref_of(top, "stacks"))
    assert (info_of(top, "stacks").type, counts(top)) == ("supervisor", (1, 1, 1, 0))
    inner.ref.kill()
    facts.wait(ChildStarted, child_id="stacks", times=2)
    assert ref_of(SupervisorHandle(ref_of(top, "stacks")), "stack").ask("pop") == "a"


@case("ES-12")
@pytest.mark.parametrize("restart", Restart)
def test_es_12_start_child_takes_a_spec(system: ActorSystem, restart: Restart) -> None:
    handle = start(system)
    started = handle.start_child(ChildSpec(id="stack", start=Start(Stack, ("hello",)), restart=restart))
    assert started.ref is not None
    assert started.ref.ask("pop") == "hello"
    assert handle.get_childspec("stack").restart is restart


@case("ES-13")
def test_es_13_start_child_takes_the_short_form(system: ActorSystem) -> None:
    handle = start(system)
    started = handle.start_child(supervise(Stack, "hello"))
    assert (started.child_id, started.ref is not None) == ("Stack", True)
    assert started.ref is not None
    assert started.ref.ask("pop") == "hello"
    with pytest.raises(AlreadyStarted):
        handle.start_child(supervise(Stack, "again"))
    assert handle.start_child(supervise(Stack, "other", id="other")).ref is not started.ref


@case("ES-14")
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"start": Start(Stack)}, "id"),
        ({"id": "a"}, "start"),
        ({}, "id"),
    ],
    ids=repr,
)
def test_es_14_a_spec_without_id_or_start_cannot_be_made(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(TypeError, match=f"missing .*'{said}'"):
        ChildSpec(**spec)


@case("ES-14")
@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (ChildSpec(id="a", start="Stack"), ".start: expected a Start, got 'Stack'"),  # type: ignore[arg-type]
        (ChildSpec(id="a", start=Start(Stack, [1])), ".start.args: expected a tuple, got [1]"),  # type: ignore[arg-type]
        (
            ChildSpec(id="a", start=Start(Stack), shutdown=Grace(-1)),
            ".shutdown.seconds: expected finite seconds >= 0, got -1",
        ),
    ],
    ids=["start", "args", "shutdown"],
)
def test_es_14_start_child_says_what_is_wrong(system: ActorSystem, spec: ChildSpec, said: str) -> None:
    handle = start(system)
    with pytest.raises(InvalidSpec) as caught:
        handle.start_child(spec)
    assert str(caught.value) == f"invalid spec: child ('a'){said}"
    assert handle.which_children() == ()


@case("ES-14")
def test_es_14_arguments_that_do_not_fit_are_a_failed_start(system: ActorSystem) -> None:
    handle = start(system)
    with pytest.raises(FailedToStartChild, match=r"child 'a' failed to start: crash: TypeError: .*argument"):
        handle.start_child(ChildSpec(id="a", start=Start(Puppet, (Script(), "too many"))))


@case("ES-16")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("kind", ["worker", "supervisor"])
def test_es_16_the_life_cycle_of_a_child(system: ActorSystem, strategy: Strategy, kind: str) -> None:
    supervisors, workers = (0, 1) if kind == "worker" else (1, 0)
    spec = puppet("a") if kind == "worker" else supervisor_child("a", SupervisorSpec())
    handle = start(system, strategy=strategy)
    assert (handle.which_children(), counts(handle)) == ((), (0, 0, 0, 0))

    ref = handle.start_child(spec).ref
    [info] = handle.which_children()
    assert (info.id, info.ref, info.state, str(info.type)) == ("a", ref, ChildState.RUNNING, kind)
    assert counts(handle) == (1, 1, supervisors, workers)
    with pytest.raises(ChildRunning):
        handle.delete_child("a")

    handle.terminate_child("a")
    assert (info_of(handle, "a").state, counts(handle)) == (ChildState.STOPPED, (1, 0, supervisors, workers))
    assert handle.restart_child("a").ref is ref
    assert counts(handle) == (1, 1, supervisors, workers)

    handle.terminate_child("a")
    handle.delete_child("a")
    assert (handle.which_children(), counts(handle)) == ((), (0, 0, 0, 0))
    with pytest.raises(ChildNotFound):
        handle.restart_child("a")


@case("ES-08", "ES-16")
def test_es_16_a_child_that_ends_in_its_own_handler_is_seen_as_it_is(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a", restart=Restart.TRANSIENT))
    ref_of(handle, "a").tell(exit_with(NORMAL))
    facts.wait(ChildTerminated, child_id="a")
    info = info_of(handle, "a")
    assert (info.state, info.last_reason) == (ChildState.STOPPED, "normal")
