"""Launchers without the rest: processes that are reaped here, with and without pidfds."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from hosting_bench import WAIT

from regrow.actors.hosting.exec_launcher import DirectProcess
from regrow.actors.hosting.os_process import ProcessEnd, exit_reason_of, wait_readable
from regrow.protocol.exits import SHUTDOWN, ExitReason, ExitStatus, Signaled


def run(source: str, *, use_pidfd: bool) -> DirectProcess:
    popen = subprocess.Popen([sys.executable, "-Sc", source], start_new_session=True)
    return DirectProcess(popen, use_pidfd=use_pidfd)


def reap(process: DirectProcess) -> ExitReason:
    assert wait_readable(process.death_fd, WAIT)
    ends: list[ProcessEnd] = []
    process.reap(ends.append)
    process.close()
    (end,) = ends
    assert end.max_rss_bytes is not None
    assert end.max_rss_bytes > 1_000_000
    return exit_reason_of(end)


@pytest.mark.parametrize("use_pidfd", [True, False])
@pytest.mark.parametrize(
    ("source", "reason"),
    [("raise SystemExit(3)", ExitStatus(3)), ("import os; os.kill(os.getpid(), 9)", Signaled(9))],
)
def test_the_end_is_seen_and_reaped_once(source: str, reason: ExitReason, use_pidfd: bool) -> None:
    assert reap(run(source, use_pidfd=use_pidfd)) == reason


@pytest.mark.parametrize("use_pidfd", [True, False])
def test_a_signal_goes_to_the_living_only(use_pidfd: bool) -> None:
    process = run("import time; time.sleep(60)", use_pidfd=use_pidfd)
    assert process.send_signal(signal.SIGTERM)
    assert reap(process) == Signaled(15)
    assert not process.send_signal(signal.SIGTERM)
    assert not process.signal_group(signal.SIGTERM)


def test_a_status_that_nobody_knows_is_said_to_be_unknown() -> None:
    assert exit_reason_of(ProcessEnd(None)) == ExitStatus(255)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (0, SHUTDOWN),
        (signal.SIGTERM, SHUTDOWN),
        (None, SHUTDOWN),
        (signal.SIGKILL, Signaled(signal.SIGKILL)),
        (signal.SIGSEGV, Signaled(signal.SIGSEGV)),
        (7 << 8, ExitStatus(7)),
    ],
)
def test_a_crash_in_the_clean_up_is_not_taken_for_the_end_that_was_asked_for(
    status: int | None, reason: ExitReason
) -> None:
    assert exit_reason_of(ProcessEnd(status), SHUTDOWN) == reason
