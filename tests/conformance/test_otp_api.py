"""OTP's supervisor_SUITE: every request against every state of a child."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regrow.actors import ActorDeadError, ActorExited, ActorSystem, Restart
from regrow.actors.testing import Hold, ManualClock, Puppet, Script, crash
from regrow.protocol.exits import NORMAL, SHUTDOWN
from regrow.supervision import (
    AlreadyPresent,
    AlreadyStarted,
    Backoff,
    ChildCounts,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    ChildStarted,
    ChildStartFailed,
    ChildState,
    Done,
    FailedToStartChild,
    RestartIntensity,
    RestartScheduled,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    SupervisorStopping,
    supervisor_child,
)
from regrow.supervision import requests as ask
from regrow.supervision.errors import ChildWithdrawn
from tests.conformance.case import case
from tests.conformance.tree import counts, crash_child, end_child, ids, info_of, puppet, ref_of, settle, start
from tests.supervision.facts import Facts
from tests.supervision.stage import BOOM, Stage, child

CALLS: dict[str, Callable[[SupervisorHandle], object]] = {
    "start_child": lambda handle: handle.start_child(puppet("new")),
    "terminate_child": lambda handle: handle.terminate_child("a"),
    "restart_child": lambda handle: handle.restart_child("a"),
    "delete_child": lambda handle: handle.delete_child("a"),
    "which_children": lambda handle: handle.which_children(),
    "which_child": lambda handle: handle.which_child("a"),
    "count_children": lambda handle: handle.count_children(),
    "get_childspec": lambda handle: handle.get_childspec("a"),
}


@case("O-24")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_o_24_a_static_child_through_all_that_can_be_asked(
    system: ActorSystem, strategy: Strategy, restart: Restart
) -> None:
    spec = puppet("a", restart=restart)
    handle = start(system, strategy=strategy)
    for call in (handle.terminate_child, handle.restart_child, handle.delete_child, handle.get_childspec):
        with pytest.raises(ChildNotFound, match="child 'a' is not known to this supervisor"):
            call("a")
    ref = handle.start_child(spec).ref
    assert ref is not None
    with pytest.raises(AlreadyStarted, match="child 'a' is already started: root/a ") as caught:
        handle.start_child(spec)
    assert caught.value.ref is ref
    assert counts(handle) == (1, 1, 0, 1)
    with pytest.raises(ChildRunning, match="child 'a' is running"):
        handle.restart_child("a")
    with pytest.raises(ChildRunning, match="child 'a' is running"):
        handle.delete_child("a")

    handle.terminate_child("a")
    handle.terminate_child("a")  # again, and nothing happens
    assert (info_of(handle, "a").state, ref.is_alive(), counts(handle)) == (ChildState.STOPPED, False, (1, 0, 0, 1))
    with pytest.raises(AlreadyPresent, match="child 'a' is already present, but not running"):
        handle.start_child(spec)
    assert handle.get_childspec("a") is spec
    assert handle.restart_child("a").ref is ref
    assert (ref.is_alive(), ref.incarnation, counts(handle)) == (True, 2, (1, 1, 0, 1))

    handle.terminate_child("a")
    handle.delete_child("a")
    assert (handle.which_children(), counts(handle)) == ((), (0, 0, 0, 0))
    again = handle.start_child(spec).ref
    assert again is not ref


@case("O-24")
def test_o_24_a_temporary_child_is_forgotten_when_it_is_terminated(system: ActorSystem) -> None:
    handle = start(system, puppet("a", restart=Restart.TEMPORARY))
    handle.terminate_child("a")
    with pytest.raises(ChildNotFound):
        handle.terminate_child("a")
    assert counts(handle) == (0, 0, 0, 0)


@case("O-24")
@pytest.mark.parametrize("wrong", [None, 5, ("a",), ["a"], {}, b"a"], ids=repr)
def test_o_24_what_is_no_id_is_not_found_and_hurts_nobody(system: ActorSystem, wrong: Any) -> None:
    handle = start(system, puppet("a"))
    for call in (handle.terminate_child, handle.restart_child, handle.delete_child, handle.get_childspec):
        with pytest.raises(ChildNotFound):
            call(wrong)
    assert handle.which_child(wrong) is None
    assert counts(handle) == (1, 1, 0, 1)


@case("O-24")
def test_o_24_a_static_child_is_not_known_by_its_ref(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    ref: Any = ref_of(handle, "a")
    for call in (handle.terminate_child, handle.restart_child, handle.delete_child, handle.get_childspec):
        with pytest.raises(ChildNotFound):
            call(ref)
    assert ref.is_alive()


@case("O-24")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN], ids=str)
def test_o_24_every_call_on_a_dead_supervisor_says_so(system: ActorSystem, call: str, reason: Any) -> None:
    handle = start(system, puppet("a"), name="top")
    handle.stop(reason)
    with pytest.raises(ActorDeadError):
        CALLS[call](handle)
    with pytest.raises(ActorDeadError, match="supervisor 'top' not found"):
        CALLS[call](SupervisorHandle.named(system, "top"))


@case("O-24")
@pytest.mark.parametrize("message", ["nonsense", 5, None, ("a", "b"), object()], ids=lambda value: type(value).__name__)
def test_o_24_messages_that_mean_nothing_are_dropped(system: ActorSystem, message: object) -> None:
    handle = start(system, puppet("a"))
    handle.ref.tell(message)
    assert handle.ref.ask(message, timeout=5.0) is None
    assert counts(handle) == (1, 1, 0, 1)


@case("O-24")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_24_while_it_ends_it_answers_and_changes_nothing(system: ActorSystem, strategy: Strategy) -> None:
    hold = Hold()
    handle = start(system, puppet("a"), puppet("slow", Script(on_stop=hold)), strategy=strategy)
    handle.ref.shutdown()
    hold.wait_reached()
    for call in ("start_child", "terminate_child", "restart_child", "delete_child"):
        with pytest.raises(SupervisorStopping, match="supervisor 'root' is stopping"):
            CALLS[call](handle)
    assert counts(handle) == (2, 2, 0, 2)
    assert handle.get_childspec("a").id == "a"
    hold.release()
    handle.stop()


@case("O-78")
def test_o_78_list_and_look_up_follow_what_is_done(system: ActorSystem) -> None:
    handle = start(system)
    assert handle.which_children() == ()
    assert handle.which_child("a") is None
    handle.start_child(puppet("a"))
    handle.start_child(supervisor_child("b", SupervisorSpec()))
    assert [(info.id, str(info.state), str(info.type)) for info in handle.which_children()] == [
        ("b", "running", "supervisor"),
        ("a", "running", "worker"),
    ]
    assert handle.count_children() == ChildCounts(specs=2, active=2, supervisors=1, workers=1)
    handle.terminate_child("a")
    assert [(info.id, str(info.state)) for info in handle.which_children()] == [("b", "running"), ("a", "stopped")]
    assert info_of(handle, "a").last_reason == "shutdown"
    handle.terminate_child("b")
    assert handle.count_children() == ChildCounts(specs=2, active=0, supervisors=1, workers=1)
    handle.delete_child("a")
    assert ids(handle) == ["b"]
    assert handle.which_child("a") is None
    handle.restart_child("b")
    assert info_of(handle, "b").state is ChildState.RUNNING


# While a restart hangs, fails, and is tried again


@case("O-66")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_66_requests_while_a_restart_hangs_and_fails(system: ActorSystem, facts: Facts, strategy: Strategy) -> None:
    holds = [Hold(), Hold()]
    script = Script()
    spec = puppet("a", script)
    handle = start(system, spec, strategy=strategy)
    ref = ref_of(handle, "a")

    def on_start(puppet: Puppet) -> object:
        if puppet.incarnation in (2, 3):
            holds[puppet.incarnation - 2]()
            return crash(ValueError("not yet"))(puppet)
        return None

    script.on_start = on_start
    ref.tell(crash())
    for hold in holds:  # in its first restart, and in the second one
        hold.wait_reached()
        with pytest.raises(AlreadyPresent):
            handle.start_child(spec)
        with pytest.raises(ChildRestarting, match="child 'a' is about to be started"):
            handle.restart_child("a")
        with pytest.raises(ChildRestarting):
            handle.delete_child("a")
        assert (info_of(handle, "a").restarting, counts(handle)) == (True, (1, 0, 0, 1))
        hold.release()
        facts.wait(ChildStartFailed, child_id="a", times=holds.index(hold) + 1)
    facts.wait(ChildStarted, child_id="a", times=2)
    assert (ref.incarnation, info_of(handle, "a").restarting, counts(handle)) == (4, False, (1, 1, 0, 1))


@case("O-66")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_66_terminate_cancels_the_restart_and_restart_child_works_afterwards(
    system: ActorSystem, facts: Facts, clock: ManualClock, strategy: Strategy
) -> None:
    hold = Hold()
    script = Script()
    handle = start(system, puppet("a", script), puppet("b"), strategy=strategy)
    script.on_start = hold
    ref_of(handle, "a").tell(crash())
    hold.wait_reached()
    answer = handle.ref.ask(ask.TerminateChild("a"), block=False)
    assert info_of(handle, "a").state is ChildState.STOPPING
    clock.advance(5.0)  # what a worker gets to stop; then its thread is given up
    assert answer.get(timeout=5.0) == Done()
    assert (info_of(handle, "a").state, info_of(handle, "a").restarting) == (ChildState.STOPPED, False)
    hold.release()
    script.on_start = None
    if strategy is not Strategy.ONE_FOR_ONE:
        settle(handle, "b", lambda info: info.state is ChildState.RUNNING)  # the group goes on without the child
    assert handle.restart_child("a").ref is ref_of(handle, "a")
    assert counts(handle) == (2, 2, 0, 2)


@case("O-66")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_o_66_a_child_that_waits_for_its_restart(
    system: ActorSystem, facts: Facts, clock: ManualClock, strategy: Strategy, restart: Restart
) -> None:
    spec = puppet("a", restart=restart)
    handle = start(system, spec, strategy=strategy, backoff=Backoff(initial=2.0, jitter="none"))
    ref_of(handle, "a").tell(crash())
    facts.wait(RestartScheduled)
    with pytest.raises(AlreadyPresent):
        handle.start_child(spec)
    with pytest.raises(ChildRestarting):
        handle.restart_child("a")
    with pytest.raises(ChildRestarting):
        handle.delete_child("a")
    info = info_of(handle, "a")
    assert (info.state, info.restarting, counts(handle)) == (ChildState.BACKOFF, True, (1, 0, 0, 1))
    handle.terminate_child("a")
    info = info_of(handle, "a")
    assert (info.state, info.restarting) == (ChildState.STOPPED, False)
    clock.advance(60.0)
    assert counts(handle) == (1, 0, 0, 1)
    handle.delete_child("a")
    assert handle.start_child(spec).ref is not None


@case("O-66")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_66_a_supervisor_is_stopped_in_the_middle_of_the_loop(
    system: ActorSystem, facts: Facts, clock: ManualClock, strategy: Strategy
) -> None:
    hold = Hold()
    script = Script()
    handle = start(system, puppet("a", script), puppet("b"), strategy=strategy)
    script.on_start = hold
    ref_of(handle, "a").tell(crash())
    hold.wait_reached()
    handle.ref.shutdown()
    settle(handle, "a", lambda info: info.state is ChildState.STOPPING)
    clock.advance(5.0)
    assert facts.wait(ActorExited, ref=handle.ref).reason == SHUTDOWN
    hold.release()
    assert system.roots == ()


@case("O-66")
def test_o_66_instant_failures_burn_the_intensity_and_nothing_more(system: ActorSystem, facts: Facts) -> None:
    script = Script()
    handle = start(system, puppet("a", script), intensity=RestartIntensity(50, 60.0))
    script.on_start = crash(ValueError("no"))
    ref_of(handle, "a").tell(crash())
    facts.wait(ActorExited, ref=handle.ref)
    assert len(facts.all(ChildStartFailed)) == 50


@case("O-66", "O-24")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_66_who_is_terminated_while_it_starts_is_withdrawn(
    system: ActorSystem, clock: ManualClock, strategy: Strategy
) -> None:
    hold = Hold()
    handle = start(system, strategy=strategy)
    started = handle.ref.ask(ask.StartChild(puppet("a", Script(on_start=hold))), block=False)
    hold.wait_reached()
    ended = handle.ref.ask(ask.TerminateChild("a"), block=False)
    handle.which_children()
    clock.advance(5.0)
    with pytest.raises(ChildWithdrawn, match="child 'a' was terminated before it was ready"):
        started.get(timeout=5.0)
    assert ended.get(timeout=5.0) == Done()
    assert info_of(handle, "a").state is ChildState.STOPPED
    hold.release()


@case("O-60")
def test_o_60_a_static_child_whose_restart_fails_is_counted_and_not_active(
    system: ActorSystem, facts: Facts, clock: ManualClock
) -> None:
    script = Script()
    handle = start(
        system,
        *(puppet(name, script) for name in "abc"),
        backoff=Backoff(initial=1.0, base=1.0, factor=1.0, jitter="none"),
    )
    script.on_start = crash(ValueError("no"))
    for active, name in ((2, "a"), (1, "b"), (0, "c")):
        end_child(handle, facts, name)
        assert counts(handle) == (3, active, 0, 3)
    clock.advance(1.0)
    facts.wait(ChildStartFailed, times=3)
    assert counts(handle) == (3, 0, 0, 3)
    handle.terminate_child("a")
    handle.delete_child("a")
    assert counts(handle) == (2, 0, 0, 2)
    script.on_start = None
    facts.wait(RestartScheduled, times=5)
    clock.advance(1.0)
    facts.wait(ChildStarted, times=5)
    assert counts(handle) == (2, 2, 0, 2)


@case("O-24", "O-66", "O-78")
def test_o_24_in_the_core() -> None:
    stage = Stage(child("a")).boot()
    assert isinstance(stage.ask(ask.StartChild(child("a"))), AlreadyStarted)
    assert isinstance(stage.ask(ask.RestartChild("a")), ChildRunning)
    assert isinstance(stage.ask(ask.DeleteChild("a")), ChildRunning)
    assert isinstance(stage.ask(ask.TerminateChild("b")), ChildNotFound)
    stage.starts["a"] = ["hang"]
    stage.crash("a")
    assert isinstance(stage.ask(ask.StartChild(child("a"))), AlreadyPresent)
    assert isinstance(stage.ask(ask.RestartChild("a")), ChildRestarting)
    assert isinstance(stage.ask(ask.DeleteChild("a")), ChildRestarting)
    assert stage.counts() == (1, 0, 0, 1)
    assert stage.ask(ask.TerminateChild("a")) == Done()
    stage.starts["a"] = [BOOM]
    assert isinstance(stage.ask(ask.RestartChild("a")), FailedToStartChild)
    assert stage.states() == {"a": "stopped"}
    assert stage.ask(ask.DeleteChild("a")) == Done()
    assert stage.listed() == []


@case("O-24")
def test_o_24_a_crash_during_a_call_is_not_lost(system: ActorSystem, facts: Facts) -> None:
    hold = Hold()
    handle = start(system, puppet("a"), puppet("slow", Script(on_stop=hold)))
    answer = handle.ref.ask(ask.TerminateChild("slow"), block=False)
    hold.wait_reached()
    crash_child(handle, facts, "a")
    hold.release()
    assert answer.get(timeout=5.0) == Done()
    assert counts(handle) == (2, 1, 0, 2)
