"""Who had the requests of an affinity last, so that the next one finds there what was loaded for the one before."""

from __future__ import annotations

from typing import Final

__all__ = ("Affinity",)

_KEPT: Final = 100_000  # affinities; the one that was used longest ago is forgotten first


class Affinity:
    """A wish, not a promise: a worker without room is passed over. Shape: O(1)."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}  # affinity -> instance, the one used longest ago first

    def last(self, affinity: str) -> str:
        """Name the worker that had it last, or nobody."""
        return self._last.get(affinity, "")

    def note(self, affinity: str, instance: str) -> None:
        """Note that a worker has it now."""
        self._last.pop(affinity, None)
        self._last[affinity] = instance
        if len(self._last) > _KEPT:
            del self._last[next(iter(self._last))]
