"""How busy an actor is, as far as the sender can see without asking it."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..ref import ActorRef

__all__ = ("Load", "waiting_messages")


class Load(Protocol):
    """Says how busy somebody is; the one with the least gets the next message."""

    def __call__(self, ref: ActorRef, /) -> float:
        """Give its load now. Runs in: the sender; must not block."""


def waiting_messages(ref: ActorRef) -> int:
    """How many messages wait in its mailbox; of a hosted process `ref.load()`; 0 for the dead, and for the unseen.

    Shape: a moment's value; O(1).
    """
    if getattr(ref, "hosted", False):
        return ref.load()
    mailbox: object = getattr(ref.cell, "mailbox", None)
    return len(mailbox) if isinstance(mailbox, Sized) else 0
