"""What a benchmark prints: our value, a peer's value from the same run, their ratio, and the target.

What lives here: the row and its two forms, table and JSON. What must not: measuring.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass

__all__ = ("Row", "median_and_spread", "print_rows")


@dataclass(frozen=True, slots=True)
class Row:
    """One measured thing. `met` compares as the target says; a target that is not met stays listed as not met.

    Without a value, `spread` says why there is none.
    """

    name: str
    value: float | None
    unit: str
    peer: str
    peer_value: float | None
    ratio: float | None
    target: str
    met: bool | None
    spread: str = ""


def median_and_spread(values: Sequence[float]) -> tuple[float, str]:
    """Give the median and `lowest..highest` of at least one value."""
    return statistics.median(values), f"{min(values):.3g}..{max(values):.3g}"


def print_rows(title: str, rows: Sequence[Row], *, as_json: bool) -> None:
    """Print the rows on stdout, as one JSON list or as a table."""
    if as_json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for column in ("what", "regrow", "spread", "peer", "its value", "ratio", "target", "met"):
        table.add_column(column)
    for row in rows:
        table.add_row(
            row.name,
            "" if row.value is None else f"{row.value:.4g} {row.unit}",
            row.spread,
            row.peer,
            "" if row.peer_value is None else f"{row.peer_value:.4g} {row.unit}",
            "" if row.ratio is None else f"{row.ratio:.3g}x",
            row.target,
            {True: "yes", False: "NO", None: ""}[row.met],
        )
    Console(width=160, markup=False).print(table)
