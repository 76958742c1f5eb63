"""Whatever its children do, a supervisor answers within milliseconds: real threads, the real clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from regrow.actors import Actor, ActorRef, ActorSystem, CallingSelf, ChildSpec, Grace, Isolation, Start
from regrow.actors.testing import Hold, Script
from regrow.protocol.exits import Crash
from regrow.supervision import (
    NO_BACKOFF,
    ChildStartFailed,
    DynamicSpec,
    DynamicSupervisorHandle,
    IntensityReached,
    RestartIntensity,
    SupervisorHandle,
    SupervisorSpec,
    Unstopped,
    supervisor_child,
)
from tests.supervision.facts import Facts
from tests.supervision.trees import below, ref_of

ANSWERED = 1.0  # seconds; it takes under one millisecond, and the machine may be busy with other things
STOPPED = 0.2
SOON = 10.0


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("test")
    yield system
    assert system.shutdown(10.0) == ()


def assert_answers(handle: SupervisorHandle) -> dict[str, str]:
    """Ask everything that can be asked; give the children's states."""
    began = time.monotonic()
    states = {info.id: str(info.state) for info in handle.which_children(timeout=ANSWERED)}
    handle.count_children(timeout=ANSWERED)
    for child_id in states:
        handle.get_childspec(child_id, timeout=ANSWERED)
    assert time.monotonic() - began < ANSWERED
    return states


def in_background(call: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    return thread


def child(child_id: str, script: Script | None = None, shutdown: float = STOPPED) -> ChildSpec:
    return ChildSpec(id=child_id, start=(script or Script()).start, shutdown=Grace(shutdown))


def test_while_a_child_hangs_in_its_start(system: ActorSystem) -> None:
    hold = Hold()
    spec = SupervisorSpec(children=[child("a"), child("b", Script(on_start=hold)), child("c")], name="top")
    starter = in_background(lambda: SupervisorHandle.start(system, spec))
    hold.wait_reached()
    ref = system.whereis("top")
    assert ref is not None
    assert assert_answers(SupervisorHandle(ref)) == {"a": "running", "b": "starting", "c": "stopped"}
    hold.release()
    starter.join(SOON)
    assert set(assert_answers(SupervisorHandle(ref)).values()) == {"running"}


def test_while_a_child_does_not_hear_that_it_is_to_stop(system: ActorSystem, facts_of: Callable[[], Facts]) -> None:
    facts = facts_of()
    hold = Hold()
    handle = SupervisorHandle.start(system, SupervisorSpec(children=[child("busy"), child("b")]))
    ref = ref_of(handle, "busy")
    ref.tell(hold)
    hold.wait_reached()
    stop = handle.send.terminate_child("busy")
    assert assert_answers(handle) == {"busy": "stopping", "b": "running"}
    stop.get(timeout=SOON)
    assert assert_answers(handle) == {"busy": "stopped", "b": "running"}
    assert facts.wait(Unstopped).child_id == "busy"
    assert handle.stop() == (ref,)  # the unstopped report: its thread still runs
    hold.release()


def test_while_the_cleanup_of_a_child_hangs(system: ActorSystem) -> None:
    hold = Hold()
    handle = SupervisorHandle.start(system, SupervisorSpec(children=[child("a", Script(on_stop=hold)), child("b")]))
    stop = handle.send.stop()
    hold.wait_reached()
    assert assert_answers(handle) == {"a": "stopping", "b": "stopped"}
    stop.get(timeout=SOON)
    (left,) = handle.unstopped()
    assert left.path == "root/a"
    hold.release()


def test_while_the_start_of_a_child_runs_out_of_time_again_and_again(
    system: ActorSystem, facts_of: Callable[[], Facts]
) -> None:
    """A start that takes too long is a failed start, and counts as one."""
    facts = facts_of()
    hold = Hold()
    script = Script()
    spec = ChildSpec(id="slow", start=script.start, start_timeout=0.05)
    handle = SupervisorHandle.start(
        system, SupervisorSpec(children=[spec], backoff=NO_BACKOFF, intensity=RestartIntensity(3, 60.0))
    )
    ref = ref_of(handle, "slow")
    script.on_start = hold
    ref.kill()
    hold.wait_reached()
    assert assert_answers(handle) == {"slow": "starting"}
    facts.wait(IntensityReached, child_id="slow")
    failures = facts.all(ChildStartFailed)
    assert len(failures) == 3
    assert all(isinstance(failure.reason, Crash) and "StartTimeout" in failure.reason.type for failure in failures)
    hold.release()


def test_a_hung_child_of_many_does_not_hold_up_a_dynamic_supervisor(system: ActorSystem) -> None:
    hold = Hold()
    handle = DynamicSupervisorHandle.start(system, DynamicSpec())
    slow = handle.send.start_child(child("slow", Script(on_start=hold)))
    hold.wait_reached()
    refs = [handle.start_child(child("quick"), timeout=SOON).ref for _ in range(5)]
    assert all(ref is not None and ref.is_alive() for ref in refs)
    assert not slow.done  # type: ignore[attr-defined]
    hold.release()
    assert slow.get(timeout=SOON).ref is not None


class Caller(Actor):
    """Lives in a process of its own, and asks a supervisor of another one to end what it is in."""

    def on_receive(self, message: object) -> object:
        match message:
            case ("wait", ActorRef() as supervisor, str(child_id)):
                try:
                    SupervisorHandle(supervisor).terminate_child(child_id, timeout=SOON)
                except Exception as error:
                    return f"{error}"
                return "it waited"
            case ("send", ActorRef() as supervisor, str(child_id)):
                SupervisorHandle(supervisor).send.terminate_child(child_id)
        return message


def test_a_circle_through_another_process_is_refused_as_well(system: ActorSystem) -> None:
    caller = ChildSpec(id="caller", start=Start("tests.system.supervision.test_never_blocked:Caller"))
    inner = supervisor_child("inner", SupervisorSpec(children=[caller]), isolation=Isolation.PROCESS)
    handle = SupervisorHandle.start(system, SupervisorSpec(children=[inner, child("other")]))
    ref = ref_of(below(handle, "inner"), "caller", timeout=SOON)
    said = ref.ask(("wait", handle.ref, "inner"), timeout=SOON)
    assert "asking in a circle would wait forever: root -> root/inner -> root" in said
    assert CallingSelf.__name__ in said
    assert ref.ask(("wait", handle.ref, "other"), timeout=SOON) == "it waited"
    ref.ask(("send", handle.ref, "inner"), timeout=SOON)
    assert handle.send.terminate_child("inner").get(timeout=SOON) is not None
    assert assert_answers(handle) == {"inner": "stopped", "other": "stopped"}


@pytest.fixture
def facts_of(system: ActorSystem) -> Callable[[], Facts]:
    return lambda: Facts(system)
