"""What several tests of the service are given."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from tests.connect.broker_bench import Bench


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.client()
    return bench


@pytest.fixture
def log() -> Iterator[list[str]]:
    lines: list[str] = []
    logger.enable("regrow")
    sink = logger.add(lambda line: lines.append(str(line)), level="WARNING", format="{level} {message}")
    yield lines
    logger.remove(sink)
    logger.disable("regrow")
