"""Who may say what in which phase of a session: the table that both ends run.

What lives here: the phases, the dict tables, nothing else. Docs draw them, tests walk them.
One table says what each role may send; what a role may receive follows from it: whatever the peer may send now, or
might have sent before it read what moved us on. Phases never go back.

    NEW ──Hello──► HANDSHAKING ──Ready──► ACTIVE ──Pause, Drain──► DRAINING ──Closing──► CLOSING ──close()──► CLOSED
                                  └─Ready after Connect(paused)─────────▲
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final, TypeAlias, get_args

from .messages import (
    Accepted,
    Ack,
    Await,
    Busy,
    Cancel,
    ChangeDead,
    Closing,
    Connect,
    DeadLetters,
    Drain,
    ErrorMessage,
    ExtendLease,
    Heartbeat,
    HeartbeatAck,
    Hello,
    Invoke,
    Lease,
    ListDead,
    Message,
    Pause,
    Progress,
    Ready,
    Result,
    ResultAck,
    Settled,
    Status,
    StatusRequest,
    Submit,
)

__all__ = ("LINKS", "MESSAGE_TYPES", "MOVES", "RECEIVES", "SENDS", "Kinds", "Link", "Phase", "Role")


class Role(StrEnum):
    """Which end of a session."""

    WORKER = "worker"
    CLIENT = "client"
    GATEWAY = "gateway"


class Phase(IntEnum):
    """How far a session is. Only ever grows."""

    NEW = 0
    HANDSHAKING = 1
    ACTIVE = 2
    DRAINING = 3
    CLOSING = 4
    CLOSED = 5


Link: TypeAlias = tuple[Role, Role]
"""Who sends, to whom."""

Kinds: TypeAlias = frozenset[type[Message]]

MESSAGE_TYPES: Final[tuple[type[Message], ...]] = get_args(Message)

MOVES: Final[dict[type[Message], Phase]] = {
    Hello: Phase.HANDSHAKING,
    Ready: Phase.ACTIVE,
    Pause: Phase.DRAINING,
    Drain: Phase.DRAINING,
    Closing: Phase.CLOSING,
}
"""The phase that a message moves both of its ends to, unless they are further already."""

_NOTHING: Final[Kinds] = frozenset()
_EITHER_WAY: Final[Kinds] = frozenset({Closing, ErrorMessage})
_WORKER_KEEPS: Final[Kinds] = _EITHER_WAY | {Heartbeat, Ack, Busy, Progress, Result, ExtendLease, Pause}
_CLIENT_KEEPS: Final[Kinds] = _EITHER_WAY | {Heartbeat, Await, Cancel, StatusRequest, ListDead, ChangeDead}
_TO_WORKER_KEEPS: Final[Kinds] = _EITHER_WAY | {HeartbeatAck, ResultAck, Lease, Cancel, Drain}
_TO_CLIENT_KEEPS: Final[Kinds] = _EITHER_WAY | {
    HeartbeatAck,
    Accepted,
    Progress,
    Settled,
    Status,
    Drain,
    DeadLetters,
}


def _from_peer(connecting: Kinds, active: Kinds, draining: Kinds) -> dict[Phase, Kinds]:
    return {
        Phase.NEW: _NOTHING,
        Phase.HANDSHAKING: connecting,
        Phase.ACTIVE: active,
        Phase.DRAINING: draining,
        Phase.CLOSING: frozenset({Closing}),
        Phase.CLOSED: _NOTHING,
    }


def _from_gateway(active: Kinds, draining: Kinds, closing: Kinds) -> dict[Phase, Kinds]:
    return {
        Phase.NEW: frozenset({Hello}) | _EITHER_WAY,
        Phase.HANDSHAKING: frozenset({Ready}) | _EITHER_WAY,
        Phase.ACTIVE: active,
        Phase.DRAINING: draining,
        # A result that came before Closing is persisted after it; its acknowledgement spares a redelivery.
        Phase.CLOSING: closing | {Closing},
        Phase.CLOSED: _NOTHING,
    }


SENDS: Final[dict[Link, dict[Phase, Kinds]]] = {
    (Role.WORKER, Role.GATEWAY): _from_peer(_EITHER_WAY | {Connect}, _WORKER_KEEPS, _WORKER_KEEPS),
    (Role.CLIENT, Role.GATEWAY): _from_peer(_EITHER_WAY | {Connect}, _CLIENT_KEEPS | {Submit}, _CLIENT_KEEPS),
    (Role.GATEWAY, Role.WORKER): _from_gateway(
        _TO_WORKER_KEEPS | {Invoke}, _TO_WORKER_KEEPS, frozenset({ResultAck, ErrorMessage})
    ),
    (Role.GATEWAY, Role.CLIENT): _from_gateway(
        _TO_CLIENT_KEEPS, _TO_CLIENT_KEEPS, frozenset({Accepted, Settled, DeadLetters, ErrorMessage})
    ),
}
"""What may be sent, by who sends to whom and the sender's phase."""

LINKS: Final[tuple[Link, ...]] = tuple(SENDS)


def _receivable(sends: dict[Phase, Kinds], phase: Phase) -> Kinds:
    """What may arrive in `phase`: what its sender may say in it, and what it said before it knew of this phase.

    The handshake takes turns, so until ACTIVE nothing can be under way from an earlier phase.
    """
    if phase == Phase.CLOSED:
        return _NOTHING
    earliest = phase if phase <= Phase.ACTIVE else Phase.ACTIVE if phase == Phase.DRAINING else Phase.NEW
    return frozenset().union(*(sends[known] for known in Phase if earliest <= known <= phase))


RECEIVES: Final[dict[Link, dict[Phase, Kinds]]] = {
    link: {phase: _receivable(sends, phase) for phase in Phase} for link, sends in SENDS.items()
}
"""What may arrive, by who sends to whom and the receiver's phase."""
