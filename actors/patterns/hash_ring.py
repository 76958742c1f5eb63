"""A ring of hashed points: keys stay with their owner when others come and go. Pure.

Source: Karger and others, Consistent Hashing and Random Trees; akka's ConsistentHash.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

__all__ = ("REPLICAS", "HashRing", "Key")

Key: TypeAlias = str | bytes | int
"""What can be hashed the same way in every process: never `hash()`, which is salted anew in each."""

REPLICAS: Final = 128
"""Points of one node: with so many the loads of nodes differ by about a tenth."""


class HashRing:
    """Every node owns the keys between its points and those before them.

    When a node comes it takes keys, evenly, and no key moves between two others; when it goes its keys are spread over
    the others. It depends on the names alone, not on the order in which they came.
    Shape: a look-up is O(log(nodes x replicas)); a change O(nodes x replicas).
    """

    def __init__(self, nodes: Iterable[str] = (), *, replicas: int = REPLICAS) -> None:
        if replicas < 1:
            raise ValueError(f"replicas: expected 1 or more, got {replicas}")
        self._replicas = replicas
        self._points: list[tuple[int, str]] = []
        self._nodes: dict[str, None] = {}
        for node in nodes:
            self.add(node)

    @property
    def nodes(self) -> tuple[str, ...]:
        """All of them, in the order in which they came."""
        return tuple(self._nodes)

    def add(self, node: str) -> bool:
        """Let a node in. Gives False if it is there."""
        if node in self._nodes:
            return False
        self._nodes[node] = None
        for point in self._points_of(node):
            insort(self._points, (point, node))
        return True

    def remove(self, node: str) -> bool:
        """Take a node out. Gives False if it is not there."""
        if node not in self._nodes:
            return False
        del self._nodes[node]
        self._points = [point for point in self._points if point[1] != node]
        return True

    def owner(self, key: Key) -> str | None:
        """Whose key it is; None in an empty ring. Errors: TypeError for what is no key."""
        return next(self.walk(key), None)

    def walk(self, key: Key) -> Iterator[str]:
        """Give the owner of a key, then who would own it without that one, and so on: every node once."""
        points = self._points
        start = bisect_right(points, (_hash(key), "\U0010ffff"))
        seen: set[str] = set()
        for offset in range(len(points)):
            node = points[(start + offset) % len(points)][1]
            if node not in seen:
                seen.add(node)
                yield node
                if len(seen) == len(self._nodes):
                    return

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, node: object) -> bool:
        return node in self._nodes

    def _points_of(self, node: str) -> Iterator[int]:
        return (_hash(f"{node}#{number}") for number in range(self._replicas))


def _hash(key: Key) -> int:
    match key:
        case str():
            data = b"s" + key.encode("utf-8", "surrogatepass")
        case bytes():
            data = b"b" + key
        case int():
            data = b"i%d" % key
        case _:
            raise TypeError(f"consistent hash: expected a str, bytes or int as key, got {key!r}")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")
