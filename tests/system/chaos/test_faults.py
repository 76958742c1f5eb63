"""Faults hit real processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from regrow.chaos import Freeze, Kill, TargetGone, Thaw, inject

pytestmark = pytest.mark.system


@pytest.fixture
def victim() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def test_a_killed_process_ends_by_that_signal(victim: subprocess.Popen[bytes]) -> None:
    inject(Kill(), victim.pid)
    assert victim.wait(5) == -signal.SIGKILL


def test_a_frozen_process_stops_and_a_thawed_one_goes_on(victim: subprocess.Popen[bytes]) -> None:
    inject(Freeze(), victim.pid)
    stopped = os.waitid(os.P_PID, victim.pid, os.WSTOPPED | os.WNOWAIT)
    assert stopped is not None
    assert stopped.si_status == signal.SIGSTOP
    inject(Thaw(), victim.pid)
    victim.communicate(b"\n", timeout=5)
    assert victim.returncode == 0


def test_a_fault_for_a_process_that_is_gone_says_so(victim: subprocess.Popen[bytes]) -> None:
    victim.communicate(b"\n", timeout=5)
    with pytest.raises(TargetGone, match=f"expected process {victim.pid} to be alive"):
        inject(Kill(), victim.pid)
