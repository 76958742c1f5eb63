"""What falls due when: named moments in one heap, moved and struck out in constant time.

What lives here: a pure agenda; whoever owns the clock asks `due()` and sleeps. Source: asyncio's timer heap, which also
strikes entries out lazily and rebuilds itself once most of it is stale.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

__all__ = ("Agenda",)

K = TypeVar("K", bound=Hashable)

_REBUILD_FLOOR: Final = 64  # entries; below this a stale heap costs nothing


class Agenda(Generic[K]):
    """One moment a key. `at` for a known key moves it; `pop_due` gives what is due, in order of time."""

    def __init__(self) -> None:
        self._when: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._when)

    def __contains__(self, key: K) -> bool:
        return key in self._when

    def at(self, key: K, when: float) -> None:
        """Note that `key` falls due at `when`. A later moment than the one noted keeps the old heap entry for now."""
        known = self._when.get(key)
        self._when[key] = when
        if known is None or when < known:
            self._push(when, key)

    def cancel(self, key: K) -> None:
        """Strike `key` out; one that is not there is fine."""
        if self._when.pop(key, None) is not None and len(self._heap) > 2 * len(self._when) + _REBUILD_FLOOR:
            self._heap = [(when, n, key) for n, (key, when) in enumerate(self._when.items())]
            self._sequence = len(self._heap)
            heapq.heapify(self._heap)

    def due(self) -> float | None:
        """Give the next moment at which `pop_due` has something to give, or None."""
        while self._heap:
            when, _, key = self._heap[0]
            known = self._when.get(key)
            if known == when:
                return when
            heapq.heappop(self._heap)
            if known is not None and known > when:
                self._push(known, key)
        return None

    def pop_due(self, now: float) -> K | None:
        """Take out the key that is due at `now` for the longest time, or give None. One at a time, since what one does
        may strike out the next.
        """
        when = self.due()
        if when is None or when > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._when[key]
        return key

    def _push(self, when: float, key: K) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, key))
