"""A PartitionSupervisor that follows another spec: whom keys are routed to meanwhile, and what is refused."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from regrow.actors import Actor, ActorRef, ActorSystem, CallingSelf
from regrow.supervision import (
    ChildTerminated,
    InvalidSpec,
    PartitionHandle,
    PartitionSpec,
    Reconfigured,
    ResizeUnderWay,
    RestartIntensity,
    SupervisorHandle,
    SupervisorReconfigured,
    SupervisorSpec,
    partition_supervisor_child,
    supervise,
)
from tests.supervision.facts import Facts

WAIT = 5.0


class Cell(Actor):
    def __init__(self, *args: object) -> None:
        self.args = args

    def on_receive(self, message: object) -> object:
        return self.args


class Gate(Cell):
    """Waits in its stop until the test lets it go."""

    def __init__(self, name: str, opened: threading.Event, reached: threading.Event) -> None:
        super().__init__(name)
        self.opened, self.reached = opened, reached

    def on_stop(self) -> None:
        self.reached.set()
        assert self.opened.wait(WAIT)


SPEC = PartitionSpec(child=supervise(Cell, "x"), name="parts", partitions=3)


def said(parts: PartitionHandle) -> list[object]:
    return [parts.route(key).ask("?", timeout=WAIT) for key in range(parts.partitions())]


def refs(parts: PartitionHandle) -> list[ActorRef]:
    return [parts.route(key) for key in range(parts.partitions())]


def test_what_is_the_same_goes_on_and_the_number_is_that_of_the_spec(system: ActorSystem, facts: Facts) -> None:
    parts = PartitionHandle.start(system, SPEC)
    before = refs(parts)
    more = replace(SPEC, partitions=5, intensity=RestartIntensity(9, 1.0))
    result = parts.reconfigure(more, timeout=WAIT)
    assert result == Reconfigured(own=("intensity",), kept=("0", "1", "2"), added=("3", "4"))
    assert refs(parts)[:3] == before
    assert len({ref.urn for ref in refs(parts)}) == 5
    assert [event.result for event in facts.all(SupervisorReconfigured)] == [result]

    less = replace(SPEC, partitions=2)
    assert parts.reconfigure(less, timeout=WAIT).removed == ("2", "3", "4")
    assert refs(parts) == before[:2]
    assert parts.reconfigure(less, timeout=WAIT).unchanged
    assert len(facts.all(ChildTerminated)) == 3
    assert parts.resize(1) == 2
    assert parts.resize(2) == 1


def test_another_child_or_other_arguments_are_new_lives_behind_the_same_refs(system: ActorSystem) -> None:
    parts = PartitionHandle.start(system, SPEC)
    before = refs(parts)
    result = parts.reconfigure(replace(SPEC, with_arguments=lambda args, n: (*args, n // 2)), timeout=WAIT)
    assert result.restarted == ("0", "1", "2")
    assert said(parts) == [("x", 0), ("x", 0), ("x", 1)]
    result = parts.reconfigure(replace(SPEC, with_arguments=lambda args, n: (*args, n)), timeout=WAIT)
    assert (result.kept, result.restarted) == (("0",), ("1", "2"))
    assert said(parts) == [("x", 0), ("x", 1), ("x", 2)]
    assert refs(parts) == before


def test_nothing_is_routed_to_who_goes_and_nobody_resizes_meanwhile(system: ActorSystem) -> None:
    opened, reached = threading.Event(), threading.Event()
    spec = replace(SPEC, child=supervise(Gate, "x", opened, reached))
    parts = PartitionHandle.start(system, spec)
    results: list[Reconfigured] = []
    asker = threading.Thread(target=lambda: results.append(parts.reconfigure(replace(spec, partitions=1))))
    asker.start()
    assert reached.wait(WAIT)
    assert parts.partitions() == 1
    assert parts.route(2) is parts.route(0)
    with pytest.raises(ResizeUnderWay):
        parts.resize(0, timeout=0.0)
    with pytest.raises(ResizeUnderWay):
        parts.reconfigure(spec, timeout=WAIT)
    opened.set()
    asker.join(WAIT)
    assert results == [Reconfigured(kept=("0",), removed=("1", "2"))]
    assert parts.resize(0, timeout=WAIT) == 1


def raising(args: tuple[object, ...], partition: int) -> tuple[object, ...]:
    raise LookupError(f"nothing for {partition}")


def test_what_is_refused_changes_nothing(system: ActorSystem, facts: Facts) -> None:
    parts = PartitionHandle.start(system, SPEC)
    before = refs(parts)
    with pytest.raises(InvalidSpec, match="partitions: expected an integer from 1"):
        parts.reconfigure(replace(SPEC, partitions=0), timeout=WAIT)
    with pytest.raises(InvalidSpec, match="name: expected 'parts', as a running supervisor keeps its name"):
        parts.reconfigure(replace(SPEC, name="other", partitions=1), timeout=WAIT)
    with pytest.raises(InvalidSpec, match=r"partition supervisor: expected a PartitionSpec, got SupervisorSpec"):
        parts.supervisor.reconfigure(SupervisorSpec(name="parts"), timeout=WAIT)
    parts.resize(2, timeout=WAIT)
    with pytest.raises(InvalidSpec, match="partitions: expected 3 as before, because it was resized to 2, got 4"):
        parts.reconfigure(replace(SPEC, partitions=4), timeout=WAIT)
    assert parts.reconfigure(replace(SPEC, intensity=RestartIntensity(9, 1.0)), timeout=WAIT).own == ("intensity",)
    assert refs(parts) == before[:2]
    assert parts.resize(3, timeout=WAIT) == 2
    assert len(facts.all(SupervisorReconfigured)) == 1


def test_below_another_supervisor_it_follows_and_a_function_that_raises_leaves_it_as_it_was(
    system: ActorSystem, facts: Facts
) -> None:
    spec = SupervisorSpec(children=[partition_supervisor_child(SPEC)])
    top = SupervisorHandle.start(system, spec)
    parts = PartitionHandle(system, "parts")
    before = refs(parts)

    def child(changed: PartitionSpec) -> SupervisorSpec:
        start = replace(spec.children[0].start, args=(changed,))
        return replace(spec, children=[replace(spec.children[0], start=start)])

    assert top.reconfigure(child(replace(SPEC, partitions=4)), timeout=WAIT) == Reconfigured(
        inside={"parts": Reconfigured(kept=("0", "1", "2"), added=("3",))}
    )
    assert refs(parts)[:3] == before
    refused = top.reconfigure(child(replace(SPEC, with_arguments=raising)), timeout=WAIT)
    assert refused == Reconfigured(refused={"parts": "nothing for 0"})
    assert parts.partitions() == 4
    assert facts.all(ChildTerminated) == []


class Changer(Cell):
    """Has its own supervisor follow a spec."""

    def on_receive(self, message: object) -> object:
        if isinstance(message, int):
            spec = replace(SPEC, child=supervise(Changer, "x"), partitions=message)
            return PartitionHandle(self.system, "parts").reconfigure(spec).removed
        return self.args


def test_a_partition_cannot_have_itself_taken_away_and_nothing_is_done(system: ActorSystem) -> None:
    parts = PartitionHandle.start(system, replace(SPEC, child=supervise(Changer, "x")))
    with pytest.raises(CallingSelf, match="parts -> parts/2 -> parts"):
        parts.route(2).ask(1, timeout=WAIT)
    assert parts.partitions() == 3
    assert parts.route(0).ask(1, timeout=WAIT) == ("1", "2")
    assert parts.resize(0, timeout=WAIT) == 1
