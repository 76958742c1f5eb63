"""What is in hand, in words."""

from __future__ import annotations

from .control import GIVEN_AWAY
from .mailbox import Envelope

__all__ = ("in_words",)


def in_words(in_hand: object) -> str | None:
    """Give the type of what is being handled; None if nothing is, or it was given away."""
    if in_hand is None or in_hand is GIVEN_AWAY:
        return None
    return type(in_hand.message if isinstance(in_hand, Envelope) else in_hand).__name__
