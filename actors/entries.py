"""Who holds which keys, and with what value: a pure table. Callers hold the lock.

What lives here: the two indexes, by key and by holder. What must not: who may hold what, and who has to hear of it.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("Entry", "EntryTable")

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
K_co = TypeVar("K_co", bound=Hashable, covariant=True)
V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True, slots=True, eq=False)
class Entry(Generic[K_co, V_co]):
    """One holder under one key, with a value; equal to nothing but itself."""

    key: K_co
    ref: ActorRef
    value: V_co


class EntryTable(Generic[K, V]):
    """Any number of holders a key, of keys a holder, and of entries for the same two.

    Entries of a key come in the order in which their holders came to it, those of one holder together.
    Shape: everything is O(1) for each entry added, removed or given, plus the entries of the same holder under the
    same key where one of several is meant.
    """

    def __init__(self) -> None:
        self._by_key: dict[K, dict[ActorRef, list[Entry[K, V]]]] = {}
        self._by_holder: dict[ActorRef, dict[K, list[Entry[K, V]]]] = {}
        self._count = 0

    def add(self, entry: Entry[K, V]) -> None:
        """Put an entry in."""
        holders = self._by_key.setdefault(entry.key, {})
        same = holders.get(entry.ref)
        if same is None:
            holders[entry.ref] = self._by_holder.setdefault(entry.ref, {})[entry.key] = [entry]
        else:
            same.append(entry)
        self._count += 1

    def remove(self, entry: Entry[K, V]) -> bool:
        """Take this very entry out. Gives False if it is not in."""
        same = self._by_key.get(entry.key, {}).get(entry.ref, [])
        place = _place(same, entry)
        if place is None:
            return False
        if len(same) == 1:
            self.take(entry.key, entry.ref)
        else:
            del same[place]
            self._count -= 1
        return True

    def replace(self, old: Entry[K, V], new: Entry[K, V]) -> bool:
        """Put `new`, of the same key and holder, in the place of `old`. Gives False if that is not in."""
        same = self._by_key.get(old.key, {}).get(old.ref, [])
        place = _place(same, old)
        if place is None:
            return False
        same[place] = new
        return True

    def take(self, key: K, ref: ActorRef) -> tuple[Entry[K, V], ...]:
        """Take out all entries of one holder under one key."""
        keys = self._by_holder.get(ref)
        if keys is None or key not in keys:
            return ()
        taken = tuple(keys.pop(key))
        if not keys:
            del self._by_holder[ref]
        holders = self._by_key[key]
        del holders[ref]
        if not holders:
            del self._by_key[key]
        self._count -= len(taken)
        return taken

    def take_last(self, key: K, ref: ActorRef) -> Entry[K, V] | None:
        """Take out the latest entry of one holder under one key; None if there is none."""
        same = self._by_key.get(key, {}).get(ref, [])
        if len(same) > 1:
            self._count -= 1
            return same.pop()
        return next(iter(self.take(key, ref)), None)

    def drop(self, ref: ActorRef) -> tuple[Entry[K, V], ...]:
        """Take out all entries of one holder."""
        return tuple(entry for key in self.keys(ref) for entry in self.take(key, ref))

    def entries(self, key: K) -> tuple[Entry[K, V], ...]:
        """Everything under one key."""
        return tuple(entry for same in self._by_key.get(key, {}).values() for entry in same)

    def of(self, key: K, ref: ActorRef) -> tuple[Entry[K, V], ...]:
        """Everything of one holder under one key."""
        return tuple(self._by_key.get(key, {}).get(ref, ()))

    def holder(self, key: K) -> ActorRef | None:
        """Who came first to this key. Safe without the lock."""
        holders = self._by_key.get(key)
        return None if holders is None else next(iter(tuple(holders)), None)

    def holds(self, ref: ActorRef) -> bool:
        """Say whether it holds anything. Safe without the lock."""
        return ref in self._by_holder

    def keys(self, ref: ActorRef) -> tuple[K, ...]:
        """Under which keys it is, each once."""
        return tuple(self._by_holder.get(ref, ()))

    def all_keys(self) -> tuple[K, ...]:
        """Which keys anybody holds."""
        return tuple(self._by_key)

    def clear(self) -> tuple[Entry[K, V], ...]:
        """Take everything out."""
        return tuple(entry for ref in tuple(self._by_holder) for entry in self.drop(ref))

    def __len__(self) -> int:
        return self._count


def _place(same: list[Entry[K, V]], entry: Entry[K, V]) -> int | None:
    return next((place for place, other in enumerate(same) if other is entry), None)
