"""`stage`: a worker that other tests use as well; `own`: one that the test may end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.connect.stage import Stage, staged


@pytest.fixture(scope="session")
def shared() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture
def stage(shared: Stage) -> Iterator[Stage]:
    shared.forget()
    yield shared
    shared.clear()


@pytest.fixture
def own() -> Iterator[Stage]:
    with staged() as stage:
        yield stage
