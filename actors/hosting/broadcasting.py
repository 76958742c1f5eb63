"""Telling many the same, of whom most live in other processes: the message is said once, whoever is dead or full.

What lives here: the way of one message to each. What must not: its bytes (`encoded.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from ..broadcast import Broadcast, broadcast
from ..current import FENCES, calling_life
from ..errors import ActorDeadError
from ..events import DeadLetter
from ..mailbox import Envelope
from ..named_ref import resolved
from ..ref import ActorRef
from .encoded import Encoded
from .errors import OutboxFull
from .pace import Pace

__all__ = ("tell_all",)


def tell_all(refs: Iterable[ActorRef[Any]], message: object) -> Broadcast:
    """Tell each once for each time it is named, in this order. As `Hosting.broadcast`."""
    to = [resolved(ref) for ref in refs]
    if not any(_elsewhere(ref) for ref in to):
        return broadcast(to, _itself, lambda ref: ref.tell(message))
    return broadcast(to, _itself, partial(_tell, Encoded(message)))


def _tell(said: Encoded, ref: ActorRef[Any]) -> None:
    cell = ref.cell
    if cell is None or not _elsewhere(ref):
        ref.tell(said.message)
        return
    if FENCES.count:  # as in ActorRef.tell
        life = calling_life()
        if life is not None:
            life.note_out(said.message, ref)
    try:
        cell.put(Envelope(said))
    except ActorDeadError:
        ref.system.bus.publish(DeadLetter(ref, said.message, "not alive"))
        raise
    except OutboxFull as error:  # nobody may look at what comes of it
        ref.system.bus.publish(DeadLetter(ref, said.message, str(error)))
        raise
    pace = getattr(cell, "pace", None)
    if isinstance(pace, Pace):
        pace.told()  # so that it is noticed when its window is used up


def _elsewhere(ref: ActorRef[Any]) -> bool:
    return ref.hosted or ref.lives_elsewhere


def _itself(ref: ActorRef[Any]) -> ActorRef[Any]:
    return ref
