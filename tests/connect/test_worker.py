"""The worker's face without a tree: registration, checks, state, what it knows of itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import regrow
from regrow.actors import ActorExited, ActorRef, ActorSystem
from regrow.actors.actor import Actor
from regrow.actors.roles.executor.actor import ExecutorDrained, LinkAdopted
from regrow.actors.roles.messages import LinkStateChanged
from regrow.connect.function_policy import FunctionPolicy
from regrow.connect.worker import Worker, WorkerOptions
from regrow.connect.worker_errors import (
    WorkerGaveUp,
    WorkerMisused,
    WorkerNotReady,
    WorkerRefused,
    WorkerStartFailed,
)
from regrow.connect.worker_functions import FunctionRegistry
from regrow.connect.worker_run import exit_code_of
from regrow.connect.worker_state import StateDir
from regrow.connect.worker_watch import WorkerWatch
from regrow.protocol.exits import NORMAL, Signaled
from regrow.supervision import FailureDecay
from regrow.supervision.events import ChildTerminated, IntensityReached

ROOT = Path(__file__).parents[2]


def plain(n: int) -> int:
    return n


async def waits() -> None: ...


# ── functions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_decorator_gives_the_function_back() -> None:
    worker = Worker("ws://x")
    assert worker.function(plain) is plain
    assert worker.function(name="other", deadline=3.0)(plain) is plain
    assert worker.functions == ("other", "plain")


def test_plain_functions_get_a_process_and_async_ones_the_loop() -> None:
    registry = FunctionRegistry()
    for function in (plain, waits):
        registry.add(function, name=None, policy=FunctionPolicy())
    targets = registry.targets()
    assert targets["plain"].isolation == "process"
    assert targets["plain"].target.endswith(":plain")
    assert targets["waits"].isolation == "inline"
    assert list(registry.local()) == ["waits"]


@pytest.mark.parametrize(
    ("function", "given", "words"),
    [
        (lambda: 1, {"name": "x"}, "top level of a module"),
        (plain, {"deadline": 0.0}, "seconds > 0"),
        (plain, {"retries": -1}, "plain: retries: expected an integer >= 0, got -1"),
        (plain, {"deadline": "soon"}, "plain: deadline: expected seconds > 0, got 'soon'"),
        (plain, {"concurrency": 0}, "plain: concurrency: expected an integer >= 1, got 0"),
        (plain, {"quarantine": True}, "plain: quarantine: expected an integer >= 1, got True"),
        (plain, {"priority": "high"}, "plain: priority: expected an integer, got 'high'"),
        (plain, {"rate": "fast"}, "plain: rate: expected runs in a time, such as '10/s'"),
        (plain, {"isolation": "fiber"}, "process, thread, inline"),
        (plain, {"name": "x" * 300}, "255"),
        ("text", {}, "function"),
    ],
)
def test_what_cannot_be_served_is_refused_at_the_decorator(
    function: object, given: dict[str, object], words: str
) -> None:
    options = dict(given)
    name = options.pop("name", None)
    with pytest.raises(WorkerMisused, match=words):
        FunctionRegistry().add(function, name=name, policy=FunctionPolicy(**options))  # type: ignore[arg-type]


def test_a_closure_may_run_in_a_thread() -> None:
    registry = FunctionRegistry()
    registry.add(lambda: 1, name="x", policy=FunctionPolicy(isolation="thread"))
    assert registry.names == ("x",)


def test_two_functions_of_one_name_are_refused() -> None:
    registry = FunctionRegistry()
    registry.add(plain, name="f", policy=FunctionPolicy())
    registry.add(plain, name="f", policy=FunctionPolicy())
    with pytest.raises(WorkerMisused, match="twice"):
        registry.add(waits, name="f", policy=FunctionPolicy())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": "http://x"}, "expected ws://HOST:PORT or wss://HOST:PORT, got 'http://x'"),
        ({"url": ["ws://x", "y"]}, "got 'y'"),
        ({"url": []}, "or several, got none"),
        ({"url": "ws://x", "token": ["1", "2", "3"]}, "the second to fall back on, got 3 values"),
        ({"url": "ws://x", "options": WorkerOptions(protocol=int)}, "expected a subclass of ForeignProtocol"),  # type: ignore[arg-type]
        ({"url": "ws://x", "options": WorkerOptions(max_attempts=0)}, "options.max_attempts"),
        ({"url": "ws://x", "options": WorkerOptions(give_up_after=0.0)}, "options.give_up_after: expected seconds > 0"),
        ({"url": "ws://x", "capacity": 0}, "capacity"),
        ({"url": "ws://x", "logger": object()}, "logger"),
    ],
)
def test_a_worker_that_cannot_work_is_refused_when_it_is_made(given: dict[str, object], words: str) -> None:
    with pytest.raises(WorkerMisused, match=words):
        Worker(**given)  # type: ignore[arg-type]


def test_a_worker_that_is_not_started_says_so() -> None:
    worker = Worker("ws://x")
    for look in (worker.status, worker.wait_ready, lambda: worker.system, lambda: worker.root, lambda: worker.watch):
        with pytest.raises(WorkerMisused, match="not started"):
            look()
    assert worker.link_pid is None
    assert worker.executor_pids == ()
    assert worker.stop()


# ── errors and codes ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WorkerGaveUp("w", "why"), 1),
        (WorkerMisused("why"), 2),
        (WorkerStartFailed("part", "why"), 3),
        (WorkerRefused("ws://x", "unauthorized", "why"), 4),
        (WorkerNotReady("ws://x", 1.0, "waiting"), 1),
    ],
)
def test_every_error_has_an_exit_code(error: WorkerGaveUp, code: int) -> None:
    assert exit_code_of(error) == code


# ── state ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_state_directory_keeps_the_instance_and_has_one_worker(tmp_path: Path) -> None:
    first = StateDir(tmp_path / "state")
    with pytest.raises(WorkerMisused, match="another worker"):
        StateDir(tmp_path / "state")
    first.close(keep=False)
    second = StateDir(tmp_path / "state")
    assert second.instance == first.instance
    second.close(keep=False)
    assert (tmp_path / "state").is_dir()


def test_a_temporary_state_directory_goes_with_its_worker() -> None:
    state = StateDir(None)
    assert state.path.is_dir()
    state.close(keep=False)
    state.close(keep=False)
    assert not state.path.exists()


def test_a_later_worker_sweeps_the_temporary_directories_of_killed_ones_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    names = ("regrow-worker-dead", "regrow-worker-young", "regrow-worker-unlocked", "somebodys-dead")
    dead, young, unlocked, others = (tmp_path / name for name in names)
    living = StateDir(None)
    for path in (dead, young, others):
        path.mkdir()
        (path / "lock").touch()
    unlocked.mkdir()
    for path in (dead, unlocked, others, living.path):
        os.utime(path, (0, 0))
    state = StateDir(None)
    assert {path for path in tmp_path.iterdir() if path != state.path} == {young, unlocked, others, living.path}
    state.close(keep=False)
    living.close(keep=False)


def test_a_state_directory_that_cannot_be_used_is_named_and_nothing_stays_open(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(WorkerMisused, match=str(file)):
        StateDir(file / "state")
    (tmp_path / "state" / "instance").mkdir(parents=True)
    with pytest.raises(WorkerMisused, match="expected a directory that can be written to"):
        StateDir(tmp_path / "state")


def test_an_instance_file_without_an_id_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "instance").touch()
    first = StateDir(tmp_path)
    first.close(keep=True)
    second = StateDir(tmp_path)
    assert len(first.instance) == 32
    assert second.instance == first.instance
    second.close(keep=True)


# ── what is known ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    with ActorSystem() as system:
        yield system


def test_the_watch_folds_what_the_link_says(system: ActorSystem) -> None:
    watch = WorkerWatch(system)
    system.bus.publish(LinkAdopted(1, 77))
    system.bus.publish(LinkStateChanged(phase="ready", epoch=1, pid=77, connection_id="c1", latency=0.01))
    assert (watch.link.phase, watch.link.pid, watch.link.readies, watch.link.links) == ("ready", 77, 1, 1)
    system.bus.publish(LinkStateChanged(phase="refused", code="unauthorized", reason="no"))
    assert watch.refused
    assert watch.link.readies == 1


def test_a_link_that_died_is_down_until_the_next(system: ActorSystem) -> None:
    watch = WorkerWatch(system)
    system.bus.publish(LinkStateChanged(phase="ready", epoch=1, pid=77))
    system.bus.publish(ActorExited(ActorRef(system, name="link", actor_class=Actor), 1, Signaled(9)))
    assert (watch.link.phase, watch.link.pid, watch.link.reason) == ("down", None, "SIGKILL")


def test_waits_end_with_the_event_they_wait_for(system: ActorSystem) -> None:
    watch = WorkerWatch(system)
    assert not watch.wait(lambda: watch.drained, 0.0)
    system.bus.publish(ExecutorDrained())
    assert watch.wait(lambda: watch.drained, 0.0)


def test_the_report_names_who_was_restarted_too_often_and_the_last_death(system: ActorSystem) -> None:
    watch = WorkerWatch(system)
    root = ActorRef(system, name="worker", actor_class=Actor)
    watch.watch_root(root)
    system.bus.publish(
        ChildTerminated(supervisor="worker", child_id="link", life=4, reason=Signaled(11), expected=False)
    )
    system.bus.publish(IntensityReached(supervisor="worker", child_id="link", max_restarts=3, max_seconds=5.0))
    system.bus.publish(ActorExited(root, 1, NORMAL))
    assert watch.ended == "normal"
    assert watch.report() == "link of worker needed more than 3 restarts in 5 s; last: link ended: SIGSEGV"


def test_the_report_of_a_worker_with_a_decay_says_what_decayed(system: ActorSystem) -> None:
    watch = WorkerWatch(system)
    system.bus.publish(
        IntensityReached(
            supervisor="worker", child_id="link", max_restarts=2, max_seconds=150.0, decay=FailureDecay(2.5, 30.0)
        )
    )
    assert watch.report() == "link of worker needed more than a count of 2.5 restarts that halves every 30 s"


# ── the package ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert regrow.__version__ == project["version"]


def test_everything_the_package_offers_is_there() -> None:
    for name in regrow.__all__:
        assert getattr(regrow, name) is not None
    assert set(regrow.__all__) <= set(dir(regrow))
    with pytest.raises(AttributeError, match="nothing"):
        _ = regrow.nothing


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = ("websockets", "pykka", "msgpack", "pydantic", "rich", "loguru", "asyncio", "click", "tenacity")
    code = f"import sys, regrow; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
