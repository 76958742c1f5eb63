"""Elixir's partition_supervisor_test.exs: copies of one child, found by keys, fewer of them for a while."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.actors import Actor, ActorDeadError, ActorSystem
from regrow.protocol.exits import NOPROC
from regrow.supervision import (
    AutoShutdown,
    BadPartitionCount,
    ChildStarted,
    InvalidSpec,
    NoPartitions,
    PartitionHandle,
    PartitionSpec,
    partition_supervisor_child,
    supervise,
)
from tests.conformance import tree
from tests.conformance.case import case
from tests.supervision.facts import Facts

WAIT = 5.0


class Agent(Actor):
    """Has a state, as Elixir's Agent has."""

    def __init__(self, *args: object) -> None:
        self.state: object = args

    def on_receive(self, message: object) -> object:
        if message == "crash":
            raise RuntimeError("crash")
        return self.state


AGENT = supervise(Agent, "hello")


def start(system: ActorSystem, partitions: int | None = 3, **more: Any) -> PartitionHandle:
    return PartitionHandle.start(system, PartitionSpec(child=AGENT, name="agents", partitions=partitions, **more))


def state(handle: PartitionHandle, key: object) -> object:
    return handle.route(key).ask("get", timeout=WAIT)


@case("EP-01")
def test_ep_01_its_id_is_its_name() -> None:
    assert partition_supervisor_child(PartitionSpec(child=AGENT, name="agents")).id == "agents"
    assert supervise(PartitionSpec(child=AGENT, name="agents")).id == "agents"


@case("EP-02")
def test_ep_02_another_id_may_be_given() -> None:
    spec = PartitionSpec(child=AGENT, name="agents")
    assert partition_supervisor_child(spec, child_id="mine").id == supervise(spec, id="mine").id == "mine"
    assert supervise(spec, id="mine").name == "agents"


@case("EP-04")
def test_ep_04_it_is_reached_by_its_name_from_everywhere(system: ActorSystem, facts: Facts) -> None:
    top = tree.start(system, supervise(PartitionSpec(child=AGENT, name="agents", partitions=2)))
    handle = PartitionHandle(system, "agents")
    assert handle.ref is system.whereis("agents")
    assert state(handle, 0) == state(handle, "any key") == ("hello",)
    handle.route(1).tell("crash")
    facts.wait(ChildStarted, child_id="1", times=2)
    assert state(handle, 1) == ("hello",)
    assert top.count_children().supervisors == 1


@case("EP-05")
def test_ep_05_each_partition_has_arguments_of_its_own_and_integers_find_it_by_their_remainder(
    system: ActorSystem, facts: Facts
) -> None:
    handle = start(system, with_arguments=lambda args, partition: (*args, partition))
    assert [state(handle, key) for key in range(-4, 5)] == [("hello", abs(key) % 3) for key in range(-4, 5)]
    handle.route(2).tell("crash")
    facts.wait(ChildStarted, child_id="2", times=2)
    assert state(handle, 2) == ("hello", 2)


@case("EP-06")
@pytest.mark.parametrize("name", [None, "", 3])
def test_ep_06_it_needs_a_name(system: ActorSystem, name: Any) -> None:
    with pytest.raises(InvalidSpec, match="name: expected a string that is not empty: partitions are found by it, got"):
        PartitionHandle.start(system, PartitionSpec(child=AGENT, name=name))
    with pytest.raises(TypeError, match="name"):
        PartitionSpec(child=AGENT)  # type: ignore[call-arg]


@case("EP-07")
@pytest.mark.parametrize("child", [None, Agent, "agent"])
def test_ep_07_it_needs_a_child(system: ActorSystem, child: Any) -> None:
    with pytest.raises(InvalidSpec, match="child: expected a ChildSpec, got"):
        PartitionHandle.start(system, PartitionSpec(child=child, name="agents"))
    with pytest.raises(TypeError, match="child"):
        PartitionSpec(name="agents")  # type: ignore[call-arg]


@case("EP-08")
@pytest.mark.parametrize("partitions", [0, -1, True, 1.5, "2", 65_537])
def test_ep_08_bad_numbers_of_partitions_are_refused(system: ActorSystem, partitions: Any) -> None:
    with pytest.raises(InvalidSpec, match="partitions: expected an integer from 1 to 65536, or None, got"):
        start(system, partitions)
    assert system.whereis("agents") is None


@case("EP-09")
@pytest.mark.parametrize(
    ("with_arguments", "text"),
    [
        (1, r"with_arguments: expected a function of \(args, partition\), or None, got 1"),
        (
            lambda args, partition: list(args),
            r"with_arguments\(args, 0\): expected a tuple .*, got \['hello'\]",
        ),
    ],
)
def test_ep_09_bad_arguments_are_refused(system: ActorSystem, with_arguments: Any, text: str) -> None:
    with pytest.raises(InvalidSpec, match=text):
        start(system, with_arguments=with_arguments)


@case("EP-10")
def test_ep_10_no_child_of_it_can_shut_it_down(system: ActorSystem) -> None:
    with pytest.raises(TypeError, match="auto_shutdown"):
        PartitionSpec(child=AGENT, name="agents", auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)  # type: ignore[call-arg]
    significant = supervise(Agent, restart="transient", significant=True)
    with pytest.raises(InvalidSpec, match='significant: expected False while the supervisor has auto_shutdown="never"'):
        PartitionHandle.start(system, PartitionSpec(child=significant, name="agents"))


@case("EP-13", "EP-14")
def test_ep_13_14_an_unknown_name_is_nobody(system: ActorSystem) -> None:
    handle = PartitionHandle(system, "unknown")
    for ask in (handle.partitions, handle.which_children, lambda: handle.route(1), lambda: handle.resize(1)):
        with pytest.raises(ActorDeadError, match="partition supervisor 'unknown' not found") as caught:
            ask()
        assert caught.value.reason == NOPROC


@case("EP-16")
def test_ep_16_without_partitions_nobody_is_found_and_a_resize_says_how_many_there_were(system: ActorSystem) -> None:
    handle = start(system, 8)
    assert handle.partitions() == 8
    assert handle.resize(0) == 8
    assert handle.partitions() == 0
    with pytest.raises(NoPartitions, match="'agents' has no partitions now"):
        handle.route(1)
    assert handle.resize(2) == 0
    assert handle.resize(8) == 2
    assert state(handle, 7) == ("hello",)


@case("EP-17")
@pytest.mark.parametrize("partitions", [9, -1])
def test_ep_17_it_cannot_have_more_than_it_started_with(system: ActorSystem, partitions: int) -> None:
    handle = start(system, 8)
    with pytest.raises(BadPartitionCount, match=f"expected 0 to 8 partitions, .* got {partitions}"):
        handle.resize(partitions)
    assert handle.partitions() == 8


@case("EP-18")
def test_ep_18_the_children_are_the_partitions_by_their_numbers(system: ActorSystem) -> None:
    handle = start(system)
    assert [info.id for info in handle.which_children()] == ["2", "1", "0"]
    assert [info.ref for info in handle.which_children()] == [handle.route(number) for number in (2, 1, 0)]
    counts = handle.count_children()
    assert (counts.specs, counts.active, counts.supervisors, counts.workers) == (3, 3, 0, 3)
