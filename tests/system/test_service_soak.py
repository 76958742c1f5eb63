"""The soak of the whole service runs, finds nothing, and finds what a gateway without a memory does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(150)]


def soak(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.service_soak", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=140,
    )


def test_nothing_is_lost_or_accepted_twice_while_everything_is_harmed(tmp_path: Path) -> None:
    done = soak("--seconds=8", "--seed=3", f"--directory={tmp_path / 'soak'}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "requests: " in done.stdout


def test_it_objects_to_a_gateway_that_forgets_what_it_has_acknowledged(tmp_path: Path) -> None:
    done = soak("--seconds=6", "--store=memory", "--only=kill gateway", f"--directory={tmp_path / 'soak'}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "OBJECTION forgotten: " in done.stdout
