"""Real actors under a real DynamicSupervisor, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    CallingSelf,
    ChildSpec,
    Grace,
    Restart,
    Start,
)
from regrow.actors.testing import Hold, ManualClock, Puppet, Script, crash, exit_with
from regrow.protocol.exits import KILLED, SHUTDOWN, Crash, Shutdown
from regrow.supervision import (
    NO_BACKOFF,
    AlreadyStarted,
    Backoff,
    ChildNotFound,
    ChildStarted,
    ChildTerminated,
    DynamicSpec,
    DynamicSupervisor,
    DynamicSupervisorHandle,
    FailedToStartChild,
    InvalidSpec,
    NotOffered,
    PartitionHandle,
    PartitionSpec,
    RestartIntensity,
    RestartScheduled,
    SupervisorHandle,
    SupervisorSpec,
    dynamic_supervisor_child,
    requests,
)
from tests.supervision.facts import Facts
from tests.supervision.trees import start_crowd as start

BOOM = Crash("PuppetError", "boom")


def puppet(script: Script | None = None, **more: Any) -> ChildSpec:
    return ChildSpec(id="w", start=(script or Script()).start, **more)


def add(handle: DynamicSupervisorHandle, script: Script | None = None, **more: Any) -> ActorRef:
    ref = handle.start_child(puppet(script, **more)).ref
    assert ref is not None
    return ref


def below(system: ActorSystem, spec: DynamicSpec) -> tuple[SupervisorHandle, DynamicSupervisorHandle]:
    """A dynamic supervisor below another supervisor."""
    child = dynamic_supervisor_child("crowd", spec, name="crowd")
    top = SupervisorHandle.start(system, SupervisorSpec(children=[child], backoff=NO_BACKOFF, name="top"))
    return top, DynamicSupervisorHandle.named(system, "crowd")


# One child


def test_a_child_keeps_its_ref_and_its_name_through_its_lives(system: ActorSystem, facts: Facts) -> None:
    handle = start(system)
    first, second = add(handle), add(handle)
    assert (first.name, second.name) == ("w-1", "w-2")
    first.tell(exit_with(BOOM))
    facts.wait(ChildStarted, child_id="w-1", times=2)
    assert (first.is_alive(), first.incarnation, second.incarnation) == (True, 2, 1)
    assert [(info.id, info.ref) for info in handle.which_children()] == [("w-2", second), ("w-1", first)]


def test_a_child_of_a_registered_name_has_it_in_every_life(system: ActorSystem, facts: Facts) -> None:
    handle = start(system)
    ref = add(handle, name="db")
    with pytest.raises(AlreadyStarted) as caught:
        add(handle, name="db")
    assert caught.value.ref is ref
    ref.tell(exit_with(BOOM))
    facts.wait(ChildStarted, child_id="w-1", times=2)
    assert system.whereis("db") is ref
    handle.terminate_child(ref)
    assert add(handle, name="db") is system.whereis("db")


def test_a_restart_waits_for_its_backoff(system: ActorSystem, facts: Facts, clock: ManualClock) -> None:
    handle = start(system, backoff=Backoff(initial=3.0, jitter="none"))
    ref = add(handle)
    ref.tell(exit_with(BOOM))
    assert facts.wait(RestartScheduled).delay == 3.0
    info = handle.which_child("w-1")
    assert info is not None
    assert (info.restarting, info.next_restart_in, info.ref) == (True, 3.0, ref)
    with pytest.raises(ActorDeadError):
        ref.tell("hello")
    clock.advance(3.0)
    facts.wait(ChildStarted, child_id="w-1", times=2)
    assert ref.ask("hello", timeout=5.0) == "hello"


def test_a_killed_child_is_restarted_and_a_killed_temporary_one_is_not(system: ActorSystem, facts: Facts) -> None:
    handle = start(system)
    stays, goes = add(handle), add(handle, restart=Restart.TEMPORARY)
    stays.kill()
    goes.kill()
    facts.wait(ChildStarted, child_id="w-1", times=2)
    assert facts.wait(ChildTerminated, child_id="w-2").reason == KILLED
    assert [info.ref for info in handle.which_children()] == [stays]


def test_a_start_that_hangs_holds_up_nobody_else(system: ActorSystem) -> None:
    handle, hold = start(system), Hold()
    waiting = handle.send.start_child(puppet(Script(on_start=hold)))
    hold.wait_reached()
    assert add(handle).is_alive()
    assert [str(info.state) for info in handle.which_children()] == ["running", "starting"]
    hold.release()
    assert waiting.get(timeout=5.0).child_id == "w-1"


def test_a_bad_spec_is_raised_before_anything_is_sent(system: ActorSystem) -> None:
    handle = start(system)
    handle.stop()
    with pytest.raises(InvalidSpec, match=r"child \('w'\)\.shutdown\.seconds: expected finite seconds >= 0, got -1"):
        handle.start_child(puppet(shutdown=Grace(-1)))
    with pytest.raises(ActorDeadError):
        handle.start_child(puppet())


def test_requests_can_be_sent_without_waiting(system: ActorSystem) -> None:
    spec = puppet()
    handle = start(system, template=spec)
    child = handle.send.start_child_with().get(timeout=5.0).child_id
    assert handle.send.get_childspec(child).get(timeout=5.0) is spec
    assert handle.send.count_children().get(timeout=5.0).active == 1
    handle.send.terminate_child(child).get(timeout=5.0)
    assert handle.send.which_children().get(timeout=5.0).children == ()
    with pytest.raises(NotOffered):
        handle.send.start_child(spec).get(timeout=5.0)


# Children that call their own supervisor


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_a_child_starts_its_siblings_in_its_own_start(system: ActorSystem) -> None:
    handle = start(system)
    brood = [add]

    def breed(_puppet: Puppet) -> object:
        return brood.pop()(handle) if brood else None

    add(handle, Script(on_start=breed))
    assert sorted(info.id for info in handle.which_children()) == ["w-1", "w-2"]


@pytest.mark.parametrize("by", ["ref", "id"])
def test_a_child_cannot_wait_for_its_own_end(system: ActorSystem, by: str) -> None:
    handle = start(system)
    ref = add(handle)

    def end_myself(_puppet: Puppet) -> object:
        with pytest.raises(CallingSelf):
            handle.terminate_child(ref if by == "ref" else ref.name)
        return "refused"

    assert ref.ask(end_myself, timeout=5.0) == "refused"
    assert ref.is_alive()


def test_a_child_ends_itself_by_sending(system: ActorSystem, facts: Facts) -> None:
    handle = start(system)
    ref = add(handle)
    ref.tell(lambda puppet: handle.send.terminate_child(puppet.ref))
    assert facts.wait(ChildTerminated, child_id="w-1").reason == SHUTDOWN
    assert handle.which_children() == ()


# The supervisor


def test_requests_of_other_supervisors_are_refused_and_change_nothing(system: ActorSystem) -> None:
    handle = start(system)
    add(handle)
    for request in (requests.RestartChild("w-1"), requests.DeleteChild("w-1"), requests.StartChildWith(())):
        with pytest.raises(NotOffered):
            handle.ref.ask(request, timeout=5.0)
    top = SupervisorHandle.start(system, SupervisorSpec(name="top"))
    with pytest.raises(NotOffered, match="supervisor 'top' does not offer start_child_with: it has no template"):
        top.ref.ask(requests.StartChildWith((1,)), timeout=5.0)


@pytest.mark.dispatchers("thread", "pool")  # on an event loop who was killed is cancelled, and runs on no more
def test_its_end_is_not_held_up_by_the_slowest_for_each_of_them(
    system: ActorSystem, facts: Facts, clock: ManualClock
) -> None:
    handle, holds = start(system), [Hold() for _ in range(3)]
    refs = [add(handle, Script(on_stop=hold), shutdown=Grace(2.0)) for hold in holds]
    stopped = handle.send.stop()
    for hold in holds:
        hold.wait_reached()
    assert handle.count_children().active == 3
    clock.advance(2.0)
    stopped.get(timeout=5.0)
    assert {facts.wait(ActorExited, ref=ref).reason for ref in refs} == {KILLED}
    assert set(handle.unstopped()) == set(refs)
    for hold in holds:
        hold.release()


def test_its_children_end_when_it_is_killed(system: ActorSystem, facts: Facts) -> None:
    top, handle = below(system, DynamicSpec())
    refs = [add(handle) for _ in range(3)]
    handle.ref.kill()
    for ref in refs:
        facts.wait(ActorExited, ref=ref)
    facts.wait(ChildStarted, child_id="crowd", times=2)
    assert DynamicSupervisorHandle.named(system, "crowd").which_children() == ()
    assert top.count_children().supervisors == 1


def test_giving_up_is_its_supervisors_business(system: ActorSystem, facts: Facts) -> None:
    top, handle = below(system, DynamicSpec(RestartIntensity(0, 1.0)))
    crashing, sibling = add(handle), add(handle)
    crashing.tell(exit_with(BOOM))
    assert facts.wait(ChildTerminated, child_id="crowd").reason == Shutdown("reached_max_restart_intensity")
    assert facts.wait(ActorExited, ref=sibling).reason == SHUTDOWN
    facts.wait(ChildStarted, child_id="crowd", times=2)
    assert top.count_children().active == 1


def test_it_stops_with_the_tree(system: ActorSystem, facts: Facts) -> None:
    top, handle = below(system, DynamicSpec())
    refs = [add(handle) for _ in range(5)]
    top.stop()
    assert {facts.wait(ActorExited, ref=ref).reason for ref in (*refs, handle.ref, top.ref)} == {SHUTDOWN}


def test_it_and_its_children_are_in_the_description_of_the_tree(system: ActorSystem) -> None:
    top, handle = below(system, DynamicSpec(RestartIntensity(7, 2.0), max_children=9))
    add(handle)
    add(handle, restart=Restart.TEMPORARY)
    [branch] = top.describe_tree(timeout=5.0).children
    assert (branch.child_id, branch.state) == ("crowd", "running")
    assert branch.kind == f"{DynamicSupervisor.__module__}.DynamicSupervisor"
    assert {key: branch.details[key] for key in ("strategy", "max_restarts", "max_seconds", "max_children")} == {
        "strategy": "dynamic",
        "max_restarts": 7,
        "max_seconds": 2.0,
        "max_children": 9,
    }
    leaves = [(leaf.child_id, leaf.name, leaf.details["restart"]) for leaf in branch.children]
    assert leaves == [("w-1", "w-1", "permanent"), ("w-2", "w-2", "temporary")]


def test_a_new_spec_from_above_touches_no_child(system: ActorSystem) -> None:
    top, handle = below(system, DynamicSpec())
    ref = add(handle)
    changed = dynamic_supervisor_child("crowd", DynamicSpec(max_children=1), name="crowd")
    done = top.reconfigure(SupervisorSpec(children=[changed], backoff=NO_BACKOFF, name="top"))
    assert done.inside["crowd"].own == ("max_children",)
    assert (ref.is_alive(), ref.incarnation) == (True, 1)
    assert handle.ref.is_alive()


def test_a_bad_spec_from_above_is_refused_whole(system: ActorSystem) -> None:
    top, _ = below(system, DynamicSpec())
    changed = dynamic_supervisor_child("crowd", DynamicSpec(max_children=-1), name="crowd")
    with pytest.raises(InvalidSpec, match=r"children\[0\] \('crowd'\)\.max_children: expected an integer >= 0"):
        top.reconfigure(SupervisorSpec(children=[changed], backoff=NO_BACKOFF, name="top"))


def test_copies_of_it_share_the_work_and_not_the_budget(system: ActorSystem, facts: Facts) -> None:
    copy = dynamic_supervisor_child("crowd", DynamicSpec(RestartIntensity(0, 1.0)))
    copies = PartitionHandle.start(system, PartitionSpec(child=copy, partitions=2, name="crowds", backoff=NO_BACKOFF))
    one, other = (DynamicSupervisorHandle(copies.route(key)) for key in (0, 1))
    noisy, quiet = add(one), add(other)
    noisy.tell(exit_with(BOOM))
    assert facts.wait(ActorExited, ref=one.ref).reason == Shutdown("reached_max_restart_intensity")
    facts.wait(ChildStarted, child_id="0", times=2)
    assert one.which_children() == ()
    assert (quiet.is_alive(), quiet.incarnation) == (True, 1)


def test_nobody_can_terminate_the_child_of_another_supervisor(system: ActorSystem) -> None:
    handle, other = start(system), start(system)
    ref = add(other)
    with pytest.raises(ChildNotFound):
        handle.terminate_child(ref)
    assert ref.is_alive()


def test_a_crash_in_a_start_is_the_starters_error_alone(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, intensity=RestartIntensity(0, 1.0))
    with pytest.raises(FailedToStartChild, match="child 'w-1' failed to start: crash: ValueError: no"):
        add(handle, Script(on_start=crash(ValueError("no"))))
    with pytest.raises(FailedToStartChild):
        handle.start_child(ChildSpec(id="w", start=Start("nowhere.to:be_found")))
    assert handle.which_children() == ()
    assert facts.all(RestartScheduled) == []


def test_any_actor_will_do_as_a_child(system: ActorSystem) -> None:
    class Adder(Actor):
        def __init__(self, *terms: int) -> None:
            super().__init__()
            self.terms = terms

        def on_receive(self, message: object) -> object:
            return sum(self.terms) + (message if isinstance(message, int) else 0)

    handle = start(system, template=ChildSpec(id="adder", start=Start(Adder, (1,))), extra_arguments=(10,))
    ref = handle.start_child_with(100).ref
    assert ref is not None
    assert ref.ask(1000, timeout=5.0) == 1111
