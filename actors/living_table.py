"""Entries of the living under keys: the one table behind names, registries and groups.

What lives here: the lock, and the race between an entry and the end of its holder. What must not: what keys mean.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .entries import Entry, EntryTable
from .errors import ActorDeadError

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("Changes", "LivingTable", "Unheard")

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Changes(Protocol):
    """Who has to hear of changes of a table."""

    def note(self, entries: tuple[Entry[Hashable, object], ...], *, added: bool) -> None:
        """Take down a change. Runs with the table's lock held, so in the order of changes; calls nobody."""

    def deliver(self) -> None:
        """Tell those who want to know. Runs with no lock held. Must not raise."""


class Unheard:
    """Nobody has to hear."""

    def note(self, entries: tuple[Entry[Hashable, object], ...], *, added: bool) -> None:
        """Do nothing."""

    def deliver(self) -> None:
        """Do nothing."""


class LivingTable(Generic[K, V]):
    """Entries that are gone before the exit of their holder is announced. All of it can be used from any thread.

    `is_staying` says whether somebody lives and will not end with a supervisor above it: the entry of one who does not
    never stands in the way of another. With `taken`, a key has one holder, and `taken` makes the error for the second.
    """

    def __init__(
        self,
        is_staying: Callable[[ActorRef], bool],
        changes: Changes,
        *,
        taken: Callable[[K, ActorRef], Exception] | None = None,
    ) -> None:
        self.lock = threading.Lock()
        self.table: EntryTable[K, V] = EntryTable()  # to be read with the lock held
        self._is_staying = is_staying
        self._changes = changes
        self._taken = taken

    def add(self, entries: Iterable[Entry[K, V]]) -> None:
        """Put entries in, all or none. Errors: what `taken` makes; ActorDeadError if a holder does not stay."""
        entries = tuple(entries)
        try:
            with self.lock:
                if self._taken is not None:
                    self._make_way(entries, self._taken)
                for entry in entries:
                    self.table.add(entry)
                # Asked last: an end before this is seen here, one after it finds the entry and removes it.
                dead = next((entry.ref for entry in entries if not self._is_staying(entry.ref)), None)
                if dead is not None:
                    for entry in entries:
                        self.table.remove(entry)
                    raise ActorDeadError(dead)
                self._changes.note(entries, added=True)
        finally:
            self._changes.deliver()

    def remove(self, entries: Iterable[Entry[K, V]]) -> tuple[Entry[K, V], ...]:
        """Take out those of these very entries that are in; gives them."""
        return self._removing(lambda: tuple(entry for entry in entries if self.table.remove(entry)))

    def take(self, key: K, ref: ActorRef) -> tuple[Entry[K, V], ...]:
        """Take out all entries of one holder under one key."""
        return self._removing(lambda: self.table.take(key, ref))

    def free(self, key: K) -> bool:
        """Take out the one who came first to this key. Gives False if there is nobody."""

        def take() -> tuple[Entry[K, V], ...]:
            holder = self.table.holder(key)
            return () if holder is None else self.table.take(key, holder)

        return bool(self._removing(take))

    def take_last(self, key: K, refs: Iterable[ActorRef]) -> tuple[Entry[K, V], ...]:
        """Take out the latest entry of each, as often as it is named, under one key."""
        return self._removing(lambda: tuple(e for ref in refs if (e := self.table.take_last(key, ref)) is not None))

    def clear(self) -> tuple[Entry[K, V], ...]:
        """Take everything out."""
        return self._removing(self.table.clear)

    def release(self, ref: ActorRef) -> tuple[Entry[K, V], ...]:
        """Take out all that one holds who has ended."""
        # Without the lock: an entry that comes after this look finds out by itself that its holder is gone.
        return self._removing(lambda: self.table.drop(ref)) if self.table.holds(ref) else ()

    def replace(self, old: Entry[K, V], new: Entry[K, V]) -> bool:
        """Put `new` in the place of `old`. Gives False if that is not in any more."""
        with self.lock:
            return self.table.replace(old, new)

    def entries(self, key: K) -> tuple[Entry[K, V], ...]:
        """Everything under one key whose holder takes messages."""
        with self.lock:
            found = self.table.entries(key)
        return tuple(entry for entry in found if entry.ref.is_alive())

    def everything(self) -> tuple[Entry[K, V], ...]:
        """Everything whose holder takes messages."""
        with self.lock:
            found = [entry for key in self.table.all_keys() for entry in self.table.entries(key)]
        return tuple(entry for entry in found if entry.ref.is_alive())

    def of(self, key: K, ref: ActorRef) -> tuple[Entry[K, V], ...]:
        """Everything of one holder under one key."""
        with self.lock:
            return self.table.of(key, ref)

    def of_holder(self, ref: ActorRef) -> tuple[Entry[K, V], ...]:
        """Everything of one holder."""
        with self.lock:
            return tuple(entry for key in self.table.keys(ref) for entry in self.table.of(key, ref))

    def whereis(self, key: K) -> ActorRef | None:
        """Who holds this key, None for nobody; never one that takes no messages. Takes no lock."""
        ref = self.table.holder(key)
        return ref if ref is not None and ref.is_alive() else None

    def _make_way(self, entries: tuple[Entry[K, V], ...], taken: Callable[[K, ActorRef], Exception]) -> None:
        for entry in entries:
            holder = self.table.holder(entry.key)
            if holder is None:
                continue
            if self._is_staying(holder):
                raise taken(entry.key, holder)
            self._changes.note(self.table.take(entry.key, holder), added=False)

    def _removing(self, take: Callable[[], tuple[Entry[K, V], ...]]) -> tuple[Entry[K, V], ...]:
        with self.lock:
            removed = take()
            if removed:
                self._changes.note(removed, added=False)
        self._changes.deliver()
        return removed
