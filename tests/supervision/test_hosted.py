"""A supervisor in a process of its own, under one in this process: real processes, the real clock."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from regrow.actors import ActorRef, ActorSystem, ChildSpec, Isolation, Start, StopToken
from regrow.actors.testing import Puppet
from regrow.protocol.errors import CodecError
from regrow.protocol.exits import Signaled
from regrow.protocol.remote_error import RemoteError
from regrow.supervision import (
    NO_BACKOFF,
    ChildNotFound,
    ChildStarted,
    ChildTerminated,
    Strategy,
    Supervisor,
    SupervisorHandle,
    SupervisorSpec,
    supervise,
    supervisor_child,
)
from tests.supervision.facts import Facts
from tests.supervision.trees import ref_of

pytestmark = pytest.mark.system

PUPPET = Start("regrow.actors.testing:Puppet")


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("test")
    yield system
    assert system.shutdown(10.0) == ()


def start(system: ActorSystem) -> SupervisorHandle:
    inner = SupervisorSpec(Strategy.REST_FOR_ONE, [ChildSpec(id="a", start=PUPPET), ChildSpec(id="b", start=PUPPET)])
    child = supervisor_child("inner", inner, isolation=Isolation.PROCESS)
    return SupervisorHandle.start(system, SupervisorSpec(children=[child], backoff=NO_BACKOFF))


def inner_ref(top: SupervisorHandle) -> ActorRef:
    return ref_of(top, "inner")


def test_a_tree_in_another_process_shows_up_in_the_trees_view_and_takes_orders(system: ActorSystem) -> None:
    top = start(system)
    inner = SupervisorHandle(inner_ref(top))
    started = inner.start_child(ChildSpec(id="c", start=PUPPET))
    assert started.ref is not None
    assert started.ref.ask("hello over there", timeout=5.0) == "hello over there"
    [branch] = top.describe_tree(timeout=5.0).children
    assert branch.details["strategy"] == "rest_for_one"
    assert [(leaf.child_id, leaf.state) for leaf in branch.children] == [
        ("a", "running"),
        ("b", "running"),
        ("c", "running"),
    ]
    inner.terminate_child("c")
    inner.delete_child("c")
    assert inner.count_children().specs == 2
    top.stop(timeout=10.0)


def tree_of_classes() -> Start:
    """A start function: its specs never leave the process that calls it, so they may name what has no path."""

    class Mine(Puppet):
        pass

    return Start(Supervisor, (SupervisorSpec(children=[ChildSpec(id="a", start=Start(Mine))]),))


def test_a_child_whose_spec_cannot_be_said_can_be_restarted_from_here(system: ActorSystem) -> None:
    child = supervisor_child("inner", f"{__name__}:tree_of_classes", isolation=Isolation.PROCESS)
    inner = SupervisorHandle(inner_ref(SupervisorHandle.start(system, SupervisorSpec(children=[child]))))
    with pytest.raises(RemoteError, match=r"cannot encode message\.start\.target"):
        inner.get_childspec("a")
    inner.terminate_child("a")
    started = inner.restart_child("a")
    assert started.ref is not None
    assert started.ref.ask("again", timeout=5.0) == "again"
    with pytest.raises(ChildNotFound):
        inner.restart_child("nobody")


def test_a_child_that_is_named_by_a_path_can_be_started_from_here(system: ActorSystem) -> None:
    inner = SupervisorHandle(inner_ref(start(system)))
    spec = supervise("regrow.actors.testing:Puppet", id="c")
    started = inner.start_child(spec)
    assert started.ref is not None
    assert started.ref.ask("by name", timeout=5.0) == "by name"
    assert inner.get_childspec("c") == spec


def test_classes_and_functions_cross_by_their_paths_there_and_back(system: ActorSystem) -> None:
    described = SupervisorSpec(children=[ChildSpec(id="a", start=Start(Puppet))])
    child = supervisor_child("inner", described, isolation=Isolation.PROCESS)
    inner = SupervisorHandle(inner_ref(SupervisorHandle.start(system, SupervisorSpec(children=[child]))))
    for spec in (ChildSpec(id="b", start=Start(Puppet)), supervise(wait_for_the_end, id="c")):
        started = inner.start_child(spec)
        assert started.ref is not None
    assert [inner.get_childspec(child_id).start for child_id in "abc"] == [
        Start("regrow.actors.testing.puppet:Puppet"),
        Start("regrow.actors.testing.puppet:Puppet"),
        Start("regrow.actors.functions:FunctionActor", (f"{__name__}:wait_for_the_end",)),
    ]
    assert inner.count_children().active == 3

    class Local(Puppet):
        pass

    with pytest.raises(CodecError, match=r'spec\.start\.target: expected an import path "package\.module:name", or'):
        inner.start_child(ChildSpec(id="d", start=Start(Local)))


def wait_for_the_end(stop: StopToken) -> None:
    """A child's whole life, over there."""
    stop.wait()


def test_a_killed_supervisor_process_is_replaced_with_all_its_children(system: ActorSystem) -> None:
    facts = Facts(system)
    top = start(system)
    ref = inner_ref(top)
    os.kill(_pid_of(ref), signal.SIGKILL)
    assert facts.wait(ChildTerminated, child_id="inner").reason == Signaled(signal.SIGKILL)
    facts.wait(ChildStarted, child_id="inner", times=2)
    assert inner_ref(top) is ref
    assert SupervisorHandle(ref).count_children().active == 2


def _pid_of(ref: ActorRef) -> int:
    pid = getattr(ref, "pid", None) or getattr(ref.cell, "pid", None)
    assert isinstance(pid, int)
    return pid


def test_a_child_that_is_to_live_in_another_process_gets_a_ref_for_that_and_back_again(system: ActorSystem) -> None:
    here = ChildSpec(id="a", start=PUPPET)
    there = replace(here, isolation=Isolation.PROCESS)
    top = SupervisorHandle.start(system, SupervisorSpec(children=[here]))
    for spec, elsewhere in ((there, True), (here, False)):
        top.reconfigure(SupervisorSpec(children=[spec]))
        ref = ref_of(top, "a")
        assert (ref.hosted, ref.pid is not None) == (elsewhere, elsewhere)
        assert ref.ask("ping", timeout=5.0) == "ping"
