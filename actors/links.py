"""Who is linked to whom: a pure table. Callers hold the lock."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ("LinkTable",)

K = TypeVar("K", bound=Hashable)


class LinkTable(Generic[K]):
    """Links go both ways; linking twice is one link; nobody is linked to itself. Peers come in link order.

    Source: erlang:link/1.
    """

    def __init__(self) -> None:
        self._peers: dict[K, dict[K, None]] = {}

    def link(self, one: K, other: K) -> bool:
        """Link two. Gives False if they are already, or are the same."""
        if one == other or other in self._peers.get(one, ()):
            return False
        self._peers.setdefault(one, {})[other] = None
        self._peers.setdefault(other, {})[one] = None
        return True

    def unlink(self, one: K, other: K) -> bool:
        """Take a link back. Gives False if there is none."""
        if other not in self._peers.get(one, ()):
            return False
        self._forget(one, other)
        self._forget(other, one)
        return True

    def drop(self, gone: K) -> tuple[K, ...]:
        """Take back all links of one that has ended; gives its peers."""
        dropped = self._peers.pop(gone, None)
        if dropped is None:
            return ()
        peers = tuple(dropped)
        for peer in peers:
            self._forget(peer, gone)
        return peers

    def peers(self, one: K) -> tuple[K, ...]:
        """Everybody linked to this one."""
        return tuple(self._peers.get(one, ()))

    def __len__(self) -> int:
        return sum(map(len, self._peers.values())) // 2

    def _forget(self, one: K, other: K) -> None:
        peers = self._peers.get(one)
        if peers is not None:
            peers.pop(other, None)
            if not peers:
                del self._peers[one]
