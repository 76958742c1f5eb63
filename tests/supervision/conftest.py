"""A system on a clock that stands still, and what its supervisors publish."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regrow.actors import ActorSystem
from regrow.actors.testing import ManualClock
from tests.supervision.facts import Facts
from tests.supervision.steps import STEPS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def system(clock: ManualClock) -> Iterator[ActorSystem]:
    system = ActorSystem("test", clock=clock)
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
