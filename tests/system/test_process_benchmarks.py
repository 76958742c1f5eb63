"""The program that compares processes measures what it says, checks that it has happened, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import process_remains
from benchmarks.actor_plan import Metric
from benchmarks.actor_rounds import Findings
from benchmarks.process_goods import KINDS, Bin, Tally, payloads, small, tallied
from benchmarks.process_plan import ASK, LOAD, METRICS, NOT_BUILT, TELL
from benchmarks.processes import metric_rows

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.system


@pytest.mark.slow
def test_the_benchmark_of_processes_gives_a_row_for_each_figure(tmp_path: Path) -> None:
    chosen = ["--seconds=0.001", "--sides=zygote,mp Pipe,loky,bare", "--workloads=crash,memory,tell,ask,payload,blob"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.processes", "--quick", "--json", *chosen],
        cwd=ROOT,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
    )
    assert done.returncode == 0, done.stderr
    rows = {(row["name"], row["peer"]): row for row in json.loads(done.stdout)}
    for what, peer in (
        ("killed -> replacement ready, p50", "bare"),
        ("private memory of an idle child", "bare"),
        ("small messages, parent to child", "mp Pipe"),
        ("round trip, p50", "mp Pipe"),
        ("1 MiB payloads, one way", "bare"),
        ("16 MiB handed over, p50", "bare"),
    ):
        row = rows[f"{what}, zygote", peer]
        assert row["value"] > 0, row["spread"]
        assert row["peer_value"] > 0
        assert row["ratio"] > 0
        assert row["met"] in {True, False, None}
    assert rows["processes left behind", ""]["value"] == 0


def found(metric: Metric, **values: float) -> Findings:
    findings = Findings()
    for side, value in values.items():
        findings.add(side.replace("_", " "), metric.job.key, {metric.value: value})
    return findings


def metric_of(job: object) -> Metric:
    return next(metric for metric in METRICS if metric.job == job)


def test_a_target_is_about_the_zygote_and_compares_as_it_says() -> None:
    tell, ask = metric_of(TELL), metric_of(ASK)
    (ours, theirs) = metric_rows(tell, found(tell, zygote=500_000, exec=300_000, mp_Pipe=100_000), ("zygote", "exec"))
    assert (ours.peer, ours.ratio, ours.target, ours.met) == ("mp Pipe", 5.0, ">= 400,000 /s", True)
    assert (theirs.ratio, theirs.target, theirs.met) == (3.0, "", None)
    (row,) = metric_rows(tell, found(tell, zygote=399_999), ("zygote",))
    assert (row.peer, row.met) == ("", False)
    (row,) = metric_rows(ask, found(ask, zygote=60.0, bare=15.0), ("zygote",))
    assert (row.ratio, row.target, row.met) == (0.25, "<= 30 us", False)


def test_what_is_not_built_is_neither_met_nor_missed_and_what_fails_is_missed() -> None:
    load = metric_of(LOAD)
    findings = Findings()
    findings.problems["zygote", load.job.key] = NOT_BUILT
    (row,) = metric_rows(load, findings, ("zygote",))
    assert (row.value, row.spread, row.met) == (None, NOT_BUILT, None)
    findings.problems["zygote", load.job.key] = "failed: AssertionError"
    (row,) = metric_rows(load, findings, ("zygote",))
    assert (row.spread, row.met) == ("failed: AssertionError", False)


def test_messages_that_are_lost_or_damaged_are_noticed() -> None:
    tally = Tally()
    for number in range(10):
        tally.take(small(number))
    assert tally.said() == tallied(10)
    for number in (0, 1, 1):
        tally.take(small(number))
    assert tally.said() != tallied(3)

    goods = payloads(100)
    taken = Bin(100)
    for number in range(2 * KINDS):
        taken.take(goods[number % KINDS])
    assert taken.said() == [2 * KINDS, 0]
    taken.take(goods[1])  # out of order
    taken.take(goods[1][:-1])  # too short
    assert taken.said() == [2 * KINDS + 2, 2]


def test_a_workload_that_leaves_something_behind_fails_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_remains, "SETTLE_SECONDS", 0.05)
    left: list[subprocess.Popen[bytes]] = []

    def leave_a_process(_count: int, _size: int) -> dict[str, float]:
        left.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return {}

    def leave_a_descriptor(_count: int, _size: int) -> dict[str, float]:
        opened.append(os.open("/dev/null", os.O_RDONLY))
        return {}

    opened: list[int] = []
    workloads = process_remains.leaving_nothing(
        {"process": leave_a_process, "descriptor": leave_a_descriptor, "nothing": lambda _count, _size: {"s": 1.0}}
    )
    try:
        assert workloads["nothing"](1, 1) == {"s": 1.0}
        with pytest.raises(AssertionError, match=r"left behind: processes \[\d+\], descriptors \{\}"):
            workloads["process"](1, 1)
        with pytest.raises(AssertionError, match=r"processes \[\], descriptors \{\d+: '/dev/null'\}"):
            workloads["descriptor"](1, 1)
    finally:
        for process in left:
            process.kill()
            process.wait()
        for fd in opened:
            os.close(fd)


def test_a_process_of_this_run_is_found_whoever_its_parent_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(process_remains.MARK, f"test-{os.getpid()}")
    program = (
        "import subprocess, sys; quiet = subprocess.DEVNULL; "
        "print(subprocess.Popen([sys.executable, '-c', 'input()'], stdin=0, stdout=quiet, stderr=quiet).pid)"
    )
    read, write = os.pipe()
    try:
        said = subprocess.run([sys.executable, "-c", program], stdin=read, capture_output=True, text=True, check=True)
        orphan = int(said.stdout)
        assert orphan in process_remains.living()
    finally:
        os.close(read)
        os.close(write)
    deadline = time.monotonic() + 5.0
    while orphan in process_remains.living() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert orphan not in process_remains.living()
