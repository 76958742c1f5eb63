"""`supervise(..., isolation="process")`: functions, coroutines and pykka actors in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from regrow.actors import ActorSystem, Start
from regrow.actors.child_spec import DispatcherName
from regrow.protocol.exits import Crash, Signaled
from regrow.supervision import (
    NO_BACKOFF,
    ChildStarted,
    ChildTerminated,
    PartitionHandle,
    PartitionSpec,
    RestartIntensity,
    SupervisorHandle,
    SupervisorSpec,
    supervise,
)
from tests.supervision import hosted_targets
from tests.supervision.facts import Facts

pytestmark = pytest.mark.system


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("test")
    yield system
    assert system.shutdown(10.0) == ()


@pytest.fixture
def top(system: ActorSystem) -> SupervisorHandle:
    return SupervisorHandle.start(system, SupervisorSpec(backoff=NO_BACKOFF, intensity=RestartIntensity(1, 60.0)))


@pytest.mark.parametrize(
    ("function", "said"),
    [(hosted_targets.write_pid, "stopped: shutdown"), (hosted_targets.write_cancelled, "cancelled")],
)
def test_a_function_lives_in_a_process_of_its_own_and_is_told_to_stop_there(
    top: SupervisorHandle, tmp_path: Path, function: Callable[..., object], said: str
) -> None:
    path = tmp_path / "said"
    started = top.start_child(supervise(function, str(path), isolation="process", id="it"))
    assert isinstance(started.info, int)
    assert started.info != os.getpid()
    top.terminate_child("it", timeout=10.0)
    assert path.read_text(encoding="utf-8") == said


def test_a_functions_crash_over_there_is_a_crash_here(top: SupervisorHandle, facts: Facts) -> None:
    top.start_child(supervise(hosted_targets.crash_at_once, isolation="process"))
    reason = facts.wait(ChildTerminated).reason
    assert isinstance(reason, Crash)
    assert (reason.type, reason.text) == ("ValueError", "over there")


def test_a_pykka_actor_lives_in_a_process_and_can_really_be_killed(top: SupervisorHandle, facts: Facts) -> None:
    ref = top.start_child(supervise(hosted_targets.Theirs, 3, isolation="process")).ref
    assert ref is not None
    pid, size = ref.ask("size", timeout=5.0)
    assert (pid != os.getpid(), size) == (True, 3)
    os.kill(pid, 9)
    assert facts.wait(ChildTerminated).reason == Signaled(9)
    facts.wait(ChildStarted, times=2)
    again, size = ref.ask("size", timeout=5.0)
    assert (again != pid, size) == (True, 3)


@pytest.mark.parametrize("dispatcher", ["pool", None])
def test_who_is_to_run_it_is_said_over_there_too(top: SupervisorHandle, dispatcher: DispatcherName | None) -> None:
    path = "tests.supervision.hosted_dispatcher:Overheard"
    ref = top.start_child(supervise(Start(path), isolation="process", dispatcher=dispatcher)).ref
    assert ref is not None
    assert ref.ask("dispatcher", timeout=5.0) == [dispatcher]


def test_partitions_may_be_processes(system: ActorSystem) -> None:
    child = supervise(hosted_targets.Theirs, 0, isolation="process")
    spec = PartitionSpec(child=child, name="parts", partitions=2, with_arguments=lambda args, number: (number,))
    handle = PartitionHandle.start(system, spec)
    answers = [handle.route(key).ask("size", timeout=5.0) for key in (0, 1)]
    assert [size for _, size in answers] == [0, 1]
    assert len({pid for pid, _ in answers} | {os.getpid()}) == 3
