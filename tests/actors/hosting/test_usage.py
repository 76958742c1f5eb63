"""What the kernel counts for a process, looked at by the one that it is."""

from __future__ import annotations

import os
import sys
import time

import pytest

from regrow.actors.hosting.usage import children_by_parent, usage_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says so")


def test_of_this_process_all_is_known() -> None:
    seen = usage_of(os.getpid())
    assert seen is not None
    assert seen.state in "RS"
    assert seen.cpu_seconds == pytest.approx(time.process_time(), abs=1.0)
    assert seen.age > 0
    assert (seen.resident_bytes or 0) > (seen.own_bytes or 0) > 2**20


def test_a_name_may_have_brackets_and_blanks_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 2 3 4 150 50 0 0 20 0 1 0 0 10 20"
    monkeypatch.setattr("regrow.actors.hosting.usage.read_small", lambda _path: line)
    seen = usage_of(7)
    assert seen is not None
    ticks = os.sysconf("SC_CLK_TCK")
    assert (seen.name, seen.state, seen.cpu_seconds) == ("a) b (c", "S", 200 / ticks)


@pytest.mark.parametrize("said", [None, "", "7 (a"])
def test_one_that_ends_at_this_moment_is_not_known(said: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.actors.hosting.usage.read_small", lambda _path: said)
    assert usage_of(7) is None


def test_this_process_is_a_child_of_its_parent() -> None:
    assert os.getpid() in children_by_parent()[os.getppid()]
