"""The requests that wait for a worker: a queue for each function and what is needed, by priority, then by age."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterator
from typing import TypeAlias

from regrow.connect.broker.labels import fits

__all__ = ("Queue", "WaitingRequests")

Queue: TypeAlias = tuple[str, str]
"""A function, and the labels that a worker needs to run it, as text."""

_Place: TypeAlias = tuple[int, int, str]  # minus priority, sequence of submission, request_id


class WaitingRequests:
    """Queues by function and labels. A request that comes back takes the place of its first submission."""

    def __init__(self) -> None:
        self._heaps: dict[Queue, list[_Place]] = {}
        self._live: dict[Queue, dict[str, _Place]] = {}
        self._needs: dict[str, dict[str, None]] = {}  # of each function that is waited for; the oldest first
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def queues(self) -> Iterator[Queue]:
        """Name the queues in which requests wait."""
        return iter(self._live)

    def of(self, queue: Queue) -> tuple[str, ...]:
        """Name the requests that wait in one queue, in no order."""
        return tuple(self._live.get(queue, ()))

    def depths(self) -> dict[str, int]:
        """Count what waits, by function."""
        depths: Counter[str] = Counter()
        for (function, _), live in self._live.items():
            depths[function] += len(live)
        return dict(depths)

    def put(self, queue: Queue, request_id: str, *, priority: int, sequence: int) -> None:
        """Queue a request that is not queued."""
        place = (-priority, sequence, request_id)
        live = self._live.get(queue)
        if live is None:
            live = self._live[queue] = {}
            self._heaps[queue] = []
            self._needs.setdefault(queue[0], {})[queue[1]] = None
        live[request_id] = place
        heapq.heappush(self._heaps[queue], place)
        self._count += 1

    def discard(self, queue: Queue, request_id: str) -> None:
        """Take a request out of the middle, because it was cancelled or ran out of time."""
        live = self._live.get(queue)
        if live is None or live.pop(request_id, None) is None:
            return
        self._count -= 1
        if not live:
            function, need = queue
            del self._live[queue], self._heaps[queue], self._needs[function][need]
            if not self._needs[function]:
                del self._needs[function]
        elif len(heap := self._heaps[queue]) > 2 * len(live) + 64:
            heap[:] = live.values()
            heapq.heapify(heap)

    def head(self, queue: Queue) -> _Place | None:
        """Give the place of the request that is next in a queue, or None."""
        live = self._live.get(queue)
        if live is None:
            return None
        heap = self._heaps[queue]
        while live.get(heap[0][2]) is not heap[0]:
            heapq.heappop(heap)
        return heap[0]

    def next_for(self, functions: Collection[str], labels: frozenset[str] = frozenset()) -> tuple[str, str] | None:
        """Give (function, request_id) of the request that is next for a worker that has these, or None.

        Shape: O(functions waited for, or served, whichever are fewer, and the needs of each).
        """
        names = functions if len(functions) < len(self._needs) else self._needs
        best: tuple[_Place, str] | None = None
        for function in names:
            if function not in functions:
                continue
            for need in self._needs.get(function, ()):
                if (
                    fits(need, labels)
                    and (place := self.head((function, need))) is not None
                    and (best is None or place < best[0])
                ):
                    best = (place, function)
        return None if best is None else (best[1], best[0][2])
