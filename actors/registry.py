"""Names: who is called what in one system."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .errors import ActorDeadError, NameTaken
from .ref import ActorRef

__all__ = ("NameRegistry",)


class NameRegistry:
    """One holder a name, any number of names a holder. A name is freed before its holder's exit is announced.

    Of somebody below a supervisor that has died it can be taken over: that one is ending, whatever it still does.
    Differs from OTP, where it is taken until then, so that the next life of the tree fails to start.
    Source: erlang:register/2; Elixir Registry (the entry of a dead owner must not block).
    """

    def __init__(self, is_staying: Callable[[ActorRef], bool]) -> None:
        self._is_staying = is_staying
        self._lock = threading.Lock()
        self._holders: dict[str, ActorRef] = {}
        self._names: dict[ActorRef, dict[str, None]] = {}

    def register(self, name: str, ref: ActorRef) -> None:
        """Call `ref` by this name. Errors: NameTaken if somebody who stays holds it; ActorDeadError if dead."""
        with self._lock:
            holder = self._holders.get(name)
            if holder is ref:
                return
            if holder is not None:
                if self._is_staying(holder):
                    raise NameTaken(name, holder)
                self._forget(name, holder)
            self._holders[name] = ref
            self._names.setdefault(ref, {})[name] = None
            # Asked last: an end before this is seen here, one after it finds the name and frees it.
            if not self._is_staying(ref):
                self._forget(name, ref)
                raise ActorDeadError(ref)

    def unregister(self, name: str) -> bool:
        """Free a name. Gives False if nobody holds it."""
        with self._lock:
            holder = self._holders.get(name)
            if holder is None:
                return False
            self._forget(name, holder)
            return True

    def whereis(self, name: str) -> ActorRef | None:
        """Who is called so, None for nobody; never one that takes no messages."""
        ref = self._holders.get(name)
        return ref if ref is not None and ref.is_alive() else None

    def release(self, ref: ActorRef) -> tuple[str, ...]:
        """Free all names of one that has ended."""
        with self._lock:
            names = tuple(self._names.get(ref, ()))
            for name in names:
                self._forget(name, ref)
            return names

    def names(self) -> dict[str, ActorRef]:
        """All names that lead to somebody alive."""
        with self._lock:
            return {name: ref for name, ref in self._holders.items() if ref.is_alive()}

    def _forget(self, name: str, ref: ActorRef) -> None:
        del self._holders[name]
        names = self._names[ref]
        del names[name]
        if not names:
            del self._names[ref]
