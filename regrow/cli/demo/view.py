"""The live view of the demo: progress, heartbeats, what was broken and healed, the tree.

What lives here: drawing one moment. What must not: the demo itself.
"""

from __future__ import annotations

from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from regrow.cli.demo.report import BOUND_MS
from regrow.cli.demo.run import Moment
from regrow.observe.nodes import node_of_description
from regrow.observe.tree_view import rich_tree

__all__ = ("LiveView", "draw")


class LiveView:
    """Draws on a terminal while it is entered. Runs in: the caller's thread."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, moment: Moment) -> None:
        """Draw this moment."""
        self._live.update(draw(moment))


def draw(moment: Moment) -> RenderableType:
    """Turn a moment into something that rich can print."""
    numbers = Table.grid(padding=(0, 2))
    tally, beats = moment.tally, moment.beats
    punctual = beats.worst_lateness_ms <= BOUND_MS
    numbers.add_row("invocations", f"{tally.submitted} submitted, {tally.completed} completed, {tally.failed} failed")
    numbers.add_row(
        "heartbeats",
        Text(
            f"{beats.count} sent, worst {beats.worst_lateness_ms:.1f} ms late (bound {BOUND_MS:g} ms)",
            style="green" if punctual else "red",
        ),
    )
    numbers.add_row("log records", f"{moment.log_records} received from other processes")
    progress = Table.grid()  # a bar alone ends without a new line
    progress.add_row(ProgressBar(total=moment.seconds, completed=min(moment.elapsed, moment.seconds), width=60))
    parts: list[RenderableType] = [
        Text(f"{moment.phase}, {moment.elapsed:.0f} of {moment.seconds:.0f} s", style="bold"),
        progress,
        numbers,
    ]
    if moment.kills:
        broken = Table.grid(padding=(0, 2))
        for kill in moment.kills:
            took = "did not recover" if kill.recovery_ms is None else f"works again after {kill.recovery_ms:.0f} ms"
            broken.add_row(kill.signal, kill.target, Text(took, style="red" if kill.recovery_ms is None else "green"))
        parts.append(Panel(broken, title="broken on purpose", title_align="left"))
    if moment.tree is not None:
        parts.append(Panel(rich_tree(node_of_description(moment.tree)), title="worker", title_align="left"))
    if moment.log_lines:
        parts.append(Text("\n".join(moment.log_lines), style="dim", overflow="ellipsis", no_wrap=True))
    return Group(*parts)
