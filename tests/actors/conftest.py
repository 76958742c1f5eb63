"""A system on a clock that stands still, and a probe in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regrow.actors import ActorSystem
from regrow.actors.dispatchers import NAMES
from regrow.actors.testing import ManualClock, Probe


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what lives in a system over every dispatcher, but for what is marked to be of some of them only."""
    if "dispatcher" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("dispatchers")
        metafunc.parametrize("dispatcher", NAMES if marker is None else marker.args, scope="function")


@pytest.fixture
def system(clock: ManualClock, dispatcher: str) -> Iterator[ActorSystem]:
    system = ActorSystem("test", clock=clock, dispatcher=dispatcher)
    yield system
    assert system.shutdown(5.0) == ()


@pytest.fixture
def probe(system: ActorSystem) -> Probe:
    return Probe(system)
