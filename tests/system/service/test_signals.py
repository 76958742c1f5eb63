"""Signals to `regrow worker`, `regrow gateway` and `regrow run` at every stage of their lives.

Each ends within a bound and with a documented exit code, leaves no process behind and loses nothing.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.service.programs import JOBS, Program, Service, begun
from tests.system.waiting import FACTOR, WAIT, until

TERM, INT = signal.SIGTERM, signal.SIGINT
BOTH = pytest.mark.parametrize("signo", [TERM, INT])
QUICK = 6.0 * FACTOR  # seconds for an end that waits for nobody


def ended(program: Program, *codes: int, within: float = QUICK) -> None:
    """See that it ends in time, with one of these codes, and that nothing of it is left."""
    begin = time.monotonic()
    code = program.end()
    took = time.monotonic() - begin
    assert code in codes, f"{program.args} ended with {code}:\n{program.text()}"
    assert took < within, f"{program.args} took {took:.1f} s:\n{program.text()}"
    program.gone()
    assert "Traceback" not in program.text()


def killed_by(signo: int) -> tuple[int, int]:
    """Give the two codes by which a program is known to have ended by a signal; to a shell they are the same."""
    return 128 + signo, -signo


# ── while starting ───────────────────────────────────────────────────────────────────────────────────────────────────

SLOW_APP = """
import pathlib, time
pathlib.Path("importing").touch()
time.sleep(60)
"""


@BOTH
def test_a_worker_whose_app_is_being_imported(service: Service, tmp_path: Path, signo: int) -> None:
    (tmp_path / "slow_app.py").write_text(SLOW_APP)
    worker = service.worker(app="slow_app.py")
    until((tmp_path / "importing").exists, what=worker.text)
    worker.signal(signo)
    ended(worker, *killed_by(signo))


@pytest.mark.parametrize("signo", [TERM])
def test_a_tree_whose_module_is_being_imported(service: Service, tmp_path: Path, signo: int) -> None:
    (tmp_path / "slow_app.py").write_text(SLOW_APP)
    run = service.program("run", "slow_app:tree")
    until((tmp_path / "importing").exists, what=run.text)
    run.signal(signo)
    ended(run, *killed_by(signo))


TREE = """
[[tree.child]]
id = "program"
command = ["sh", "-c", "sleep 60 & exec sleep 60"]
[[tree.child]]
id = "pool"
type = "supervisor"
isolation = "process"
[[tree.child.child]]
id = "inner"
command = ["sleep", "60"]
"""
SLOW_CHILD = """
[[tree.child]]
id = "slow"
start = "slow_app:Slow"
isolation = "process"
"""


@pytest.mark.parametrize("signals", [(INT,), (TERM, TERM)], ids=str)
def test_a_tree_that_starts_while_a_process_of_it_hangs_in_its_import(
    service: Service, tmp_path: Path, signals: tuple[int, ...]
) -> None:
    (tmp_path / "slow_app.py").write_text(SLOW_APP)
    (tmp_path / "tree.toml").write_text(f"[tree]\n{TREE}{SLOW_CHILD}")
    run = service.program("run", "tree.toml")
    until((tmp_path / "importing").exists, what=run.text)
    for signo in signals:
        run.signal(signo)
    ended(run, *killed_by(signals[0]))


@pytest.mark.parametrize("delay", [0.2, 0.5, 0.8])
def test_programs_that_have_hardly_begun(service: Service, tmp_path: Path, delay: float) -> None:
    """Wherever the signal comes: before there are handlers, while they are set, when all is up."""
    (tmp_path / "tree.toml").write_text(f"[tree]\n{TREE}")
    service.port = 1  # where nobody listens
    programs = [service.worker(), service.program("run", "tree.toml")]
    service.port = 0
    programs.append(service.begin_gateway())
    time.sleep(delay)
    for program in programs:
        program.signal(TERM)
    for program in programs:
        ended(program, 0, *killed_by(TERM), within=2 * QUICK)


SLOW_PRELOAD = """
import sys
sys.path.insert(0, {jobs!r})
import service_jobs
from regrow.connect.worker import WorkerOptions
worker = service_jobs.worker
worker.options = WorkerOptions(preload=("slow_module",))
"""


@pytest.mark.parametrize("signals", [(INT, TERM)], ids=str)
def test_a_worker_that_starts_its_processes(service: Service, tmp_path: Path, signals: tuple[int, ...]) -> None:
    """The start takes long because what the processes shall find imported does."""
    (tmp_path / "slow_module.py").write_text(
        'import pathlib, time\npathlib.Path("importing").touch()\ntime.sleep(30)\n'
    )
    (tmp_path / "app.py").write_text(SLOW_PRELOAD.format(jobs=str(JOBS.parent)))
    worker = service.worker(app="app.py", env={"PYTHONPATH": f"{Path(__file__).parents[3]}:{tmp_path}"})
    until((tmp_path / "importing").exists, what=worker.text)
    for signo in signals:
        worker.signal(signo)
        time.sleep(0.1)
    ended(worker, 128 + signals[0], within=2 * QUICK)
    assert "while it starts" in worker.text()


# ── a worker ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@BOTH
def test_a_worker_that_waits_for_a_gateway(service: Service, signo: int) -> None:
    service.port = 1
    worker = service.worker()
    until(lambda: worker.text().count("no session") >= 3, what=worker.text)  # up, and at it for a while
    worker.signal(signo)
    ended(worker, 0)


@BOTH
def test_an_idle_worker(service: Service, signo: int) -> None:
    service.gateway()
    worker = service.worker()
    with service.client() as client:
        assert client.invoke("add", 1, 1, timeout=WAIT) == 2
        worker.signal(signo)
        ended(worker, 0)
        assert client.status()["workers_connected"] == 0


@pytest.mark.parametrize("signo", [TERM])
def test_a_busy_worker_finishes_what_runs_and_gives_the_rest_to_another(
    service: Service, tmp_path: Path, signo: int
) -> None:
    marker = tmp_path / "go"
    service.gateway()
    first = service.worker("--capacity=1")
    with service.client() as client:
        running = client.submit("wait_for", str(marker))
        until(begun(marker), what=first.text)
        first.signal(signo)
        first.wait_for("draining")
        later = client.submit("add", 20, 3)
        second = service.worker("--capacity=1")
        assert client.result(later, timeout=WAIT) == 23, second.text()
        assert first.process.poll() is None
        marker.touch()
        assert client.result(running, timeout=WAIT) == "seen"
        ended(first, 0)


def hurry(worker: Program) -> None:
    worker.wait_for("draining")
    worker.signal(TERM)


def do_nothing(_worker: Program) -> None:
    """The grace runs out by itself."""


@pytest.mark.parametrize(
    ("function", "then"), [("hold_gil", hurry), ("keep_a_program", hurry), ("wait_for", do_nothing)]
)
def test_a_busy_worker_that_is_hurried_releases_what_runs_and_another_one_finishes_it(
    service: Service, tmp_path: Path, function: str, then: Callable[[Program], None]
) -> None:
    marker = tmp_path / "go"
    service.gateway("--lease=60s")
    grace = "1s" if then is do_nothing else "60s"
    first = service.worker("--capacity=1", f"--grace={grace}")
    with service.client() as client:
        request = client.submit(function, str(marker))
        until(begun(marker), what=first.text)
        first.signal(TERM)
        then(first)
        ended(first, 128 + TERM, within=QUICK + 1.0)
        until(lambda: client.status()["queued"] == 1)
        marker.touch()
        second = service.worker("--capacity=1")
        assert client.result(request, timeout=WAIT) in {"seen", "held"}, second.text()


def test_a_worker_whose_gateway_dies_while_it_drains_keeps_its_result_for_its_next_run(
    service: Service, tmp_path: Path
) -> None:
    marker = tmp_path / "go"
    gateway = service.gateway()
    state = f"--state-dir={tmp_path / 'state'}"
    first = service.worker("--capacity=1", "--grace=2s", state)
    with service.client() as client:
        request = client.submit("wait_for", str(marker))
        until(begun(marker), what=first.text)
        first.signal(TERM)
        first.wait_for("draining")
        gateway.destroy()
        marker.touch()
        ended(first, 128 + TERM, within=QUICK + 2.0)
        service.gateway()
        service.worker("--capacity=1", state)
        assert client.result(request, timeout=WAIT) == "seen"
        assert begun(marker)()
        assert not begun(marker, 2)()  # delivered, not run again


# ── a gateway ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("signo", [INT])
def test_an_idle_gateway_and_its_worker_finds_the_next_one(service: Service, signo: int) -> None:
    gateway = service.gateway()
    service.worker()
    with service.client() as client:
        assert client.invoke("add", 1, 1, timeout=WAIT) == 2
        gateway.signal(signo)
        ended(gateway, 0)
        service.gateway()
        assert client.invoke("add", 1, 2, timeout=WAIT) == 3


@pytest.mark.parametrize("signals", [(TERM, TERM), (INT, TERM)], ids=str)
def test_a_busy_gateway_that_is_hurried_loses_nothing(
    service: Service, tmp_path: Path, signals: tuple[int, int]
) -> None:
    marker = tmp_path / "go"
    gateway = service.gateway()
    worker = service.worker("--capacity=1")
    with service.client() as client:
        requests = [client.submit("wait_for", str(marker)), *(client.submit("add", number) for number in range(20))]
        until(begun(marker), what=worker.text)
        gateway.signal(signals[0])
        gateway.wait_for("drains")
        assert gateway.process.poll() is None
        gateway.signal(signals[1])
        ended(gateway, 128 + signals[0])
        marker.touch()
        service.gateway()
        assert [client.result(request, timeout=WAIT) for request in requests] == ["seen", *range(20)]
        assert not begun(marker, 2)()


@pytest.mark.parametrize("signo", [TERM])
def test_a_gateway_whose_store_is_locked_by_somebody(service: Service, signo: int) -> None:
    service.gateway().destroy()
    with sqlite3.connect(service.directory / "gateway.sqlite", isolation_level=None) as locker:
        locker.execute("BEGIN EXCLUSIVE")
        gateway = service.begin_gateway()
        time.sleep(1.0 * FACTOR)
        gateway.signal(signo)
        ended(gateway, 0, 3, *killed_by(signo), within=2 * QUICK)
        locker.execute("ROLLBACK")
    locker.close()


# ── a tree ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@BOTH
def test_a_tree_of_programs_and_processes(service: Service, tmp_path: Path, signo: int) -> None:
    (tmp_path / "tree.toml").write_text(f"[tree]\n{TREE}")
    run = service.program("run", "tree.toml")
    run.wait_for("root is up")
    run.signal(signo)
    ended(run, 0)


@pytest.mark.parametrize("signals", [(TERM, TERM), (INT, TERM)], ids=str)
def test_a_tree_that_is_hurried_while_a_program_of_it_does_not_want_to_stop(
    service: Service, tmp_path: Path, signals: tuple[int, int]
) -> None:
    mule = '[[tree.child]]\nid = "mule"\ncommand = ["sh", "-c", "trap : TERM; echo up; while :; do sleep 1; done"]\n'
    (tmp_path / "tree.toml").write_text(f'[tree]\n{TREE}{mule}ready = {{ line = "up" }}\nshutdown = "60s"\n')
    run = service.program("run", "tree.toml")
    run.wait_for("root is up")
    run.signal(signals[0])
    run.wait_for("stopping in reverse order")
    time.sleep(0.2)
    assert run.process.poll() is None
    run.signal(signals[1])
    ended(run, 128 + signals[0])
