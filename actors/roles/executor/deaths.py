"""Who killed the process that ran it, and how often: what the quarantine of the executor goes by.

What lives here: the count a request, pure. What must not: what follows from it (core.py).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

__all__ = ("DeathCounts",)

_REMEMBERED: Final = 1024  # requests; the oldest is forgotten first


class DeathCounts:
    """Deaths by request, of the last ones that killed.

    >>> deaths = DeathCounts(); deaths.add("r1"), deaths.add("r1"), deaths.of("r1"), deaths.of("r2")
    (1, 2, 2, 0)
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()

    def of(self, request_id: str) -> int:
        """How often this request killed."""
        return self._counts.get(request_id, 0)

    def add(self, request_id: str) -> int:
        """It killed once more; give how often that makes."""
        deaths = self._counts.pop(request_id, 0) + 1
        self._counts[request_id] = deaths
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        return deaths

    def forgive(self, request_id: str) -> None:
        """It ran to its end."""
        self._counts.pop(request_id, None)
