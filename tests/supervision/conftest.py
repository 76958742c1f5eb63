"""A system on a clock that stands still, and what its supervisors publish."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regrow.actors import ActorSystem
from regrow.actors.dispatchers import NAMES
from regrow.actors.testing import ManualClock
from tests.supervision.facts import Facts
from tests.supervision.steps import STEPS

OVER_ALL = {
    "test_supervisor",
    "test_dynamic",
    "test_dynamic_end",
    "test_partition",
    "test_task_supervisor",
    "test_tree",
    "test_circles",
    "test_circles_of_starts",
    "test_reconfigure_real",
}
"""Where supervisors and their children run over every dispatcher; elsewhere over threads."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """As in tests/actors: a mark says which tests are of some dispatchers only."""
    if "dispatcher" in metafunc.fixturenames and metafunc.definition.path.stem in OVER_ALL:
        marker = metafunc.definition.get_closest_marker("dispatchers")
        metafunc.parametrize("dispatcher", NAMES if marker is None else marker.args, scope="function")


@pytest.fixture
def dispatcher() -> str:
    return "thread"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def system(clock: ManualClock, dispatcher: str) -> Iterator[ActorSystem]:
    system = ActorSystem("test", clock=clock, dispatcher=dispatcher)
    yield system
    assert system.shutdown(5.0) == ()


@pytest.fixture
def facts(system: ActorSystem) -> Facts:
    return Facts(system)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how much the state machines have done, so that a soak shows what it was."""
    if STEPS:
        each = ", ".join(f"{machine} {steps:,}" for machine, steps in sorted(STEPS.items()))
        terminalreporter.write_line(f"steps of state machines: {STEPS.total():,} ({each})")
