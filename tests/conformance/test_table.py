"""The table in docs/reference/conformance.md and the tests say the same."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.case import CASES, SUITES, case

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "conformance.md"
ROW = re.compile(r"^\| ([A-Z]+(?:-\d+)?) \| (.*?) \| (.*?) \|$")
FILE = re.compile(r"`((?:connect/)?test_\w+\.py)`")
ELSEWHERE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
MARK = re.compile(r"^ *@case\(([^()]*)\)", re.MULTILINE)
QUOTED = re.compile(r'"([^"]+)"')
REASON = re.compile(r"^Not applicable: \w.{10,}")
SECTION_OF = {"OTP": "Conformance: OTP"}


@cache
def rows() -> dict[str, list[tuple[str, str, str]]]:
    """By heading: (case, what, test or reason)."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    heading = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif match := ROW.match(line):
            found.setdefault(heading, []).append((match[1], match[2], match[3]))
    return found


@cache
def marked() -> dict[str, set[str]]:
    """By case: the files that have a test for it."""
    found: dict[str, set[str]] = {}
    for path in HERE.rglob("test_*.py"):
        for mark in MARK.finditer(path.read_text(encoding="utf-8")):
            for case_id in QUOTED.findall(mark[1]):
                found.setdefault(case_id, set()).add(str(path.relative_to(HERE)))
    return found


@pytest.mark.parametrize("suite", SUITES)
def test_every_case_has_its_row_in_order(suite: str) -> None:
    assert [row[0] for row in rows()[SECTION_OF.get(suite, suite)]] == list(SUITES[suite])


@pytest.mark.parametrize("suite", SUITES)
def test_every_row_says_what_and_where_or_why_not(suite: str) -> None:
    lacking = [
        f"{case_id}: {what!r}, {shown!r}"
        for case_id, what, shown in rows()[SECTION_OF.get(suite, suite)]
        if len(what) < 5 or not (FILE.search(shown) or ELSEWHERE.search(shown) or REASON.match(shown))
    ]
    assert lacking == []


@pytest.mark.parametrize("suite", SUITES)
def test_every_file_that_a_row_names_has_a_test_for_that_case_and_the_other_way_round(suite: str) -> None:
    wrong = []
    for case_id, _, shown in rows()[SECTION_OF.get(suite, suite)]:
        named, there = set(FILE.findall(shown)), marked().get(case_id, set())
        if named != there:
            wrong.append(f"{case_id}: the row names {sorted(named)}, tests are in {sorted(there)}")
    assert wrong == []


@pytest.mark.parametrize("suite", SUITES)
def test_every_test_elsewhere_that_a_row_names_is_there(suite: str) -> None:
    lacking = [
        f"{case_id}: {path}::{name}"
        for case_id, _, shown in rows()[SECTION_OF.get(suite, suite)]
        for path, name in ELSEWHERE.findall(shown)
        if f"def {name}(" not in (HERE.parents[1] / path).read_text(encoding="utf-8")
    ]
    assert lacking == []


def test_every_marked_case_is_in_the_table() -> None:
    listed = {case_id for section in rows().values() for case_id, _, _ in section}
    assert set(marked()) <= listed
    assert listed == set(CASES)


def test_a_case_that_no_table_has_cannot_be_marked() -> None:
    with pytest.raises(ValueError, match=r"expected ids of docs/reference/conformance.md, got \['O-99'\]"):
        case("O-01", "O-99")
    with pytest.raises(ValueError, match="got none"):
        case()
