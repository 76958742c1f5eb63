"""Which worker gets a request: a seam, and the one policy that is built in.

What lives here: `Routing`, what the broker asks of a policy, and `LeastBusy`. What must not: who is available; the
broker puts a worker in when it can take work and takes it out when it cannot.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from regrow.connect.broker.labels import fits

__all__ = ("LeastBusy", "Routing")

_NEEDS_KEPT: Final = 32  # needs for which a pool keeps a heap of its own; the one asked for longest ago goes first


class Routing(Protocol):
    """Chooses among the workers that can take work now."""

    def put(
        self, instance: str, functions: frozenset[str], running: int, capacity: int, labels: frozenset[str]
    ) -> None:
        """Note a worker that has room, or that its load changed. Labels are texts like `gpu=a100`."""

    def remove(self, instance: str) -> None:
        """Forget a worker that has no room, is paused or has gone; an unknown one is fine."""

    def choose(self, function: str, need: str) -> str | None:
        """Name the worker that the next request for `function` goes to, or None if none can take it.

        `need` names the labels that it must have, as text: `gpu=a100,zone=b`, or nothing.
        """


@dataclass(slots=True, eq=False)
class _Entry:
    """A worker that has room; a stale one stays in the heaps until it surfaces."""

    instance: str
    pool: _Pool
    labels: frozenset[str]
    valid: bool = True


_Standing: TypeAlias = tuple[float, int, _Entry]  # load, turn: no two are equal, so entries are never compared


@dataclass(slots=True, eq=False)
class _Pool:
    """The workers that serve exactly the same functions; a fleet of equal workers is one pool whatever its size."""

    functions: frozenset[str]
    heap: list[_Standing] = field(default_factory=list)
    live: int = 0
    by_need: dict[str, list[_Standing]] = field(default_factory=dict)  # of those that fit; the last asked for is last

    def add(self, standing: _Standing) -> None:
        self.live += 1
        heapq.heappush(self.heap, standing)
        for need, heap in self.by_need.items():
            if fits(need, standing[2].labels):
                heapq.heappush(heap, standing)
        for heap in (self.heap, *self.by_need.values()):
            if len(heap) > 2 * self.live + 64:
                heap[:] = [each for each in heap if each[2].valid]
                heapq.heapify(heap)

    def head(self, need: str) -> _Standing | None:
        heap = self.heap if not need else self._heap_for(need)
        while heap and not heap[0][2].valid:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _heap_for(self, need: str) -> list[_Standing]:
        heap = self.by_need.pop(need, None)
        if heap is None:
            heap = [each for each in self.heap if each[2].valid and fits(need, each[2].labels)]
            heapq.heapify(heap)
            if len(self.by_need) >= _NEEDS_KEPT:
                del self.by_need[next(iter(self.by_need))]
        self.by_need[need] = heap
        return heap


class LeastBusy:
    """The worker with the smallest share of its capacity in use; among equals, the one that has waited longest.

    Shape: put O(log workers, and the needs that are asked for), remove O(1), choose O(pools that serve the function).
    """

    def __init__(self) -> None:
        self._pools: dict[frozenset[str], _Pool] = {}
        self._by_function: dict[str, list[_Pool]] = {}
        self._entries: dict[str, _Entry] = {}
        self._turn = 0

    def put(
        self, instance: str, functions: frozenset[str], running: int, capacity: int, labels: frozenset[str]
    ) -> None:
        """Put the worker last among those of its load."""
        self.remove(instance)
        pool = self._pools.get(functions) or self._open(functions)
        self._turn += 1
        entry = self._entries[instance] = _Entry(instance, pool, labels)
        pool.add((running / capacity, self._turn, entry))

    def remove(self, instance: str) -> None:
        """Strike the worker's entry; it leaves the heaps when it surfaces."""
        entry = self._entries.pop(instance, None)
        if entry is not None:
            entry.valid = False
            entry.pool.live -= 1

    def choose(self, function: str, need: str) -> str | None:
        """Compare the heads of the pools that serve the function."""
        best: _Standing | None = None
        for pool in self._by_function.get(function, ()):
            head = pool.head(need)
            if head is not None and (best is None or head < best):
                best = head
        return None if best is None else best[2].instance

    def _open(self, functions: frozenset[str]) -> _Pool:
        for stale in [pool for pool in self._pools.values() if not pool.live]:
            del self._pools[stale.functions]
            for function in stale.functions:
                self._by_function[function].remove(stale)
                if not self._by_function[function]:
                    del self._by_function[function]
        pool = self._pools[functions] = _Pool(functions)
        for function in functions:
            self._by_function.setdefault(function, []).append(pool)
        return pool
