"""A system on a clock that stands still, and a probe in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regrow.actors import ActorSystem
from regrow.actors.testing import ManualClock, Probe


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def system(clock: ManualClock) -> Iterator[ActorSystem]:
    system = ActorSystem("test", clock=clock)
    yield system
    assert system.shutdown(5.0) == ()


@pytest.fixture
def probe(system: ActorSystem) -> Probe:
    return Probe(system)
