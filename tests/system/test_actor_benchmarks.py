"""The program that compares actors measures every workload of every side, or says why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.system


@pytest.mark.slow
def test_the_benchmark_of_actors_gives_a_row_for_each_figure(tmp_path: Path) -> None:
    sizes = ["--rounds=1", "--seconds=0.001", "--sides=thread,plain asyncio,xoscar", "--no-crowds"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.actors", "--quick", "--json", *sizes],
        cwd=ROOT,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    rows = {(row["name"], row["peer"]): row for row in json.loads(done.stdout)}
    for what in (
        "tell 1->1",
        "tell 8->1",
        "ask from an actor, p50",
        "proxy call, p50",
        "crash -> next life answers, p50",
    ):
        row = rows[f"{what}, thread, one core", "pykka"]
        assert row["value"] > 0, row["spread"]
        assert row["peer_value"] > 0
        assert row["ratio"] > 0
    assert rows["floor: method call, one core", ""]["value"] > 0


def test_a_figure_without_a_value_says_why_and_is_not_called_met() -> None:
    from benchmarks.actor_plan import METRICS
    from benchmarks.actor_rounds import Findings, Mode
    from benchmarks.actors import metric_rows

    found = Findings()
    metric = METRICS[0]
    mode = Mode("one core", frozenset({0}))
    found.add("pykka", metric.job.key, {metric.value: 100.0})
    found.problems["pool", None] = "not available"
    (row,) = metric_rows(metric, mode, found, ("pool", "pykka"))
    assert (row.value, row.spread, row.met) == (None, "not available", None)
    found.problems["pool", None] = "it ended with 1"
    (row,) = metric_rows(metric, mode, found, ("pool", "pykka"))
    assert (row.spread, row.met) == ("it ended with 1", False)
    found.add("pool", metric.job.key, {metric.value: 290.0})
    (row,) = metric_rows(metric, mode, found, ("pool", "pykka"))
    assert (row.ratio, row.met) == (2.9, False)
    found.add("pool", metric.job.key, {metric.value: 330.0})
    (row,) = metric_rows(metric, mode, found, ("pool", "pykka"))
    assert (row.value, row.spread, row.met) == (310.0, "290..330", True)


def test_a_side_that_hangs_is_ended_and_said_to_hang() -> None:
    from benchmarks.actor_serving import Side, SideFailed

    program = "import sys; print('{\"ready\": true}', flush=True); sys.stdin.readline(); sys.stdin.read()"
    side = Side([sys.executable, "-c", program], frozenset(os.sched_getaffinity(0)))
    try:
        with pytest.raises(SideFailed, match=r"no answer within 0\.1 s"):
            side.measure("tell", 1, 1, 0.1)
    finally:
        side.close()
