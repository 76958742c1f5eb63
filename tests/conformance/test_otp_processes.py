"""OTP's supervisor_SUITE where killing matters: children in processes of their own, on the real clock."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from regrow.actors import ActorExited, ActorSystem, ChildSpec, Grace, Isolation, Restart, Start
from regrow.actors.child_spec import BrutalKill, Infinity
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, ExitStatus, Shutdown, Signaled
from regrow.supervision import (
    NO_BACKOFF,
    AlreadyPresent,
    AlreadyStarted,
    ChildNotFound,
    ChildRunning,
    ChildStarted,
    ChildTerminated,
    FailedToStartChild,
    InvalidSpec,
    ShutdownError,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    Unstopped,
    supervisor_child,
)
from tests.conformance.case import case
from tests.conformance.tree import below, counts, lives, ref_of, start
from tests.supervision.facts import Facts

pytestmark = pytest.mark.system

TOLD = Start("tests.conformance.told:Told")
HANGS = Start("tests.conformance.told:Told", ("hang",))
STOP_TIMEOUT = 20.0


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("test")
    yield system
    assert system.shutdown(STOP_TIMEOUT) == ()


def told(child_id: str, how: Start = TOLD, **more: Any) -> ChildSpec:
    return ChildSpec(id=child_id, start=how, isolation=Isolation.PROCESS, start_timeout=30.0, **more)


def pid_of(handle: SupervisorHandle, child_id: str) -> int:
    pid = ref_of(handle, child_id).ask("pid", timeout=10.0)
    assert isinstance(pid, int)
    return pid


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def reasons_of(facts: Facts) -> dict[str, ExitReason]:
    return {event.child_id: event.reason for event in facts.all(ChildTerminated)}


@case("O-17")
def test_o_17_a_process_that_outstays_its_grace_is_killed(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, told("good", shutdown=Grace(10.0)), told("slow", HANGS, shutdown=Grace(0.3)))
    pids = [pid_of(handle, name) for name in ("good", "slow")]
    handle.stop(timeout=STOP_TIMEOUT)
    assert reasons_of(facts) == {"good": SHUTDOWN, "slow": KILLED}
    assert facts.ids(ShutdownError) == ["slow"]
    assert not facts.all(Unstopped)
    assert all(is_gone(pid) for pid in pids)


@case("O-19")
@pytest.mark.parametrize("state", ["idle", "busy", "stopped"])
def test_o_19_a_brutal_kill_ends_a_process_whatever_it_is_doing(system: ActorSystem, facts: Facts, state: str) -> None:
    handle = start(system, told("a", shutdown=BrutalKill()), told("b"))
    pid = pid_of(handle, "a")
    if state == "busy":
        ref_of(handle, "a").tell("hang")
    elif state == "stopped":
        os.kill(pid, signal.SIGSTOP)
    handle.terminate_child("a", timeout=STOP_TIMEOUT)
    assert is_gone(pid)
    assert reasons_of(facts) == {"a": KILLED}
    assert not facts.all(ShutdownError)
    assert counts(handle) == (2, 1, 0, 2)
    handle.stop(timeout=STOP_TIMEOUT)


@case("O-21")
def test_o_21_processes_that_end_on_their_own_while_a_later_one_is_slow_are_not_restarted(
    system: ActorSystem, facts: Facts
) -> None:
    ends: dict[str, ExitReason] = {
        "normal": NORMAL,
        "shutdown": SHUTDOWN,
        "shutdown for today": Shutdown("for today"),
        "exit code": ExitStatus(3),
    }
    restarts = [Restart.PERMANENT, Restart.TRANSIENT, Restart.TEMPORARY, Restart.PERMANENT]
    specs = [told(name, restart=restart) for name, restart in zip(ends, restarts)]
    handle = start(system, *specs, told("slow", HANGS, shutdown=Infinity()))
    refs = {name: ref_of(handle, name) for name in [*ends, "slow"]}
    slow = pid_of(handle, "slow")
    handle.ref.shutdown()
    for name in ends:
        refs[name].tell(name)
        facts.wait(ChildTerminated, child_id=name)
    os.kill(slow, signal.SIGKILL)
    assert facts.wait(ActorExited, ref=handle.ref).reason == SHUTDOWN
    assert reasons_of(facts) == {**ends, "slow": Signaled(signal.SIGKILL)}
    assert facts.ids(ChildStarted) == [*ends, "slow"]


@case("O-52", "O-53", "O-54")
@pytest.mark.parametrize("restart", Restart)
def test_o_52_to_o_54_the_death_of_a_process_is_an_abnormal_end(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    handle = start(system, told("a", restart=restart))
    ends: list[tuple[str, type[ExitReason]]] = [("exit code", ExitStatus), ("crash", Crash), ("kill", Signaled)]
    for life, (how, reason) in enumerate(ends, start=1):
        ref = ref_of(handle, "a")
        if how == "kill":
            os.kill(pid_of(handle, "a"), signal.SIGKILL)
        else:
            ref.tell(how)
        ended = facts.wait(ChildTerminated, child_id="a", times=life)
        assert isinstance(ended.reason, reason)
        if restart is Restart.TEMPORARY:
            assert counts(handle) == (0, 0, 0, 0)
            handle.start_child(told("a", restart=restart))
        else:
            facts.wait(ChildStarted, child_id="a", times=life + 1)
            assert (ref_of(handle, "a"), ref.incarnation) == (ref, life + 1)
    handle.stop(timeout=STOP_TIMEOUT)


@case("O-32", "O-41")
def test_o_41_processes_are_restarted_together(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, *map(told, "abc"), strategy=Strategy.REST_FOR_ONE)
    pids = {name: pid_of(handle, name) for name in "abc"}
    os.kill(pids["b"], signal.SIGKILL)
    facts.wait(ChildStarted, child_id="c", times=2)
    assert lives(handle) == {"a": 1, "b": 2, "c": 2}
    assert [pid_of(handle, name) == pids[name] for name in "abc"] == [True, False, False]
    assert [event.child_id for event in facts.all(ChildTerminated)] == ["b", "c"]
    handle.stop(timeout=STOP_TIMEOUT)


@case("O-56")
def test_o_56_a_process_that_cuts_its_link_can_be_stopped_and_its_death_is_seen(
    system: ActorSystem, facts: Facts
) -> None:
    handle = start(system, told("a"))
    ref = ref_of(handle, "a")
    assert ref.ask("unlink", timeout=10.0) == "unlink"
    os.kill(pid_of(handle, "a"), signal.SIGKILL)
    facts.wait(ChildStarted, child_id="a", times=2)
    assert ref.ask("unlink", timeout=10.0) == "unlink"
    handle.terminate_child("a", timeout=STOP_TIMEOUT)
    assert facts.wait(ChildTerminated, child_id="a", times=2).reason == SHUTDOWN


@case("O-57")
def test_o_57_a_killed_supervisor_takes_the_processes_below_it_along(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[told("worker")], backoff=NO_BACKOFF)
    top = start(system, supervisor_child("inner", inner, start_timeout=60.0))
    worker = ref_of(below(top, "inner"), "worker")
    pid = pid_of(below(top, "inner"), "worker")
    ref_of(top, "inner").kill()
    facts.wait(ActorExited, ref=worker)
    facts.wait(ChildStarted, child_id="inner", times=2)
    assert is_gone(pid)
    assert pid_of(below(top, "inner"), "worker") != pid
    top.stop(timeout=STOP_TIMEOUT)


@case("O-24", "O-26", "O-10", "O-77")
def test_o_24_a_supervisor_in_another_process_refuses_with_the_same_errors(system: ActorSystem, facts: Facts) -> None:
    spec = ChildSpec(id="a", start=TOLD, name="server")
    inner = supervisor_child("inner", SupervisorSpec(children=[spec]), isolation=Isolation.PROCESS, start_timeout=60.0)
    handle = below(start(system, inner), "inner")
    with pytest.raises(AlreadyStarted, match="child 'a' is already started") as started:
        handle.start_child(spec)
    assert started.value.ref is not None
    assert started.value.ref.urn == ref_of(handle, "a").urn
    with pytest.raises(AlreadyStarted, match="child 'b' is not started: the name 'server' is held by server "):
        handle.start_child(replace(spec, id="b"))
    with pytest.raises(ChildRunning, match="child 'a' is running"):
        handle.restart_child("a")
    with pytest.raises(ChildRunning):
        handle.delete_child("a")
    for call in (handle.terminate_child, handle.restart_child, handle.delete_child, handle.get_childspec):
        with pytest.raises(ChildNotFound, match="child 'b' is not known to this supervisor"):
            call("b")
    handle.terminate_child("a")
    with pytest.raises(AlreadyPresent):
        handle.start_child(spec)
    with pytest.raises(FailedToStartChild, match=r"child 'c' failed to start: crash: .*NotImportable") as failed:
        handle.start_child(ChildSpec(id="c", start=Start("nowhere:Nobody")))
    assert isinstance(failed.value.reason, Crash)
    with pytest.raises(InvalidSpec) as invalid:
        handle.start_child(replace(spec, id="", shutdown=Grace(-1)))
    assert [problem.where for problem in invalid.value.problems] == ["child ('').id", "child ('').shutdown.seconds"]
    handle.ref.shutdown()


@case("O-65")
def test_o_65_the_name_of_a_killed_process_leads_to_the_next_one(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, told("a", name="server"))
    first = system.whereis("server")
    assert first is not None
    os.kill(pid_of(handle, "a"), signal.SIGKILL)
    facts.wait(ChildStarted, child_id="a", times=2)
    assert system.whereis("server") is first
    assert first.ask("hello", timeout=10.0) == "hello"
    handle.stop(timeout=STOP_TIMEOUT)
    assert system.whereis("server") is None
