"""The cases that this suite shows, and the mark that says which test shows which.

The ids are those of docs/reference/conformance.md, where each is described: its last column names the files that have
tests marked `@case("O-01")`, or says "Not applicable: why". One case may have several tests, one test several cases.
"""

from __future__ import annotations

from itertools import chain
from typing import Final

import pytest

__all__ = ("CASES", "SUITES", "case")


def _ids(prefix: str, numbers: str) -> tuple[str, ...]:
    """Give the ids for numbers like "1-3 7"."""
    found: list[int] = []
    for part in numbers.split():
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(f"{prefix}-{number:02}" for number in found)


SUITES: Final[dict[str, tuple[str, ...]]] = {
    "OTP": _ids(
        "O",
        "1 2 4-6 8-10 12-14 16-22 24-26 28-30 32-34 36-38 40-42 44-46 48-50 52-54 56-58 60-62 64-66 68-74 77 78 80-82"
        " 84-86 93",
    ),
    "Elixir Supervisor": _ids("ES", "1 2 4-6 8-10 12-14 16"),
    "Elixir DynamicSupervisor": _ids("ED", "1 2 5 6 9 10 14 16-18 20-22 24-26 28-30 32-38 40 41"),
    "Elixir PartitionSupervisor": _ids("EP", "1 2 4-10 13 14 16-18"),
    "Elixir Task.Supervisor, Registry, GenServer": (*_ids("ET", "1-16"), "ER", "EG"),
    "suture": _ids("S", "1 2 4-6 8-10 12-18 20-22 24-26 28 29"),
    "Akka": _ids(
        "A",
        "1 2 4-6 9 10 12-18 24-26 28-30 32-34 36-38 40-42 44-50 52-58 60-66 68-70 72-74 76-94 100-102 105 106 109 110"
        " 113 114 116-118 120-122 125 126 133-158",
    ),
    "ractor": _ids("R", "1-6 9 10 12-14 16-18 21-34 37-40"),
    "triotp": _ids("P", "1-6"),
    "Bug classes": _ids("B", "1-58"),
    "inngest-js connect": _ids("J", "1-13 16 21-54"),
    "inngest-py connect": _ids("Y", "1-22"),
    "inngest gateway": _ids("G", "1-6 8-31 40-45 50-58"),
    "Tested by nobody": _ids("N", "1-13"),
}
"""By section of the table: the ids in their order."""

CASES: Final = tuple(chain.from_iterable(SUITES.values()))


def case(*ids: str) -> pytest.MarkDecorator:
    """Mark a test, or a class of tests, as showing these cases.

    Errors: ValueError for an id that no table has.
    >>> case("O-01").args
    ('O-01',)
    """
    unknown = [case_id for case_id in ids if case_id not in CASES]
    if unknown or not ids:
        raise ValueError(f"case: expected ids of docs/reference/conformance.md, got {unknown or 'none'}")
    return pytest.mark.case(*ids)
