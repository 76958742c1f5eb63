"""The soak of processes runs, finds nothing, and would find something."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.system, pytest.mark.slow]


def soak(*arguments: str, program: str = "") -> subprocess.CompletedProcess[str]:
    how = [
        "-c",
        f"import sys; {program}; from benchmarks import processes_soak; sys.exit(processes_soak.main(sys.argv[1:]))",
    ]
    return subprocess.run(
        [sys.executable, *(how if program else ["-m", "benchmarks.processes_soak"]), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )


def test_nothing_is_left_and_no_ask_hangs_while_processes_are_killed_at_random() -> None:
    done = soak("--kills=60", "--seed=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kills: " in done.stdout


def test_nobody_is_killed_who_is_healthy() -> None:
    done = soak("--calm=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 kills" in done.stdout


def test_the_soak_objects_to_a_process_that_is_left_behind() -> None:
    """With a program that ends like a host does, but has left something running in a session of its own."""
    left = "import subprocess; subprocess.Popen(['sleep', '6'], start_new_session=True, stdout=-3, stderr=-3)"
    host = f"{left}; print(chr(123) + '\\\"over\\\": true' + chr(125))"
    program = (
        "from benchmarks import processes_soak; processes_soak.GONE_SECONDS = 0.5; "
        "import subprocess; popen = subprocess.Popen; "
        f"subprocess.Popen = lambda command, **options: popen([sys.executable, '-c', \"{host}\"], **options)"
    )
    done = soak("--kills=1", program=program)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "OBJECTION left by a host" in done.stdout
    assert "sleep 6" in done.stdout
