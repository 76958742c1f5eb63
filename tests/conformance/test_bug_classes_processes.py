"""Bugs that other supervisors of OS processes had, and the rules that keep them out: real processes, the real clock."""

from __future__ import annotations

import ast
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import regrow.actors
from regrow.actors import ActorRef, ActorSystem, ChildSpec, Isolation, Start
from regrow.actors.hosting.os_process import open_pidfd, signal_process, wait_readable
from regrow.protocol.exits import ExitStatus, Signaled
from regrow.supervision import ChildStarted, ChildTerminated
from tests.conformance.case import case
from tests.conformance.hosted import LOCK, Hosted, Order
from tests.conformance.tree import ref_of, start
from tests.supervision.facts import Facts
from tests.system.hosting.test_orphans import GONE_WITHIN, open_all, run_program, wait_all

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="pidfds and the death of the parent are Linux's"),
]

WAIT = 20.0  # real seconds; only a failing test waits so long
ORPHANS = Path(__file__).parents[1] / "system" / "hosting" / "orphan_main.py"
HOSTING = Path(regrow.actors.__file__).parent / "hosting"


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("test")
    yield system
    assert system.shutdown(10.0) == ()


def hosted(child_id: str) -> ChildSpec:
    return ChildSpec(id=child_id, start=Start(Hosted), isolation=Isolation.PROCESS, start_timeout=WAIT)


def pid_of(ref: ActorRef) -> int:
    pid: int = ref.ask(Order("pid"), timeout=WAIT)
    return pid


def wait_gone(pidfd: int) -> None:
    assert wait_readable(pidfd, WAIT), "expected the process to end"
    os.close(pidfd)


@case("B-53")
def test_b_53_a_lock_that_a_thread_holds_while_a_process_starts_is_free_in_it(system: ActorSystem) -> None:
    with LOCK:  # a fork of this process would copy it as it is, for ever
        handle = start(system, hosted("a"))
        assert ref_of(handle, "a").ask(Order("lock"), timeout=WAIT) is True


@case("B-53")
def test_b_53_nobody_forks_a_process_with_threads_and_nothing_runs_between_fork_and_exec() -> None:
    forking: list[str] = []
    for path in sorted(HOSTING.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in {"fork", "forkpty"}:
                forking.append(path.name)
            assert not (isinstance(node, ast.keyword) and node.arg == "preexec_fn"), path
    # The zygote is a process of its own that never has a second thread; the others try imports in its forks.
    assert set(forking) <= {"zygote.py", "zygote_imports.py", "sharing.py"}


@case("B-54")
@pytest.mark.parametrize("launcher", ["exec", "zygote"])
def test_b_54_no_child_outlives_a_parent_that_was_killed(launcher: str) -> None:
    program = run_program(str(ORPHANS), launcher, "idle")
    assert program.stdout is not None
    with program.stdout:
        pidfds = open_all(json.loads(program.stdout.readline()))
        program.kill()
        program.wait(WAIT)
    assert wait_all(pidfds, GONE_WITHIN) == []


@case("B-55")
def test_b_55_a_worker_that_is_killed_in_the_middle_of_its_work_holds_nobody_up(system: ActorSystem) -> None:
    facts = Facts(system)
    handle = start(system, *(hosted(name) for name in ("a", "b")))
    doomed, other = ref_of(handle, "a"), ref_of(handle, "b")
    answers = [doomed.ask(Order("hang"), block=False), doomed.ask(Order("echo", "x" * 300_000), block=False)]
    os.kill(doomed.pid or 0, signal.SIGKILL)
    assert other.ask(Order("echo", "alive"), timeout=WAIT) == "alive"
    for answer in answers:
        with pytest.raises(Exception, match="not found"):
            answer.get(timeout=WAIT)
    facts.wait(ChildStarted, child_id="a", times=2)
    assert doomed.ask(Order("echo", "back"), timeout=WAIT) == "back"


@case("B-56")
def test_b_56_a_signal_reaches_the_process_that_is_meant_or_nobody(system: ActorSystem) -> None:
    handle = start(system, hosted("a"))
    pidfd = open_pidfd(pid_of(ref_of(handle, "a")))
    handle.stop(timeout=WAIT)
    assert wait_readable(pidfd, WAIT)
    assert signal_process(pidfd, signal.SIGKILL) is False  # whoever has the number now
    os.close(pidfd)


@case("B-57")
@pytest.mark.parametrize(
    ("order", "reason"),
    [(Order("exit"), ExitStatus(7)), (Order("die"), Signaled(9))],
    ids=["status", "signal"],
)
def test_b_57_the_status_of_every_end_is_known_and_told_once(
    system: ActorSystem, order: Order, reason: ExitStatus | Signaled
) -> None:
    facts = Facts(system)
    handle = start(system, hosted("a"), hosted("b"))
    for name in ("a", "b"):
        ref_of(handle, name).tell(order)
    for name in ("a", "b"):
        assert facts.wait(ChildTerminated, child_id=name).reason == reason
        facts.wait(ChildStarted, child_id=name, times=2)
    assert len(facts.all(ChildTerminated)) == 2


@case("B-58")
@pytest.mark.parametrize("end", ["stop", "kill", "crash"])
def test_b_58_what_a_child_has_forked_dies_with_it(system: ActorSystem, end: str) -> None:
    handle = start(system, hosted("a"))
    ref = ref_of(handle, "a")
    grandchild: int = ref.ask(Order("fork"), timeout=WAIT)
    pidfd = os.pidfd_open(grandchild)
    if end == "stop":
        handle.terminate_child("a", timeout=WAIT)
    elif end == "kill":
        ref.kill()
    else:
        ref.tell(Order("exit"))
    wait_gone(pidfd)
