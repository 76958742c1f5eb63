"""How far one end of a port is, and what each step of its life makes its shell do: the whole rule, as a table.

What lives here: states, steps, acts and the table; pure. What must not: descriptors, links, who is told (`port.py`,
`port_link.py`).

    HELD ◄──LENT, GIVEN_BACK──► LENT ──HANDED_OVER──► MOVED
    HELD ──OPENED──► OPEN ──CLOSED_HERE──► LEAVING ──WRITTEN, CLOSED_THERE──► CLOSED
     │                └──CLOSED_THERE──► LOST ──CLOSED_HERE─────────────────────▲
     └──CLOSED_HERE─────────────────────────────────────────────────────────────┘
"""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ("TABLE", "Act", "PortState", "Step")


class PortState(Enum):
    """How far it is; the value is how an error calls it."""

    HELD = "not opened yet"
    LENT = "about to be handed over"
    OPEN = "open"
    LEAVING = "about to close"  # as soon as what was told before is written
    CLOSED = "closed"
    LOST = "closed at its other end"
    MOVED = "handed over"


class Step(Enum):
    """What happens to it."""

    OPENED = "an actor opens it"
    LENT = "it stands in a message that is being sent"
    GIVEN_BACK = "that message was not sent"
    HANDED_OVER = "it was sent to another process"
    CLOSED_HERE = "it is closed or dropped, or who opened it has ended"
    CLOSED_THERE = "its other end was closed, or is gone, or has broken the protocol"
    WRITTEN = "all that was told has been written"


class Act(Enum):
    """What its shell has to do."""

    NOTHING = "nothing"
    LINK = "begin to read and to write"
    RELEASE = "close the descriptor"
    SAY_CLOSED = "tell the other end, after all that was told before"
    ANNOUNCE = "tell the actor, and let go of the link"
    LEAVE = "let go of the link"


TABLE: Final[dict[PortState, dict[Step, tuple[PortState, Act]]]] = {
    PortState.HELD: {
        Step.OPENED: (PortState.OPEN, Act.LINK),
        Step.LENT: (PortState.LENT, Act.NOTHING),
        Step.CLOSED_HERE: (PortState.CLOSED, Act.RELEASE),
    },
    PortState.LENT: {
        Step.GIVEN_BACK: (PortState.HELD, Act.NOTHING),
        Step.HANDED_OVER: (PortState.MOVED, Act.RELEASE),
        Step.CLOSED_HERE: (PortState.CLOSED, Act.RELEASE),
    },
    PortState.OPEN: {
        Step.CLOSED_HERE: (PortState.LEAVING, Act.SAY_CLOSED),
        Step.CLOSED_THERE: (PortState.LOST, Act.ANNOUNCE),
    },
    PortState.LEAVING: {
        Step.CLOSED_HERE: (PortState.LEAVING, Act.NOTHING),
        Step.CLOSED_THERE: (PortState.CLOSED, Act.LEAVE),
        Step.WRITTEN: (PortState.CLOSED, Act.LEAVE),
    },
    PortState.CLOSED: {
        Step.GIVEN_BACK: (PortState.CLOSED, Act.NOTHING),
        Step.HANDED_OVER: (PortState.CLOSED, Act.NOTHING),
        Step.CLOSED_HERE: (PortState.CLOSED, Act.NOTHING),
        Step.CLOSED_THERE: (PortState.CLOSED, Act.NOTHING),
        Step.WRITTEN: (PortState.CLOSED, Act.NOTHING),
    },
    PortState.LOST: {
        Step.CLOSED_HERE: (PortState.CLOSED, Act.NOTHING),
        Step.CLOSED_THERE: (PortState.LOST, Act.NOTHING),
    },
    PortState.MOVED: {
        Step.CLOSED_HERE: (PortState.MOVED, Act.NOTHING),
    },
}
"""The state after a step, and what is to be done. What is not here is refused with PortUnusable."""
