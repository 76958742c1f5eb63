"""A registry of one's own: the living under keys, with values."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from .broadcast import Broadcast, broadcast
from .entries import Entry
from .errors import ActorDeadError, KeyTaken
from .holdings import holder_or_caller
from .key_locks import KeyLocks
from .living_table import LivingTable
from .named_ref import NamedRef
from .registry_listeners import Listener, Listeners

if TYPE_CHECKING:
    from typing_extensions import TypeVar as _TypeVar

    from .ref import ActorRef
    from .system import ActorSystem

    K = _TypeVar("K", bound=Hashable, default=Hashable)
    V = _TypeVar("V", default=object)
else:
    K = TypeVar("K", bound=Hashable)
    V = TypeVar("V")

__all__ = ("Registry",)

R = TypeVar("R")

_NOTHING: Final = object()


class Registry(Generic[K, V]):
    """Actors under keys: one a key ("unique"), or any number ("duplicate"); each entry has a value.

    An entry belongs to a life: it is gone before the exit of that life is announced, and the next life registers anew,
    best in its on_start. One that was registered with `keep=True` comes back by itself when the next life begins.
    The entry of one below a supervisor that has died never stands in the way. Lookups leave out who takes no messages.
    Keys are compared as in a dict, and their `__eq__` and `__hash__` must be quick. `ref` is the calling actor where
    it is left out, and an actor of this process.

    Runs in: any thread; but for `lock`, never blocks, and holds no lock while it calls what it was given.
    Shape: O(1) for each entry, however many there are.
    Source: Elixir Registry.
    """

    def __init__(
        self,
        system: ActorSystem,
        name: str,
        *,
        keys: Literal["unique", "duplicate"] = "unique",
        listeners: tuple[Listener, ...] = (),
    ) -> None:
        if keys not in ("unique", "duplicate"):
            raise ValueError(f"registry {name!r}: expected keys to be 'unique' or 'duplicate', got {keys!r}")
        self.system = system
        self.name = name
        self.unique = keys == "unique"
        self._listeners = Listeners(name, system.bus, listeners)
        self._table: LivingTable[K, V] = LivingTable(
            system.relations.is_staying, self._listeners, taken=self._taken if self.unique else None
        )
        self._meta: dict[Hashable, object] = {}
        self._locks = KeyLocks(name)
        self._closed = False
        self._keeping = threading.Lock()
        # Weakly, and so without entries, because nobody says that a ref will never live again.
        self._kept: weakref.WeakKeyDictionary[ActorRef, tuple[tuple[K, V], ...]] = weakref.WeakKeyDictionary()
        system.holdings.add(self)

    # Entries.

    def register(self, key: K, value: V, *, ref: ActorRef | None = None, keep: bool = False) -> None:
        """Put one under a key. With `keep`, also in its later lives, as far as the key is free when they begin.

        Errors: KeyTaken if the registry is unique and somebody who stays holds the key, itself too; ActorDeadError;
        ValueError once it is closed.
        Source: Elixir Registry.register/3. Differs from OTP: `ref` need not be the caller, and may be kept.
        """
        self._only_open("register")
        ref = holder_or_caller(ref, f"registry {self.name!r}: register")
        kept = (key, value)
        if keep:
            self.system.holdings.add_resumed(self)
            self._change_kept(ref, lambda before: (*before, kept))
        try:
            self._table.add((Entry(key, ref, value),))
        except BaseException:
            if keep:
                self._change_kept(ref, lambda before: tuple(one for one in before if one is not kept))
            raise

    def unregister(self, key: K, *, ref: ActorRef | None = None) -> bool:
        """Take back all that one has under this key, kept or not. Gives False if it has nothing there."""
        ref = holder_or_caller(ref, f"registry {self.name!r}: unregister")
        kept = self._change_kept(ref, lambda before: tuple(one for one in before if one[0] != key))
        return bool(self._table.take(key, ref)) or kept

    def unregister_match(self, key: K, matches: Callable[[V], bool], *, ref: ActorRef | None = None) -> int:
        """Take back what one has under this key with a value that matches; gives how many."""
        ref = holder_or_caller(ref, f"registry {self.name!r}: unregister_match")
        entries = tuple(entry for entry in self._table.of(key, ref) if matches(entry.value))
        gone = [one for one in self._kept.get(ref, ()) if one[0] == key and matches(one[1])]
        self._change_kept(ref, lambda kept: tuple(one for one in kept if not any(one is other for other in gone)))
        return len(self._table.remove(entries))

    def update_value(self, key: K, change: Callable[[V], V], *, ref: ActorRef | None = None) -> tuple[V, V] | None:
        """Change the value that one has under this key; gives (new, old), None if it has not got the key.

        `change` is called again if somebody else has changed the value meanwhile.
        Errors: ValueError if keys are not unique.
        """
        self._only_unique("update_value")
        ref = holder_or_caller(ref, f"registry {self.name!r}: update_value")
        while entries := self._table.of(key, ref):
            old = entries[0]
            new = Entry(key, ref, change(old.value))
            if self._table.replace(old, new):
                self._change_kept(ref, partial(_with_value, key, new.value))
                return new.value, old.value
        return None

    # Looking up.

    def whereis(self, key: K) -> ActorRef | None:
        """Who holds this key, None for nobody. Takes no lock. Errors: ValueError if keys are not unique."""
        self._only_unique("whereis")
        return self._table.whereis(key)

    def via(self, key: K) -> NamedRef:
        """Give the address of whoever holds this key at each send. Errors: ValueError if keys are not unique."""
        self._only_unique("via")
        return NamedRef(self.system, self, key, label=f"key {key!r} of registry {self.name!r}")

    def lookup(self, key: K) -> tuple[Entry[K, V], ...]:
        """Everything under this key."""
        return self._table.entries(key)

    def match(self, key: K, matches: Callable[[V], bool]) -> tuple[Entry[K, V], ...]:
        """Everything under this key whose value matches."""
        return tuple(entry for entry in self._table.entries(key) if matches(entry.value))

    def select(self, matches: Callable[[Entry[K, V]], bool]) -> tuple[Entry[K, V], ...]:
        """Every entry that matches, under whatever key. O(entries)."""
        return tuple(entry for entry in self._table.everything() if matches(entry))

    def keys(self, ref: ActorRef | None = None) -> tuple[K, ...]:
        """Under which keys one is, once for each entry."""
        ref = holder_or_caller(ref, f"registry {self.name!r}: keys")
        return tuple(entry.key for entry in self._table.of_holder(ref))

    def values(self, key: K, *, ref: ActorRef | None = None) -> tuple[V, ...]:
        """The values that one has under this key."""
        ref = holder_or_caller(ref, f"registry {self.name!r}: values")
        return tuple(entry.value for entry in self._table.of(key, ref))

    def count(self, key: K | None = None) -> int:
        """How many entries there are; with a key (not None), under this one. Dying holders count until they end."""
        return len(self._table.table) if key is None else len(self._table.entries(key))

    def dispatch(self, key: K, send: Callable[[Entry[K, V]], object]) -> Broadcast:
        """Call `send` with each entry under this key; one that is dead or full keeps nobody else from getting it.

        Runs in: the caller's thread. Errors: whatever `send` raises that is not the runtime's own.
        """
        return broadcast(self._table.entries(key), lambda entry: entry.ref, send)

    def tell_all(self, key: K, message: object) -> Broadcast:
        """Tell everybody under this key."""
        return self.dispatch(key, lambda entry: entry.ref.tell(message))

    # Beside the entries.

    def put_meta(self, key: Hashable, value: object) -> None:
        """Keep a value of the registry itself, in place of what was kept under this key.

        Errors: ValueError once it is closed. Source: Elixir Registry.put_meta/3.
        """
        self._only_open("put_meta")
        self._meta[key] = value

    def meta(self, key: Hashable, default: object = None) -> object:
        """Give what `put_meta` has kept under this key. Source: Elixir Registry.meta/2."""
        return self._meta.get(key, default)

    def delete_meta(self, key: Hashable) -> bool:
        """Keep it no more. Gives False if there was nothing. Source: Elixir Registry.delete_meta/2."""
        return self._meta.pop(key, _NOTHING) is not _NOTHING

    def lock(self, key: Hashable, function: Callable[[], R], *, timeout: float | None = None) -> R:
        """Call `function` while nobody else does so under this key of locks, and give what it gives.

        For what takes several steps, as to look up and then register. Keys of locks have nothing to do with those of
        entries. It waits up to `timeout` seconds for its turn, with None for as long as that takes; first come, first
        served. The lock is given back when the function returns or raises, or its actor has ended.
        Runs in: the caller's thread, which it holds up, and the loop if that is one.
        Errors: AskTimeout; CallingSelf if who has the lock wants it again, or waits for the caller; TypeError for an
        async function.
        Source: Elixir Registry.lock/3.
        """
        self._only_open("lock")
        return self._locks.run(key, function, timeout)

    # Listening.

    def add_listener(self, listener: Listener) -> Callable[[], None]:
        """Let an actor, or a callback, hear of each Registered and Unregistered from now on. Gives what ends that."""
        with self._table.lock:
            self._listeners.add(listener)

        def remove() -> None:
            with self._table.lock:
                self._listeners.remove(listener)

        return remove

    # For the system.

    def close(self) -> None:
        """Forget everything, and take nothing any more."""
        self._closed = True
        self.system.holdings.remove(self)
        self._table.clear()
        self._meta.clear()

    def release(self, ref: ActorRef) -> None:
        """Forget what one holds who has ended."""
        self._table.release(ref)
        self._locks.release(ref)

    def resume(self, ref: ActorRef) -> None:
        """Give one that lives again what is kept for it, except keys that others hold now."""
        for key, value in self._kept.get(ref, ()):
            with suppress(KeyTaken, ActorDeadError):  # it was taken meanwhile, or this life is over already
                self._table.add((Entry(key, ref, value),))

    def _taken(self, key: K, holder: ActorRef) -> KeyTaken:
        return KeyTaken(self.name, key, holder)

    def _only_open(self, doing: str) -> None:
        if self._closed:
            raise ValueError(f"registry {self.name!r}: {doing}: expected an open registry, got one that was closed")

    def _only_unique(self, doing: str) -> None:
        if not self.unique:
            raise ValueError(f"registry {self.name!r}: {doing}: expected unique keys, got a registry of duplicate keys")

    def _change_kept(self, ref: ActorRef, change: Callable[[tuple[tuple[K, V], ...]], tuple[tuple[K, V], ...]]) -> bool:
        with self._keeping:
            before = self._kept.get(ref, ())
            after = change(before)
            if after:
                self._kept[ref] = after
            elif before:
                del self._kept[ref]
        return len(after) < len(before)

    def __len__(self) -> int:
        return self.count()

    def __repr__(self) -> str:
        kind = "unique" if self.unique else "duplicate"
        return f"<Registry {self.name!r}: {self.count()} entries, {kind} keys>"


def _with_value(key: K, value: V, kept: tuple[tuple[K, V], ...]) -> tuple[tuple[K, V], ...]:
    return tuple((key, value) if one[0] == key else one for one in kept)
