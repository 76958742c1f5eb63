"""How many steps the state machines have taken in this run; said at its end, so that a soak shows what it was."""

from __future__ import annotations

from collections import Counter
from typing import Final

__all__ = ("STEPS", "count_step")

STEPS: Final[Counter[str]] = Counter()


def count_step(machine: str) -> None:
    STEPS[machine] += 1
