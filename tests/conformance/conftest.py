"""Counts the cases that have been shown, and lends the fixtures of tests/supervision.

`system`: a real ActorSystem on a `clock` that the test moves; `facts`: what its supervisors publish, to wait for.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.supervision.conftest import clock, dispatcher, facts, system

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

__all__ = ("clock", "dispatcher", "facts", "system")

_HERE = Path(__file__).parent
_PROPERTY = "case"


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark that `case` gives."""
    config.addinivalue_line("markers", "case(*ids): the cases of docs/reference/conformance.md that a test shows")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every report of a test say which cases it is about."""
    for item in items:
        if _HERE in item.path.parents:
            ids = [str(case_id) for mark in item.iter_markers("case") for case_id in mark.args]
            item.user_properties += [(_PROPERTY, case_id) for case_id in dict.fromkeys(ids)]


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say how many cases passed: those with a test that did, and none that did not."""
    passed, shown = _cases(terminalreporter, "passed")
    _, failed = _cases(terminalreporter, "failed")
    _, broken = _cases(terminalreporter, "error")
    if not (passed or failed or broken):
        return
    lacking = sorted(failed | broken)
    line = f"conformance: {len(shown - failed - broken)} cases, {passed} tests passed"
    terminalreporter.write_line(line + (f"; not shown: {', '.join(lacking)}" if lacking else ""))


def _cases(reporter: TerminalReporter, outcome: str) -> tuple[int, set[str]]:
    reports: list[Any] = reporter.stats.get(outcome, [])
    found = [{v for k, v in getattr(report, "user_properties", ()) if k == _PROPERTY} for report in reports]
    return sum(bool(ids) for ids in found), {str(case_id) for ids in found for case_id in ids}
