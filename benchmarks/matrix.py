"""Every figure of every side of a benchmark in turns, as a table; and the words for what it ran on.

What lives here: printing. What must not: which sides and figures there are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

from benchmarks.actor_plan import Metric
from benchmarks.actor_rounds import Findings

__all__ = ("machine", "print_matrix")


def print_matrix(
    title: str,
    metrics: Sequence[Metric],
    found: Findings,
    sides: Sequence[str],
    ratio: Callable[[Metric, str], float | None],
) -> None:
    """Print every figure of every side, how it spread, and a ratio of each if it has one."""
    from rich.console import Console
    from rich.table import Table

    there = [side for side in sides if (side, None) not in found.problems]
    table = Table(title=title, show_lines=True)
    for column in ("what", *there):
        table.add_column(column)
    for metric in metrics:
        cells = (_cell(metric, found, side, ratio(metric, side)) for side in there)
        table.add_row(f"{metric.title}\n  {metric.unit}", *cells)
    console = Console(width=210, markup=False)
    console.print(table)
    for side in sides:
        if side not in there:
            console.print(f"{side}: {found.problems[side, None]}")


def _cell(metric: Metric, found: Findings, side: str, ratio: float | None) -> str:
    job, name = metric.job.key, metric.value
    value = found.middle(side, job, name)
    if value is None:
        problem = found.spread(side, job, name)
        return "-" if problem == "it has no such thing" else problem
    times = "" if ratio is None else f"  {ratio:.3g}x"
    values = found.values[side, job, name]
    return f"{_figure(value)}{times}\n{_figure(min(values))}..{_figure(max(values))}"


def _figure(value: float) -> str:
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def machine() -> str:
    """Say what all of it ran on."""
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2g}"
