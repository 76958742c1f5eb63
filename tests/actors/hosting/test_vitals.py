"""Looks at a process: what is in memory, of whom, and that the last look outlives it."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from regrow.actors.hosting import vitals
from regrow.actors.hosting.oom import OomCount
from regrow.actors.hosting.vitals import Vitals, resident_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-Sc", "import time; print(flush=True); time.sleep(60)"], stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_memory_is_seen_and_the_last_look_counts_after_the_end(sleeper: subprocess.Popen[bytes]) -> None:
    seen = Vitals()
    found = seen.look(sleeper.pid, now=1.0)
    assert found is not None
    assert found.total > found.own > 0
    sleeper.kill()
    sleeper.wait()
    assert seen.look(sleeper.pid, now=2.0) is None
    assert seen.resident == found


def test_a_process_that_waits_to_be_reaped_has_no_memory(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    assert sleeper.stdout is not None
    assert sleeper.stdout.read() == b""  # it has ended, and nobody has reaped it
    assert resident_of(sleeper.pid) is None


def test_what_is_shared_is_not_its_own() -> None:
    before = resident_of(os.getpid())
    shared = mmap.mmap(-1, 64 << 20)  # shared and anonymous, as a blob is
    shared.write(b"x" * (64 << 20))
    after = resident_of(os.getpid())
    assert before is not None
    assert after is not None
    assert after.total - before.total > 60 << 20
    assert after.own - before.own < 30 << 20
    shared.close()


def test_a_count_made_while_it_was_being_killed_does_not_hide_the_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter([OomCount(0, "/g"), OomCount(1, "/g")])
    monkeypatch.setattr(vitals, "read_oom_count", lambda _pid: next(counts))
    monkeypatch.setattr(vitals, "count_again", lambda _before: OomCount(1, "/g"))
    seen = Vitals()
    assert seen.oom(0.0, killed=True) is None
    seen.look(os.getpid(), now=1.0)
    seen.look(os.getpid(), now=6.0)  # already in the kernel's hands
    assert seen.oom(6.1, killed=True) == "likely"
    assert seen.oom(7.0, killed=True) == "unlikely"  # half a second is enough for the kernel
    assert seen.oom(7.0, killed=False) == "unlikely"
