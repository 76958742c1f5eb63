"""A schedule of restarts as SVG, in plain text, so that a drawing needs no library.

What lives here: drawing. What must not: playing (schedule.py), files.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import Final

from regrow.observe.schedule import Schedule, Spread, Step
from regrow.supervision.policy import format_duration

__all__ = ("schedule_svg",)

_WIDTH: Final = 880
_PANEL: Final = 230  # height of one of the two drawings
_LEFT: Final = 84
_RIGHT: Final = 24
_TOP: Final = 66
_GAP: Final = 70
_INK: Final = "#0a7d4f"
_ALARM: Final = "#c23b22"
_TICKS: Final = 4


def schedule_svg(schedule: Schedule, *, title: str, notes: Sequence[str]) -> str:
    """Draw the delay before each restart, and below it when each restart comes; shades are the spread of the runs.

    `notes` are lines below the title; where the supervisor gives up a dashed line is drawn.
    """
    top = _TOP + 17 * len(notes)
    height = top + 2 * _PANEL + _GAP + 56
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">'
    )
    parts = [
        head,
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(_LEFT, 26, title, size=15),
        *(_text(_LEFT, 46 + 17 * index, note, color="#666", size=12) for index, note in enumerate(notes)),
        *_panel(schedule, top, "delay before a restart", lambda step: step.delay),
        *_panel(schedule, top + _PANEL + _GAP, "time of a restart, from the first death on", lambda step: step.at),
        _text(_WIDTH - _RIGHT, height - 14, "number of the restart", anchor="end", color="#666"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(schedule: Schedule, top: float, name: str, value: Callable[[Step], Spread]) -> Iterator[str]:
    steps = schedule.steps
    tick = _nice(max(value(step).most for step in steps) / _TICKS)
    most = tick * max(1, math.ceil(max(value(step).most for step in steps) / tick - 1e-9))
    slot = (_WIDTH - _LEFT - _RIGHT) / len(steps)

    def y(seconds: float) -> float:
        return top + _PANEL * (1 - seconds / most)

    yield _text(_LEFT, top - 12, name)
    for index in range(round(most / tick) + 1):
        at = y(index * tick)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>'
        yield _text(_LEFT - 8, at + 4, format_duration(index * tick), anchor="end")
    every = math.ceil(len(steps) / 30)
    for index, step in enumerate(steps):
        spread, x = value(step), _LEFT + slot * index
        wide = max(slot * 0.7, 1.0)
        yield (
            f'<rect x="{x + slot * 0.15:.1f}" y="{y(spread.most):.1f}" width="{wide:.1f}" '
            f'height="{max(y(spread.least) - y(spread.most), 0.5):.1f}" fill="{_INK}" fill-opacity="0.25"/>'
        )
        yield (
            f'<rect x="{x + slot * 0.15:.1f}" y="{y(spread.median) - 1.5:.1f}" width="{wide:.1f}" height="3" '
            f'fill="{_INK}"><title>restart {step.restart}: {_said(spread)}</title></rect>'
        )
        if index % every == 0:
            yield _text(x + slot / 2, top + _PANEL + 17, str(step.restart), anchor="middle")
    end = schedule.giving_up
    if end is not None:
        for restarts in sorted(set(end.restarts)):
            x = _LEFT + slot * restarts
            yield (
                f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + _PANEL}" stroke="{_ALARM}" '
                'stroke-width="1.5" stroke-dasharray="6 4"/>'
            )
        first = _LEFT + slot * end.restarts[0]
        yield _text(first + 5, top + 13, "gives up", color=_ALARM)


def _text(x: float, y: float, text: str, *, anchor: str = "start", color: str = "#222", size: int = 13) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}" font-size="{size}"'
    return f"<text {place}>{escape(text)}</text>"


def _said(spread: Spread) -> str:
    if spread.least == spread.most:
        return format_duration(spread.median)
    return f"{format_duration(spread.median)} ({format_duration(spread.least)} to {format_duration(spread.most)})"


def _nice(rough: float) -> float:
    """Give the next of 1, 2 or 5 times a power of ten that is not below; 1 for nothing."""
    if rough <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
