"""Processes as rows: what their hosts know of them, put together with what the kernel counts.

What lives here: the rows' rules; pure. What must not: who is asked (`processes.py`), how rows are printed
(`process_table.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

from regrow.actors.hosting.seen import ProcessKind, ProcessSeen
from regrow.actors.hosting.usage import Usage
from regrow.actors.hosting.verdicts import Verdict

__all__ = ("ENDED", "UNKNOWN", "ProcessRow", "rows_from_json", "rows_of", "with_cpu_between")

UNKNOWN: Final = "unknown"
"""The state of a process that only the kernel knows: who hosts it did not answer in time."""

ENDED: Final = "ended"
"""The state of a process that is over and waits to be reaped."""

_VERDICTS: Final = {"T": Verdict.STOPPED.value, "t": Verdict.TRACED.value}  # the kernel's plain word
_NUMBER_MAX: Final = 2**63  # of bytes, seconds and all else; neither infinity nor NaN is below it
_LAST: Final = {ProcessKind.OTHER: 1, ProcessKind.ZYGOTE: 2, ProcessKind.SPARE: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessRow:
    """One process. `depth` says below whom it is: the row before it with a smaller one. None: it does not apply, or
    nobody knows.

    `path`: ids from the root of the tree on; `name`: the same, below the process that hosts it. `kind`: "host",
    "actor", "command", "zygote", "spare", or "other" for one that only the kernel knows. Times are seconds.
    """

    depth: int
    path: str
    name: str
    kind: str
    pid: int | None
    state: str
    verdict: str | None = None
    in_flight: int | None = None  # messages that it was given and is not done with
    in_hand: str | None = None  # the message that it works on, in words
    in_hand_seconds: float | None = None
    resident_bytes: int | None = None
    own_bytes: int | None = None  # of these, without mapped files and shared memory
    cpu_seconds: float | None = None
    cpu_percent: float | None = None  # of one processor: since the process began, or between two looks
    restarts: int | None = None  # by its supervisor
    incarnation: int | None = None
    uptime: float | None = None  # since it was ready
    age: float | None = None  # since the process began; a spare is older than what it became

    def to_json(self) -> dict[str, object]:
        """Give it as plain values."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def rows_from_json(found: object) -> tuple[ProcessRow, ...]:
    """Read a list of what `to_json` wrote; unknown keys are passed over. Errors: TypeError, for something else."""
    if not isinstance(found, list):
        raise TypeError("expected a list of processes")
    rows = tuple(map(_row_from_json, found))
    for above, row in zip((None, *rows), rows, strict=False):
        deepest = 0 if above is None else above.depth + 1
        if not 0 <= row.depth <= deepest:
            raise TypeError(f"depth: expected 0 to {deepest}, got {row.depth}")
    return rows


def _row_from_json(data: object) -> ProcessRow:
    if not isinstance(data, dict):
        raise TypeError(f"expected a process, got {data!r:.80}")
    known = {field.name: data[field.name] for field in fields(ProcessRow) if field.name in data}
    row = ProcessRow(**known)
    for field in fields(ProcessRow):
        value = known.get(field.name)
        expected = str(field.type)
        wanted: type | tuple[type, ...] = (int, float) if "float" in expected else int if "int" in expected else str
        if isinstance(value, bool) or not (isinstance(value, wanted) or (value is None and "None" in expected)):
            raise TypeError(f"{field.name}: expected {expected}, got {value!r:.80}")
        if isinstance(value, int | float) and not -_NUMBER_MAX < value < _NUMBER_MAX:
            raise TypeError(f"{field.name}: expected a number that a process can have, got {value!r:.80}")
    return row


def rows_of(
    top: ProcessSeen, below: Mapping[int, Sequence[ProcessSeen]], usage: Mapping[int, Usage]
) -> tuple[ProcessRow, ...]:
    """Put the rows of a tree together, hosts before whom they host, children by their paths, zygotes and spares last.

    `below`: whom a process hosts, by its number. Each process has one row, whoever claims it. Shape: O(n log n),
    iterative.
    """
    rows: list[ProcessRow] = []
    shown: set[int] = set()
    left = [(0, "", top)]
    while left:
        depth, above, seen = left.pop()
        if seen.pid is not None:
            if seen.pid in shown:
                continue
            shown.add(seen.pid)
        rows.append(_row(depth, above, seen, None if seen.pid is None else usage.get(seen.pid)))
        path = rows[-1].path
        hosted = sorted(below.get(seen.pid or 0, ()), key=_place, reverse=True)
        left += [(depth + 1, path, child) for child in hosted]
    return tuple(rows)


def with_cpu_between(
    rows: Sequence[ProcessRow], before: Sequence[ProcessRow], seconds: float
) -> tuple[ProcessRow, ...]:
    """Say what each process took between two looks that are so many seconds apart; a new one as it was."""
    known = {row.pid: row for row in before if row.pid is not None}
    return tuple(_between(row, known.get(row.pid or 0), seconds) for row in rows)


def _between(row: ProcessRow, before: ProcessRow | None, seconds: float) -> ProcessRow:
    if before is None or row.cpu_seconds is None or before.cpu_seconds is None or seconds <= 0:
        return row
    if (row.age or 0.0) < (before.age or 0.0):  # another process got the number
        return row
    return replace(row, cpu_percent=max(0.0, 100 * (row.cpu_seconds - before.cpu_seconds) / seconds))


def _row(depth: int, above: str, seen: ProcessSeen, usage: Usage | None) -> ProcessRow:
    path, name = _names(above, seen, usage)
    state, verdict = seen.state, seen.verdict
    if usage is not None:
        state = ENDED if usage.state in "ZX" else state
        verdict = _VERDICTS.get(usage.state, verdict)
    return ProcessRow(
        depth=depth,
        path=path,
        name=name,
        kind=seen.kind.value,
        pid=seen.pid,
        state=state,
        verdict=verdict,
        in_flight=seen.in_flight,
        in_hand=seen.in_hand,
        in_hand_seconds=seen.in_hand_seconds,
        resident_bytes=None if usage is None else usage.resident_bytes,
        own_bytes=None if usage is None else usage.own_bytes,
        cpu_seconds=None if usage is None else usage.cpu_seconds,
        cpu_percent=None if usage is None or usage.age <= 0 else 100 * usage.cpu_seconds / usage.age,
        restarts=seen.restarts,
        incarnation=seen.incarnation,
        uptime=seen.uptime,
        age=None if usage is None else usage.age,
    )


def _names(above: str, seen: ProcessSeen, usage: Usage | None) -> tuple[str, str]:
    """Give path and name. Who is nobody's child is called by what it is, in brackets."""
    if seen.path:
        inside = above and seen.path.startswith(f"{above}/")
        return seen.path, seen.path[len(above) + 1 :] if inside else seen.path
    word = usage.name if seen.kind is ProcessKind.OTHER and usage is not None else seen.kind.value
    name = f"[{word}]"
    return f"{above}/{name}" if above else name, name


def _place(seen: ProcessSeen) -> tuple[int, list[tuple[int, int | str]], int]:
    parts = [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", seen.path) if part]
    return _LAST.get(seen.kind, 0), list(parts), seen.pid or 0
