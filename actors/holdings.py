"""What the living hold in one system (names, keys, memberships), given back in one step when they end.

What lives here: the list of those who keep such things, and who is meant by "the caller". What must not: the things.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

from ..protocol.exits import NOPROC
from .current import calling_life
from .errors import ActorDeadError
from .named_ref import NamedRef, resolved

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("Holding", "Holdings", "Resumable", "holder_or_caller")


class Holding(Protocol):
    """A table in which the living have entries."""

    def release(self, ref: ActorRef) -> object:
        """Forget all that is held by one whose exit is about to be announced.

        Runs in: the thread that ends it, with no lock held. Called once for each end, so whoever holds nothing has to
        cost next to nothing. Must not raise.
        """


class Resumable(Protocol):
    """A table that gives something back to those who begin another life."""

    def resume(self, ref: ActorRef) -> None:
        """Hear that a life of this ref has begun. Runs in: the thread that begins it. Must not raise."""


class Holdings:
    """Everything that is released before an exit is announced."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: tuple[Holding, ...] = ()  # replaced, never changed: an end takes no lock
        self._resumed: tuple[Resumable, ...] = ()

    def add(self, holding: Holding) -> None:
        """Have it release what the dead held, from now on."""
        with self._lock:
            self._held = (*self._held, holding)

    def add_resumed(self, resumable: Resumable) -> None:
        """Have it told of every life that begins, from now on."""
        with self._lock:
            if resumable not in self._resumed:
                self._resumed = (*self._resumed, resumable)

    def remove(self, holding: object) -> None:
        """Leave it alone from now on."""
        with self._lock:
            self._held = tuple(kept for kept in self._held if kept is not holding)
            self._resumed = tuple(kept for kept in self._resumed if kept is not holding)

    def release(self, ref: ActorRef) -> None:
        """Release all that one holds who has ended."""
        for holding in self._held:
            holding.release(ref)

    def resume(self, ref: ActorRef) -> None:
        """Give back what is kept for one who lives again."""
        for resumable in self._resumed:
            resumable.resume(ref)


def holder_or_caller(ref: ActorRef | None, doing: str) -> ActorRef:
    """Give `ref`, or the actor whose code runs here; a name is resolved.

    Errors: ValueError if neither is there, or if it lives in another process; ActorDeadError for a name of nobody.
    """
    if ref is None:
        life = calling_life()
        if life is None:
            raise ValueError(f"{doing}: expected to be called by an actor, or with ref=..., got neither")
        return life.ref
    ref = resolved(ref)
    if isinstance(ref, NamedRef):
        raise ActorDeadError(ref.name, NOPROC)
    if ref.lives_elsewhere:
        raise ValueError(f"{doing}: expected an actor of this process, whose end is seen here, got {ref}")
    return ref
