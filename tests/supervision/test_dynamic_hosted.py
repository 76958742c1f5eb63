"""Dynamic supervisors and processes: real ones, on the real clock."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from regrow.actors import ActorRef, ActorSystem, ChildSpec, Isolation, Restart, Start
from regrow.protocol.exits import Signaled
from regrow.supervision import (
    NO_BACKOFF,
    ChildStarted,
    ChildTerminated,
    DynamicSpec,
    DynamicSupervisorHandle,
    SupervisorHandle,
    SupervisorSpec,
    dynamic_supervisor_child,
)
from tests.supervision.facts import Facts
from tests.supervision.trees import ref_of

pytestmark = pytest.mark.system

PUPPET = Start("regrow.actors.testing:Puppet")
HOSTED = ChildSpec(id="hosted", start=PUPPET, isolation=Isolation.PROCESS)


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("test")
    yield system
    assert system.shutdown(10.0) == ()


def running(ref: ActorRef | None) -> ActorRef:
    assert ref is not None
    return ref


def test_processes_come_and_go_and_a_killed_one_is_replaced(system: ActorSystem) -> None:
    facts = Facts(system)
    handle = DynamicSupervisorHandle.start(system, DynamicSpec(backoff=NO_BACKOFF, template=HOSTED))
    first, second = (running(handle.start_child_with().ref) for _ in range(2))
    before = first.pid
    assert before is not None
    assert before != second.pid
    os.kill(before, signal.SIGKILL)
    assert facts.wait(ChildTerminated, child_id=first.name).reason == Signaled(signal.SIGKILL)
    facts.wait(ChildStarted, child_id=first.name, times=2)
    assert first.ask("hello", timeout=5.0) == "hello"
    assert first.pid != before
    handle.terminate_child(second)
    assert [info.ref for info in handle.which_children()] == [first]
    handle.stop(timeout=10.0)


def test_a_dynamic_supervisor_in_another_process_takes_orders_and_knows_its_children_by_ref(
    system: ActorSystem,
) -> None:
    child = dynamic_supervisor_child("crowd", DynamicSpec(max_children=3), isolation=Isolation.PROCESS)
    top = SupervisorHandle.start(system, SupervisorSpec(children=[child], backoff=NO_BACKOFF))
    crowd = DynamicSupervisorHandle(ref_of(top, "crowd"))
    refs = [
        running(crowd.start_child(ChildSpec(id="w", start=PUPPET, restart=Restart.TEMPORARY)).ref) for _ in range(2)
    ]
    assert [ref.ask("hello over there", timeout=5.0) for ref in refs] == ["hello over there"] * 2
    [branch] = top.describe_tree(timeout=5.0).children
    assert branch.details["strategy"] == "dynamic"
    assert [(leaf.child_id, leaf.state) for leaf in branch.children] == [("w-1", "running"), ("w-2", "running")]
    assert crowd.get_childspec(refs[0]).id == "w"
    crowd.terminate_child(refs[0])
    crowd.terminate_child("w-2")
    assert crowd.count_children().specs == 0
    assert crowd.reconfigure(DynamicSpec(max_children=0)).own == ("max_children",)
    top.stop(timeout=10.0)
