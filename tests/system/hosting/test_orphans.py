"""When the host dies, however it dies, nothing of it is left two seconds later; and `__main__` can be hosted."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from regrow.actors.hosting.import_path import search_path

HERE: Final = Path(__file__).parent
GONE_WITHIN: Final = 2.0 * float(os.environ.get("REGROW_TEST_TIMEOUT_FACTOR", "1"))


def run_program(*args: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(search_path())}
    return subprocess.Popen([sys.executable, *args], env=env, cwd=cwd, stdout=subprocess.PIPE, text=True)


def open_all(pids: list[int]) -> list[int]:
    return [os.pidfd_open(pid) for pid in pids]


def wait_all(pidfds: list[int], timeout: float) -> list[int]:
    """Wait until all have ended; give the indexes of those that have not."""
    deadline = time.monotonic() + timeout
    left = []
    for index, pidfd in enumerate(pidfds):
        ready, _, _ = select.select([pidfd], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            left.append(index)
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
    return left


@pytest.mark.parametrize("launcher", ["exec", "zygote"])
@pytest.mark.parametrize("kind", ["idle", "gil", "deaf", "draining", "full", "stopped", "forked", "tree"])
def test_when_the_host_is_killed_everything_is_gone_in_two_seconds(launcher: str, kind: str) -> None:
    program = run_program(str(HERE / "orphan_main.py"), launcher, kind)
    assert program.stdout is not None
    with program.stdout:
        pids = json.loads(program.stdout.readline())
        assert len(pids) >= 2  # the child and the zygote, which guards also what it has not forked
        if kind == "gil":
            time.sleep(0.3)
        pidfds = open_all(pids)
        program.kill()
        program.wait(10)
    assert wait_all(pidfds, GONE_WITHIN) == []


@pytest.mark.parametrize("launcher", ["exec", "zygote"])
@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT])
def test_a_host_that_ends_by_a_signal_leaves_nothing(launcher: str, signo: signal.Signals) -> None:
    program = run_program(str(HERE / "orphan_main.py"), launcher, "idle")
    assert program.stdout is not None
    with program.stdout:
        pidfds = open_all(json.loads(program.stdout.readline()))
        program.send_signal(signo)
        program.wait(10)
    assert wait_all(pidfds, GONE_WITHIN) == []


@pytest.mark.parametrize("launcher", ["exec", "zygote"])
def test_a_host_that_just_returns_from_main_leaves_nothing(launcher: str) -> None:
    program = run_program(str(HERE / "orphan_main.py"), launcher, "exits")
    assert program.stdout is not None
    with program.stdout:
        pidfds = open_all(json.loads(program.stdout.readline()))
        program.wait(10)
    assert wait_all(pidfds, GONE_WITHIN) == []


MAIN = """
import os, sys
from regrow.actors import Actor, ActorSystem, ChildSpec, Isolation, Start, StartFailed
from regrow.actors.outcome import StartWaiter

class Mine(Actor):
    def on_receive(self, message):
        return [message, os.getpid(), __name__]

def start_one():
    waiter = StartWaiter()
    with ActorSystem() as system:
        spec = ChildSpec(id="mine", start=Start(Mine), isolation=Isolation.PROCESS, launcher=LAUNCHER)
        system.begin(spec, parent=None, ref=None, on_outcome=waiter)
        answer = waiter.wait().ask("hello", timeout=20)
        assert answer[1] != os.getpid()
        print(answer[0], answer[2])
"""
GUARDED = MAIN + 'if __name__ == "__main__":\n    start_one()\n'
UNGUARDED = MAIN + "try:\n    start_one()\nexcept Exception as error:\n    print(error)\n    raise\n"


@pytest.mark.parametrize("launcher", ["exec", "zygote"])
def test_a_class_of_a_script_is_hosted(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "my_script.py").write_text(GUARDED.replace("LAUNCHER", repr(launcher)))
    program = run_program(str(tmp_path / "my_script.py"), cwd=Path("/"))
    out, _ = program.communicate(timeout=30)
    assert out == "hello my_script\n"


@pytest.mark.parametrize("launcher", ["exec", "zygote"])
def test_a_class_of_a_module_run_with_m_is_hosted(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "main.py").write_text(GUARDED.replace("LAUNCHER", repr(launcher)))
    program = run_program("-m", "my_package.main", cwd=tmp_path)
    out, _ = program.communicate(timeout=30)
    assert out == "hello my_package.main\n"


@pytest.mark.parametrize("launcher", ["exec", "zygote"])
def test_a_script_without_a_guard_is_told_so_instead_of_starting_itself_for_ever(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "my_script.py").write_text(UNGUARDED.replace("LAUNCHER", repr(launcher)))
    program = subprocess.run(
        [sys.executable, str(tmp_path / "my_script.py")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(search_path())},
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert program.returncode == 1
    assert "__main__" in program.stdout
