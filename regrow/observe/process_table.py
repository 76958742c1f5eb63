"""Processes as a table: for a terminal of some width, and for other programs.

What lives here: columns, and which of them there is room for; pure. What must not: where rows come from; escapes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from regrow.observe.process_rows import ProcessRow

__all__ = ("WIDTH_MIN", "plain_lines", "table_lines")

WIDTH_MIN: Final = 28
"""Columns of the screen; what is narrower is taken for this."""

NAME_MIN: Final = 16  # for the name, before less important columns go
IN_HAND_MIN: Final = 14  # the same for the message in hand
_GAP: Final = "  "
_NOTHING: Final = "-"


def table_lines(rows: Sequence[ProcessRow], width: int) -> list[str]:
    """Draw the tree, a heading first, in so many columns: the least important ones go, then texts are cut.

    >>> row = ProcessRow(depth=0, path="a", name="a", kind="host", pid=7, state="running")
    >>> table_lines([row, row], 24)[:2]
    ['NAME  PID  STATE', 'a       7  running']
    """
    names = _drawn_names(rows)
    cells = {column: [column.title, *(_printable(column.text(row)) for row in rows)] for column in _COLUMNS}
    cells[_NAME] = [_NAME.title, *names]
    shown = [column for column in _COLUMNS if column.always or any(text != _NOTHING for text in cells[column][1:])]
    wide = {column: max(map(_columns, cells[column])) for column in shown}
    width = max(WIDTH_MIN, width)
    for column in sorted(shown, key=lambda column: column.rank, reverse=True):
        if _least(shown, wide) <= width or column.rank == 0:
            break
        shown.remove(column)
    for column in (_IN_HAND, _NAME):  # whatever is too much is cut from these
        if column in shown:
            over = _total(shown, wide) - width
            least = min(wide[column], column.least or wide[column])
            wide[column] = max(least, wide[column] - max(0, over))
    return [_clipped(_line(shown, wide, cells, index), width).rstrip() for index in range(len(rows) + 1)]


def plain_lines(rows: Sequence[ProcessRow]) -> list[str]:
    """Write one row a line for other programs: paths instead of a drawn tree, and no blanks but in the last column."""
    columns = [column for column in _COLUMNS if column is not _IN_HAND]
    lines: list[list[str]] = [[column.title.replace(" ", "-") for column in columns] + [_IN_HAND.title]]
    for row in rows:
        texts = [row.path if column is _NAME else column.text(row) for column in columns]
        lines.append(["_".join(text.split()) or _NOTHING for text in texts] + [_IN_HAND.text(row)])
    lines = [[_printable(text) for text in line] for line in lines]
    wide = [max(_columns(line[index]) for line in lines) for index in range(len(columns))]
    return [_GAP.join([*map(_filled, line, columns, wide), line[-1]]).rstrip() for line in lines]


@dataclass(frozen=True, eq=False, slots=True)
class _Column:
    """`rank`: the higher, the sooner it goes where there is no room. `least`: how short it may be cut; 0: not."""

    title: str
    rank: int
    text: Callable[[ProcessRow], str]
    right: bool = False
    least: int = 0
    always: bool = False  # also if there is nothing in it


def _in_hand(row: ProcessRow) -> str:
    if not row.in_hand:
        return _NOTHING
    text = _printable(row.in_hand)
    return text if row.in_hand_seconds is None else f"{_time(row.in_hand_seconds)} {text}"


def _time(seconds: float | None) -> str:
    """Write a time in at most six characters.

    >>> [_time(seconds) for seconds in (0.0042, 9.94, 61, 7260, 200000)]
    ['4ms', '9.9s', '1m01s', '2h01m', '2d07h']
    """
    if seconds is None:
        return _NOTHING
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    whole = int(seconds)
    if whole < 10:
        return f"{seconds:.1f}s"
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole // 60 % 60:02}m"
    return f"{whole // 86400}d{whole // 3600 % 24:02}h"


def _size(size_bytes: int | None) -> str:
    """Write a size in at most five characters.

    >>> [_size(n) for n in (0, 900 * 1024, 5 * 2**20, 1536 * 2**20, None)]
    ['0K', '900K', '5.0M', '1.5G', '-']
    """
    if size_bytes is None:
        return _NOTHING
    size = size_bytes / 1024
    for unit in "KMG":
        if size < 1000 or unit == "G":
            return f"{size:.1f}{unit}" if size < 10 and unit != "K" else f"{size:.0f}{unit}"
        size /= 1024
    raise AssertionError("a size in units above G")


def _number(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.0f}"


def _percent(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _life(row: ProcessRow) -> str:
    return _NOTHING if row.incarnation is None else f"{_number(row.restarts)}/{row.incarnation}"


_NAME: Final = _Column("NAME", 0, lambda row: row.name, least=NAME_MIN, always=True)
_IN_HAND: Final = _Column("IN HAND", 3, _in_hand, least=IN_HAND_MIN)
_COLUMNS: Final = (
    _NAME,
    _Column("PID", 0, lambda row: _number(row.pid), right=True, always=True),
    _Column("STATE", 1, lambda row: row.state, always=True),
    _Column("VERDICT", 2, lambda row: row.verdict or _NOTHING),
    _Column("MSGS", 6, lambda row: _number(row.in_flight), right=True),
    _Column("MEM", 4, lambda row: _size(row.resident_bytes), right=True),
    _Column("OWN", 10, lambda row: _size(row.own_bytes), right=True),
    _Column("CPU%", 5, lambda row: _percent(row.cpu_percent), right=True),
    _Column("TIME", 9, lambda row: _time(row.cpu_seconds), right=True),
    _Column("RESTARTS/LIFE", 8, _life, right=True),
    _Column("UP", 7, lambda row: _time(row.uptime if row.uptime is not None else _age(row)), right=True),
    _IN_HAND,
)


def _age(row: ProcessRow) -> float | None:
    """Of who is nobody's child: it has no start to be ready after."""
    return row.age if row.incarnation is None else None


def _line(shown: Sequence[_Column], wide: dict[_Column, int], cells: dict[_Column, list[str]], index: int) -> str:
    return _GAP.join(_filled(_cut(cells[column][index], wide[column]), column, wide[column]) for column in shown)


def _filled(text: str, column: _Column, width: int) -> str:
    blanks = " " * (width - _columns(text))
    return blanks + text if column.right else text + blanks


def _cut(text: str, width: int) -> str:
    return text if _columns(text) <= width else f"{_clipped(text, width - 1)}…"


def _clipped(text: str, width: int) -> str:
    while _columns(text) > width:
        text = text[: width - _columns(text)] if text.isascii() else text[:-1]
    return text


def _columns(text: str) -> int:
    """Say how many columns of a screen a text takes: letters of East Asia take two, accents on the one before none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _total(shown: Sequence[_Column], wide: dict[_Column, int]) -> int:
    return sum(wide[column] for column in shown) + len(_GAP) * (len(shown) - 1)


def _least(shown: Sequence[_Column], wide: dict[_Column, int]) -> int:
    return _total(shown, {column: min(wide[column], column.least or wide[column]) for column in shown})


def _drawn_names(rows: Sequence[ProcessRow]) -> list[str]:
    """Put lines before the names, so that they show who hosts whom. Shape: O(rows times depth), iterative."""
    drawn: list[str] = []
    more: list[bool] = []  # at each depth, whether another row of the same parent is to come, seen from below
    for row in reversed(rows):
        del more[row.depth + 1 :]
        more += [False] * (row.depth + 1 - len(more))
        lead = "".join("│ " if later else "  " for later in more[1 : row.depth])
        elbow = "" if row.depth == 0 else "├ " if more[row.depth] else "└ "
        drawn.append(f"{lead}{elbow}{_printable(row.name)}")
        more[row.depth] = True
    return drawn[::-1]


def _printable(text: str) -> str:
    """Keep what would move the cursor off the screen: names and messages are other people's."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
