"""A schedule of restarts for the terminal.

What lives here: a table, its bars, and one line on giving up. What must not: playing (schedule.py), SVG
(schedule_svg.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from regrow.actors.child_spec import Delays
from regrow.observe.schedule import Schedule, Spread
from regrow.supervision.policy import format_duration
from regrow.supervision.policy.kinds import NO_INITIAL, plain_backoff

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ("backoff_text", "giving_up_text", "schedule_table")

_BAR: Final = 32  # characters
_NUMBERS: Final = ("factor", "random_factor", "jitter", "wait")


def backoff_text(delays: Delays) -> str:
    """Say what a backoff is in one line, in the words of a policy file.

    >>> from regrow.supervision.backoff import LadderBackoff
    >>> backoff_text(LadderBackoff([0, 0.25, 60]))
    'ladder, steps 0s 250ms 1m, initial none, reset_after 30s'
    """
    try:
        table = plain_backoff(delays)
    except ValueError:  # of one's own: its own words are the best there are
        return repr(delays)
    return ", ".join([str(table.pop("kind")), *(f"{key} {_value(key, value)}" for key, value in table.items())])


def _value(key: str, value: object) -> str:
    if isinstance(value, list):
        return " ".join(format_duration(step) for step in value)
    if isinstance(value, int | float) and key not in _NUMBERS:
        return format_duration(value)
    return NO_INITIAL if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def giving_up_text(schedule: Schedule) -> str:
    """Say when the supervisor of a child that dies at once gives up."""
    end, count = schedule.giving_up, len(schedule.steps)
    if end is None:
        return f"A supervisor whose child dies at once has not given up after {count} restarts."
    fewest, most = end.restarts
    times = f"{most} restart{'' if most == 1 else 's'}" if fewest == most else f"{fewest} to {most} restarts"
    rarely = "" if end.share == 1 else f" in {end.share:.0%} of the runs"
    at = "at its first death" if most == 0 else f"{_span(end.at)} after its first death"
    return f"A supervisor whose child dies at once gives up{rarely} after {times}, {at}."


def schedule_table(schedule: Schedule) -> Table:
    """Lay the steps out as a table, one restart a row, with the spread of its delay as a bar."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", highlight=False)
    for name in ("restart", "least", "median", "most"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("delay", style="cyan", no_wrap=True)
    table.add_column("comes at", justify="right", no_wrap=True)
    last = len(schedule.steps) if schedule.giving_up is None else schedule.giving_up.restarts[1]
    longest = max(step.delay.most for step in schedule.steps)
    for step in schedule.steps:
        delay = step.delay
        table.add_row(
            str(step.restart),
            format_duration(delay.least),
            format_duration(delay.median),
            format_duration(delay.most),
            _bar(delay, longest),
            _span(step.at),
            style="dim" if step.restart > last else "",  # never comes
        )
    return table


def _span(spread: Spread) -> str:
    least, middle, most = (format_duration(value) for value in (spread.least, spread.median, spread.most))
    return middle if least == most else f"{middle} ({least} to {most})"


def _bar(delay: Spread, longest: float) -> str:
    """Draw from 0 to the most: a line up to the least, a spread from there on, a mark at the median."""
    if delay.most <= 0:
        return ""
    least, middle, most = (round(value / longest * (_BAR - 1)) for value in (delay.least, delay.median, delay.most))
    cells = ["─" if at < least else "░" for at in range(most + 1)]
    cells[middle] = "█"
    return "".join(cells)
