"""Who may say what in which state of a link: the one table that both ends run.

What lives here: the states, the dict tables, nothing else. Docs draw them, tests walk them.
Messages under way cross each other, so a state allows what its sender could not yet know to be late: STOPPING takes
the child's Ready, ENDED all that the parent said before it heard of the end. The parent need not wait for the Hello
before it says Init, so INITIALIZING takes the Hello.

     ┌───────────────Init──────────────▼
    NEW ──Hello──► GREETED ──Init──► INITIALIZING ──Ready──► ACTIVE ──Stop──► STOPPING ──Exited──► ENDED
     └───────────────┴──────────Stop──────┴─────────────────────────────────────▲                    ▲
                                          └──InitFailed, InitIgnored─────────────────────────────────┘

A port has no life of its own: its ends are in the first state until one of them says ClosePort.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final, TypeAlias, get_args

from .messages import (
    Acknowledge,
    Ask,
    ClosePort,
    DemonitorRequest,
    DownSignal,
    Exited,
    ExitSignal,
    Hello,
    Init,
    InitFailed,
    InitIgnored,
    KillRequest,
    LinkMessage,
    LinkRequest,
    LogLevels,
    Logs,
    MonitorRequest,
    Parcel,
    Ready,
    Reply,
    Stop,
    StopRequest,
    Tell,
    Tells,
    UnlinkRequest,
    Window,
)

__all__ = ("CREDITED", "MESSAGE_TYPES", "ORDERED", "TRANSITIONS", "Moves", "Side", "State")


class Side(StrEnum):
    """Which end of a link."""

    PARENT = "parent"
    CHILD = "child"
    PORT = "port"  # both ends of a port are equals

    @property
    def other(self) -> Side:
        """The end across."""
        if self is Side.PORT:
            return self
        return Side.CHILD if self is Side.PARENT else Side.PARENT


class State(IntEnum):
    """How far the life of a hosted process is."""

    NEW = 0
    GREETED = 1
    INITIALIZING = 2
    ACTIVE = 3
    STOPPING = 4
    ENDED = 5


Moves: TypeAlias = dict[type[LinkMessage], State]

MESSAGE_TYPES: Final[tuple[type[LinkMessage], ...]] = get_args(LinkMessage)

CREDITED: Final[frozenset[type[LinkMessage]]] = frozenset({Tell, Tells, Ask})
"""Messages that wait in a mailbox; the sequence counts them and the window bounds them. Replies are not among them:
an answer that waits for credit could wait for itself. A Parcel takes what its message takes."""

ORDERED: Final[frozenset[type[LinkMessage]]] = CREDITED | {
    Parcel,
    Reply,
    Logs,
    ExitSignal,
    DownSignal,
    ClosePort,
    InitIgnored,
    InitFailed,
    Exited,
}
"""The data lane: these keep their order, as OTP keeps the order of signals, so that nobody hears of an end before the
last words. All others are control and go ahead of them."""

_TRAFFIC: Final[tuple[type[LinkMessage], ...]] = (
    Acknowledge,
    Window,
    Tell,
    Tells,
    Ask,
    Reply,
    Parcel,
    StopRequest,
    KillRequest,
    LinkRequest,
    UnlinkRequest,
    MonitorRequest,
    DemonitorRequest,
    ExitSignal,
    DownSignal,
)


def _stay(state: State, *kinds: type[LinkMessage]) -> Moves:
    return dict.fromkeys(kinds, state)


_CHILD_ENDS: Final[Moves] = {InitIgnored: State.ENDED, InitFailed: State.ENDED, Exited: State.ENDED}

TRANSITIONS: Final[dict[Side, dict[State, Moves]]] = {
    Side.PARENT: {
        State.NEW: {Init: State.INITIALIZING, Stop: State.STOPPING},
        State.GREETED: {Init: State.INITIALIZING, Stop: State.STOPPING},
        State.INITIALIZING: {Stop: State.STOPPING, **_stay(State.INITIALIZING, LogLevels, *_TRAFFIC)},
        State.ACTIVE: {Stop: State.STOPPING, **_stay(State.ACTIVE, LogLevels, *_TRAFFIC)},
        State.STOPPING: _stay(State.STOPPING, Stop, LogLevels, *_TRAFFIC),
        State.ENDED: _stay(State.ENDED, Init, Stop, LogLevels, *_TRAFFIC),
    },
    Side.CHILD: {
        State.NEW: {Hello: State.GREETED},
        State.GREETED: {**_CHILD_ENDS, **_stay(State.GREETED, Logs)},
        State.INITIALIZING: {
            Ready: State.ACTIVE,
            **_CHILD_ENDS,
            **_stay(State.INITIALIZING, Hello, Logs, *_TRAFFIC),
        },
        State.ACTIVE: {Exited: State.ENDED, **_stay(State.ACTIVE, Logs, *_TRAFFIC)},
        State.STOPPING: {**_CHILD_ENDS, **_stay(State.STOPPING, Hello, Ready, Logs, *_TRAFFIC)},
        State.ENDED: {},
    },
    Side.PORT: {state: {ClosePort: State.ENDED, **_stay(state, *_TRAFFIC)} for state in State},
}
"""The state after a message, by its sender and the state before. What is not here is not allowed."""
