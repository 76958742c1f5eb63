"""Fixtures for real hosted processes: one system a test, children started by exec and from a zygote.

The modules beside this file are put on sys.path, because the child processes must be able to import them by name.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hosting_bench import Bench


@pytest.fixture(params=["exec", "zygote"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = Bench(request.param)
    yield made
    assert made.system.shutdown() == ()


@pytest.fixture
def zygote_bench() -> Iterator[Bench]:
    made = Bench("zygote")
    yield made
    assert made.system.shutdown() == ()
