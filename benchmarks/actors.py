"""What actors cost: messages, asks, starts, crashes and memory, by dispatcher, against what else there is.

`python -m benchmarks.actors [--quick] [--json]`. In one run and in turns: regrow with each dispatcher; pykka's
ThreadingActor, which the targets are about; asyncio queues and tasks without any actors; thespian and xoscar, put
into an environment that is kept in the user's cache; Erlang/OTP if `erl` is there; and what Python itself takes for
the parts. Each side is a process of its own, first on one core and then on two. `--sides` and `--workloads` name some
of them. Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial

from benchmarks.actor_crowds import crowd_rows, idle_rows, ring_rows
from benchmarks.actor_plan import FLOORS, JOBS, METRICS, OURS, PEER, PEERS, Job, Metric
from benchmarks.actor_rounds import NOT_AVAILABLE, Findings, Mode, Scale, modes, run_rounds
from benchmarks.matrix import machine, print_matrix
from benchmarks.other_actors import STRANGERS
from benchmarks.rows import Row, print_rows

__all__ = ("main", "metric_rows")

SIDES = (*OURS, *PEERS)
FLOOR_JOBS = tuple(Job(name, count, 100 * count) for name, (_, count) in FLOORS.items())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="fewer of everything, under a minute, and without thespian and xoscar"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list of rows")
    parser.add_argument("--rounds", type=int, default=None, help="default 5, with --quick 2")
    parser.add_argument("--seconds", type=float, default=None, help="for each measurement; default 0.5")
    parser.add_argument("--sides", default=None, help=f"by comma, of {'; '.join(SIDES)}")
    parser.add_argument(
        "--workloads", default=None, help=f"by comma, of {', '.join(sorted({j.workload for j in JOBS}))}"
    )
    parser.add_argument("--no-crowds", action="store_true", help="leave out idle crowds and the ring of 100,000")
    given = parser.parse_args(arguments)
    scale = Scale(
        rounds=given.rounds or (2 if given.quick else 5),
        seconds=given.seconds or (0.02 if given.quick else 0.5),
        quick=given.quick,
        timeout=10.0 if given.quick else 300.0,
    )
    sides = _sides(given.sides, quick=given.quick)
    jobs = [job for job in JOBS if given.workloads is None or job.workload in given.workloads.split(",")]

    rows: list[Row] = []
    for mode in modes():
        found = run_rounds(mode, sides, jobs, scale)
        floors = run_rounds(mode, ("floors",), FLOOR_JOBS, scale, tell=lambda _words: None)
        mode_rows = [
            row
            for job in jobs
            for metric in METRICS
            if metric.job == job
            for row in metric_rows(metric, mode, found, sides)
        ]
        mode_rows += floor_rows(mode, floors)
        rows += mode_rows
        if not given.json:
            metrics = [metric for metric in METRICS if metric.job in jobs]
            title = f"Actors on {mode.name}: median, lowest..highest, times as good as pykka"
            print_matrix(title, metrics, found, sides, partial(_times_as_good, found))
            print_floors(mode, floors)
    if not given.no_crowds:
        one_core = modes()[0]
        crowds = [*crowd_rows(one_core, sides, scale), *idle_rows(one_core, sides, scale)]
        crowds += ring_rows(one_core, sides, scale)
        rows += crowds
        if not given.json:
            print_rows("Idle actors, and 100,000 of them in a ring; each in a fresh process", crowds, as_json=False)
    shown = rows if given.json else [row for row in rows if row.target]
    print_rows(f"What is aimed at; {machine()}", shown, as_json=given.json)
    return 0


def _sides(named: str | None, *, quick: bool) -> list[str]:
    """Give those that take part: pykka always, without a choice and time those that are near."""
    if named is not None:
        return [side for side in SIDES if side in named.split(",") or side == PEER]
    return [side for side in SIDES if not (quick and side in STRANGERS)]


def metric_rows(metric: Metric, mode: Mode, found: Findings, sides: Sequence[str]) -> list[Row]:
    """Give a figure of each of our sides against pykka's, and of the pool against everybody else's."""
    pairs = [(ours, PEER) for ours in OURS if ours in sides]
    pairs += [("pool", peer) for peer in PEERS if peer != PEER and peer in sides and "pool" in sides]
    return [_row(metric, mode, found, ours, peer) for ours, peer in pairs]


def _row(metric: Metric, mode: Mode, found: Findings, ours: str, peer: str) -> Row:
    job, name = metric.job.key, metric.value
    value, other = found.middle(ours, job, name), found.middle(peer, job, name)
    ratio = None if value is None or other is None else metric.ratio(value, other)
    target, met = "", None
    if ours == "pool" and peer == PEER and metric.targets is not None:
        wanted = metric.targets[len(mode.cores) - 1]
        target, met = f">= {wanted:g}x", ratio is not None and ratio >= wanted
    elif ours == "pool" and peer == PEER and metric.at_most is not None:
        target, met = f"<= {metric.at_most:g} {metric.unit}", value is not None and value <= metric.at_most
    if found.problems.get((ours, None)) == NOT_AVAILABLE:
        met = None
    title = f"{_title(metric)}, {ours}, {mode.name}"
    return Row(title, value, metric.unit, peer, other, ratio, target, met, found.spread(ours, job, name))


def _times_as_good(found: Findings, metric: Metric, side: str) -> float | None:
    value, peer = (found.middle(one, metric.job.key, metric.value) for one in (side, PEER))
    return None if value is None or peer is None or side == PEER else metric.ratio(value, peer)


def _title(metric: Metric) -> str:
    """Name a figure by itself: one that is shown below another one of its job says only what is different."""
    if not metric.title.startswith("  "):
        return metric.title
    above = next(other for other in METRICS if other.job == metric.job)
    return f"{above.title.rpartition(',')[0]},{metric.title[1:]}"


def floor_rows(mode: Mode, floors: Findings) -> list[Row]:
    """Give what Python itself takes."""
    rows = []
    for job in FLOOR_JOBS:
        unit = FLOORS[job.workload][0]
        value, spread = floors.middle("floors", job.key, unit), floors.spread("floors", job.key, unit)
        rows.append(Row(f"floor: {job.workload}, {mode.name}", value, unit, "", None, None, "", None, spread))
    return rows


def print_floors(mode: Mode, floors: Findings) -> None:
    """Print what no runtime in Python can go below."""
    print_rows(f"Python itself on {mode.name}", floor_rows(mode, floors), as_json=False)


if __name__ == "__main__":
    raise SystemExit(main())
