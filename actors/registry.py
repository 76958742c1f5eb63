"""Names: who is called what in one system."""

from __future__ import annotations

from collections.abc import Callable

from .entries import Entry
from .errors import NameTaken
from .living_table import LivingTable, Unheard
from .ref import ActorRef

__all__ = ("NameRegistry",)


class NameRegistry:
    """One holder a name, any number of names a holder. A name is freed before its holder's exit is announced.

    Of somebody below a supervisor that has died it can be taken over: that one is ending, whatever it still does.
    Differs from OTP, where it is taken until then, so that the next life of the tree fails to start.
    Source: erlang:register/2; Elixir Registry (the entry of a dead owner must not block).
    """

    def __init__(self, is_staying: Callable[[ActorRef], bool]) -> None:
        self._names: LivingTable[str, None] = LivingTable(is_staying, Unheard(), taken=NameTaken)

    def register(self, name: str, ref: ActorRef) -> None:
        """Call `ref` by this name. Errors: NameTaken if somebody who stays holds it; ActorDeadError if dead."""
        try:
            self._names.add((Entry(name, ref, None),))
        except NameTaken as error:
            if error.holder is not ref:
                raise

    def unregister(self, name: str) -> bool:
        """Free a name. Gives False if nobody holds it."""
        return self._names.free(name)

    def whereis(self, name: str) -> ActorRef | None:
        """Who is called so, None for nobody; never one that takes no messages."""
        return self._names.whereis(name)

    def release(self, ref: ActorRef) -> tuple[str, ...]:
        """Free all names of one that has ended."""
        return tuple(entry.key for entry in self._names.release(ref))

    def names(self) -> dict[str, ActorRef]:
        """All names that lead to somebody alive."""
        return {entry.key: entry.ref for entry in self._names.everything()}
