"""Whether a process was killed for want of memory: what follows from each pair of counts, and where they are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from regrow.actors.hosting import oom
from regrow.actors.hosting.oom import OomCount, count_again, judge_oom, read_oom_count
from regrow.actors.signals import OomVerdict

GROUP = "/sys/fs/cgroup/service/memory.events.local"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (OomCount(4, GROUP), OomCount(5, GROUP), "likely"),
        (OomCount(4, GROUP), OomCount(4, GROUP), "unlikely"),
        (OomCount(4, GROUP), OomCount(1, GROUP), "unlikely"),  # counted anew: nobody was killed since
        (OomCount(4, GROUP), OomCount(5, "/another"), None),
        (OomCount(4, GROUP), None, None),  # the group went with the process
        (None, OomCount(5, GROUP), None),
        (None, None, None),
        (OomCount(4, score=666), OomCount(5), "possible"),  # somebody on this machine
        (OomCount(4, score=900), OomCount(5), "likely"),  # and it was a large one
        (OomCount(4, score=900), OomCount(4), "unlikely"),
        (OomCount(4), OomCount(5), "possible"),
    ],
)
def test_the_verdict_follows_from_the_counts(
    before: OomCount | None, after: OomCount | None, verdict: OomVerdict | None
) -> None:
    assert judge_oom(before, after, killed=True) == verdict


def test_an_end_by_anything_but_a_foreign_sigkill_is_not_for_want_of_memory() -> None:
    assert judge_oom(OomCount(4, GROUP), OomCount(5, GROUP), killed=False) == "unlikely"
    assert judge_oom(None, None, killed=False) == "unlikely"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is taken for the kernel's; what `/proc/PID/cgroup` says is the real thing."""
    monkeypatch.setattr(oom, "_V1", str(tmp_path / "v1"))
    monkeypatch.setattr(oom, "_V2", str(tmp_path / "v2"))
    monkeypatch.setattr(oom, "_MACHINE", str(tmp_path / "vmstat"))
    return tmp_path


def group_of_this_process(kernel: Path) -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return kernel / "v1" / path.lstrip("/") / "memory.oom_control"
    return kernel / "v2" / path.lstrip("/") / "memory.events.local"


@pytest.mark.skipif(not Path("/proc/self/cgroup").exists(), reason="control groups are Linux's")
def test_the_count_of_its_own_group_comes_first(kernel: Path) -> None:
    group = group_of_this_process(kernel)
    group.parent.mkdir(parents=True)
    group.write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    (kernel / "vmstat").write_text("oom_kill 7\n")
    counted = read_oom_count(os.getpid())
    assert counted == OomCount(2, str(group))
    group.write_text("low 0\noom 4\noom_kill 3\noom_group_kill 0\n")
    assert count_again(counted) == OomCount(3, str(group))
    group.unlink()
    assert count_again(counted) is None


@pytest.mark.skipif(not Path("/proc/self/cgroup").exists(), reason="control groups are Linux's")
def test_without_a_group_the_machine_counts_and_its_score_speaks(kernel: Path) -> None:
    (kernel / "vmstat").write_text("nr_free_pages 1\noom_kill 7\n")
    counted = read_oom_count(os.getpid())
    assert counted is not None
    assert (counted.kills, counted.group) == (7, None)
    assert counted.score is not None
    assert count_again(counted) == OomCount(7)


def test_where_nobody_counts_nothing_is_said(kernel: Path) -> None:
    assert read_oom_count(os.getpid()) is None
    assert count_again(OomCount(1)) is None
