"""Lets the tests of this folder import `role_stage`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def _path() -> Iterator[None]:
    yield
    sys.path.remove(str(Path(__file__).parent))
