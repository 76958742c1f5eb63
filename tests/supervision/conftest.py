"""A system on a clock that stands still, and what its supervisors publish."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regrow.actors import ActorSystem
from regrow.actors.testing import ManualClock
from tests.supervision.facts import Facts


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
