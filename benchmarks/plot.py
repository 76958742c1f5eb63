"""A scatter plot on a logarithmic scale as SVG, in plain text, so that a plot needs no library.

What lives here: drawing. What must not: measuring.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ("write_lateness_plot",)

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 880, 420, 90, 60, 50
_COLORS = ("#0a7d4f", "#c23b22", "#2b59c3")
_FONT = 'font-family="sans-serif" font-size="13"'
_DECADES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 10_000.0)


def write_lateness_plot(path: Path, series: Mapping[str, Sequence[tuple[float, float]]], *, bound_ms: float) -> None:
    """Draw points (seconds since the start, milliseconds late) of each series, and the bound as a dashed line."""
    longest = max((x for points in series.values() for x, _ in points), default=1.0) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" {_FONT}>',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="24" font-size="15">How late each heartbeat was, while user code holds the GIL</text>',
    ]
    for decade in _DECADES:
        y = _y(decade)
        label = f"{decade:g} ms" if decade < 1000 else f"{decade / 1000:g} s"
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    bound = _y(bound_ms)
    parts.append(
        f'<line x1="{_LEFT}" x2="{_WIDTH - 20}" y1="{bound:.1f}" y2="{bound:.1f}" '
        'stroke="#888" stroke-dasharray="6 4"/>'
    )
    parts.append(
        f'<text x="{_WIDTH - 24}" y="{bound - 5:.1f}" text-anchor="end" fill="#666">bound {bound_ms:g} ms</text>'
    )
    for index, (name, points) in enumerate(series.items()):
        color = _COLORS[index % len(_COLORS)]
        parts.extend(
            f'<circle cx="{_x(x, longest):.1f}" cy="{_y(y):.1f}" r="2.6" fill="{color}" fill-opacity="0.7"/>'
            for x, y in points
        )
        worst = max((y for _, y in points), default=0.0)
        x_legend = _LEFT + index * 260
        parts.append(f'<circle cx="{x_legend}" cy="{_HEIGHT - 14}" r="5" fill="{color}"/>')
        parts.append(f'<text x="{x_legend + 10}" y="{_HEIGHT - 10}">{name} (worst {worst:.0f} ms)</text>')
    parts.append(f'<text x="{_WIDTH - 20}" y="{_HEIGHT - 36}" text-anchor="end">{longest:.0f} s</text></svg>')
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")


def _x(seconds: float, longest: float) -> float:
    return _LEFT + (_WIDTH - 20 - _LEFT) * seconds / longest


def _y(milliseconds: float) -> float:
    low, high = math.log10(_DECADES[0]), math.log10(_DECADES[-1])
    share = (math.log10(max(milliseconds, _DECADES[0])) - low) / (high - low)
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * share
