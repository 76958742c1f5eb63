"""The rules between the keys of one backoff or intensity: which kind has which, what a kind needs, what fits together.

What lives here: checks on raw tables. What must not: the type of each value, which is pydantic's; values.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from .durations import format_duration, parse_duration
from .faults import Fault
from .kinds import BACKOFFS, INTENSITIES, NEEDED, Kinds, keys_of
from .mistakes import KeyPath

__all__ = ("backoff_faults", "intensity_faults")

Table: TypeAlias = Mapping[str, object]

_SPANS: Final[Mapping[str, tuple[str, str]]] = {
    "exponential": ("base", "cap"),
    "decorrelated": ("base", "cap"),
    "akka": ("min_backoff", "max_backoff"),
}


def backoff_faults(path: KeyPath, table: object, inherited: Table | None) -> Iterator[Fault]:
    """Give what is wrong with a backoff. `inherited`: the keys that it is laid over, None where that is not known."""
    if not isinstance(table, dict):
        return
    yield from _strangers(path, table, inherited, BACKOFFS)
    kind = _kind(table, inherited, BACKOFFS)
    same = inherited is not None and _kind({}, inherited, BACKOFFS) == kind
    needed = NEEDED.get(kind or "")
    if needed is not None and needed not in table and "kind" in table and inherited is not None and not same:
        yield Fault(path, f'`{needed}` beside kind = "{kind}"')
    below = inherited if same or inherited is None else {}
    for spanned in ("exponential", "akka") if kind is None else (kind,):
        if spanned in _SPANS:
            yield from _span(path, table, spanned, below)


def intensity_faults(path: KeyPath, table: object, inherited: Table | None) -> Iterator[Fault]:
    """Give what is wrong with an intensity; `inherited` as for `backoff_faults`."""
    if isinstance(table, dict):
        yield from _strangers(path, table, inherited, INTENSITIES)


def _kind(table: Table, inherited: Table | None, kinds: Kinds) -> str | None:
    """Give the kind that counts, None where it is not known or no kind at all."""
    default = None if inherited is None else inherited.get("kind", next(iter(kinds)))
    kind = table.get("kind", default)
    return kind if isinstance(kind, str) and kind in kinds else None


def _strangers(path: KeyPath, table: Table, inherited: Table | None, kinds: Kinds) -> Iterator[Fault]:
    homes = {key: [kind for kind in kinds if key in keys_of(kind, kinds)] for key in table if key != "kind"}
    kind = _kind(table, inherited, kinds)
    if kind is None:
        known = {key: home for key, home in homes.items() if home}
        if "kind" not in table and known and not set.intersection(*map(set, known.values())):
            yield Fault(path, f"keys that one kind has together, not {', '.join(known)}")
        return
    known_keys = keys_of(kind, kinds)
    origin = "" if "kind" in table else " (inherited)" if inherited and "kind" in inherited else " (the default)"
    for key, home in homes.items():
        if home and key not in known_keys:
            expected = f'no such key with kind = "{kind}"{origin}, which has {", ".join(known_keys)}'
            guess = f'kind = "{home[0]}"' if len(home) == 1 and "kind" not in table else ""
            yield Fault((*path, key), expected, table[key], guess)


def _span(path: KeyPath, table: Table, kind: str, inherited: Table | None) -> Iterator[Fault]:
    """Two keys of which the second may not be below the first. Unreadable values are somebody else's mistake."""
    low, high = _SPANS[kind]
    default = BACKOFFS[kind]()
    bounds = {low: 0.0, high: math.inf} if inherited is None else {key: getattr(default, key) for key in (low, high)}
    for source in (inherited or {}, table):
        for key in bounds:
            with contextlib.suppress(KeyError, ValueError):
                bounds[key] = parse_duration(source[key])
    if bounds[high] >= bounds[low]:
        return
    if high in table:
        yield Fault((*path, high), f"at least as long as {low}, {format_duration(bounds[low])}", table[high])
    elif low in table:
        yield Fault((*path, low), f"at most as long as {high}, {format_duration(bounds[high])}", table[low])
