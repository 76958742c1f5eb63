"""What processes cost that are hosted, against what else there is: restarts, memory, starts, messages, payloads.

`python -m benchmarks.processes [--quick] [--json]`. In one run and in turns: regrow's hosted processes by launcher;
multiprocessing by start method, its Pipe and its Queue; ProcessPoolExecutor; loky and pyzmq, put into environments
that are kept in the user's cache; worker threads of Node if `node` is there; and, as "bare", what the system itself
takes. Each side is a process of its own on all cores. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from shutil import which

from benchmarks.actor_plan import Metric
from benchmarks.actor_rounds import Findings, Mode, Scale, run_rounds
from benchmarks.matrix import machine, print_matrix
from benchmarks.other_actors import python_with
from benchmarks.other_supervisors import Unavailable
from benchmarks.process_plan import (
    BARE,
    BLOB,
    JOBS,
    METRICS,
    NOT_BUILT,
    OURS,
    PACKAGES,
    PEERS,
    QUICK_BLOB,
    SLOW,
    TARGETED,
)
from benchmarks.process_remains import MARK, living, settled
from benchmarks.rows import Row, print_rows

__all__ = ("command_of", "main", "metric_rows")

SIDES = (*OURS, *PEERS, BARE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="fewer of everything, under a minute; what is not installed stays out"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    parser.add_argument("--rounds", type=int, default=None, help="default 5, with --quick 1")
    parser.add_argument("--seconds", type=float, default=None, help="for each measurement; default 1")
    parser.add_argument("--sides", default=None, help=f"by comma, of {'; '.join(SIDES)}")
    parser.add_argument("--workloads", default=None, help=f"by comma, of {', '.join(j.workload for j in JOBS)}")
    given = parser.parse_args(arguments)
    scale = Scale(
        rounds=given.rounds or (1 if given.quick else 5),
        seconds=given.seconds or (0.05 if given.quick else 1.0),
        quick=given.quick,
        timeout=60.0 if given.quick else 300.0,
        slow=SLOW,
    )
    sides = [side for side in SIDES if given.sides is None or side in given.sides.split(",")]
    wanted = None if given.workloads is None else given.workloads.split(",")
    jobs = [job for job in JOBS if wanted is None or job.workload in wanted]
    if given.quick:
        jobs = [QUICK_BLOB if job is BLOB else job for job in jobs]
    metrics = [metric for metric in METRICS if metric.job in jobs]

    os.environ[MARK] = str(os.getpid())
    mode = Mode("all cores", frozenset(os.sched_getaffinity(0)))
    found = run_rounds(mode, sides, jobs, scale, commands=command_of)
    left = len(settled(living))
    if not given.json:
        title = f"Processes: median, lowest..highest, how many times as good as it regrow's {TARGETED} is"
        print_matrix(title, metrics, found, sides, partial(_times_as_good, found))
    rows = [row for metric in metrics for row in metric_rows(metric, found, sides)]
    rows.append(Row("processes left behind", left, "", "", None, None, "0", left == 0))
    shown = rows if given.json else _best_peers([row for row in rows if row.target])
    print_rows(f"What is aimed at, against the best of the others; {machine()}", shown, as_json=given.json)
    return 0


def command_of(side: str, cores: int, folder: Path, *, install: bool) -> list[str]:
    """Give the command that is this side. Errors: Unavailable; without `install` also if it is not installed yet."""
    if side == "node Worker":
        node = which("node")
        if node is None:
            raise Unavailable("no `node` on the PATH")
        return [node, str(Path(__file__).with_name("processes.js"))]
    python = python_with(PACKAGES[side], install=install) if side in PACKAGES else sys.executable
    return [str(python), "-m", "benchmarks.process_sides", side]


def metric_rows(metric: Metric, found: Findings, sides: Sequence[str]) -> list[Row]:
    """Give a figure of each of our sides against that of everybody who has one; without a peer if nobody has."""
    peers = [side for side in (*PEERS, BARE) if found.middle(side, metric.job.key, metric.value) is not None]
    return [_row(metric, found, ours, peer) for ours in OURS if ours in sides for peer in peers or [""]]


def _row(metric: Metric, found: Findings, ours: str, peer: str) -> Row:
    job, name = metric.job.key, metric.value
    value, other = found.middle(ours, job, name), found.middle(peer, job, name)
    ratio = None if value is None or other is None else metric.ratio(value, other)
    target, met = "", None
    if ours == TARGETED and metric.at_most is not None:
        target, met = f"<= {metric.at_most:g} {metric.unit}", value is not None and value <= metric.at_most
    elif ours == TARGETED and metric.at_least is not None:
        target, met = f">= {metric.at_least:,g} {metric.unit}", value is not None and value >= metric.at_least
    spread = found.spread(ours, job, name)
    if spread == NOT_BUILT:
        met = None
    return Row(f"{metric.title}, {ours}", value, metric.unit, peer, other, ratio, target, met, spread)


def _times_as_good(found: Findings, metric: Metric, side: str) -> float | None:
    value, other = (found.middle(one, metric.job.key, metric.value) for one in (TARGETED, side))
    return None if value is None or other is None or side == TARGETED else metric.ratio(value, other)


def _best_peers(rows: Sequence[Row]) -> list[Row]:
    """Keep one row of each figure: against the best peer, and against the bare system only if there is no other."""
    best: dict[str, Row] = {}
    for row in rows:
        known = best.get(row.name)
        if known is None or (row.peer != BARE and row.ratio is not None and row.ratio < (known.ratio or 0.0)):
            best[row.name] = row
    return list(best.values())


if __name__ == "__main__":
    raise SystemExit(main())
