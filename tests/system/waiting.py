"""How tests wait for what happens in other processes, of which nobody tells them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

FACTOR = float(os.environ.get("REGROW_TEST_TIMEOUT_FACTOR", "1"))
WAIT = 20.0 * FACTOR  # seconds until something that must happen is taken for not happening


def until(condition: Callable[[], object], timeout: float = WAIT, what: Callable[[], str] = lambda: "") -> None:
    """Wait until something holds outside of this process."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, f"not within {timeout:g} s {what()}"
        time.sleep(0.005)
