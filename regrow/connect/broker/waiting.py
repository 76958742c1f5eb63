"""The requests that wait for a worker: one queue a function, highest priority first, then oldest first."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from typing import TypeAlias

__all__ = ("WaitingRequests",)

_Place: TypeAlias = tuple[int, int, str]  # minus priority, sequence of submission, request_id


class WaitingRequests:
    """Queues by function. A request that comes back takes the place of its first submission."""

    def __init__(self) -> None:
        self._heaps: dict[str, list[_Place]] = {}
        self._live: dict[str, dict[str, _Place]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def functions(self) -> Iterator[str]:
        """Name the functions that requests wait for."""
        return iter(self._live)

    def of(self, function: str) -> tuple[str, ...]:
        """Name the requests that wait for one function, in no order."""
        return tuple(self._live.get(function, ()))

    def depths(self) -> dict[str, int]:
        """Count what waits, by function."""
        return {function: len(live) for function, live in self._live.items()}

    def put(self, function: str, request_id: str, *, priority: int, sequence: int) -> None:
        """Queue a request that is not queued."""
        place = (-priority, sequence, request_id)
        self._live.setdefault(function, {})[request_id] = place
        heapq.heappush(self._heaps.setdefault(function, []), place)
        self._count += 1

    def discard(self, function: str, request_id: str) -> None:
        """Take a request out of the middle, because it was cancelled or ran out of time."""
        live = self._live.get(function)
        if live is None or live.pop(request_id, None) is None:
            return
        self._count -= 1
        if not live:
            del self._live[function], self._heaps[function]
        elif len(heap := self._heaps[function]) > 2 * len(live) + 64:
            heap[:] = live.values()
            heapq.heapify(heap)

    def head(self, function: str) -> _Place | None:
        """Give the place of the request that is next for `function`, or None."""
        live = self._live.get(function)
        if live is None:
            return None
        heap = self._heaps[function]
        while live.get(heap[0][2]) is not heap[0]:
            heapq.heappop(heap)
        return heap[0]

    def next_for(self, functions: Collection[str]) -> tuple[str, str] | None:
        """Give (function, request_id) of the request that is next for a worker that serves `functions`, or None.

        Shape: O(functions waited for, or served, whichever are fewer).
        """
        names = functions if len(functions) < len(self._live) else self._live
        best: tuple[_Place, str] | None = None
        for function in names:
            if (
                function in functions
                and (place := self.head(function)) is not None
                and (best is None or place < best[0])
            ):
                best = (place, function)
        return None if best is None else (best[1], best[0][2])
