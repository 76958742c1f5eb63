"""Stopping a whole system in order: last started first, one deadline for all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..protocol.exits import SHUTDOWN
from .clock import monotonic
from .current import current_life
from .errors import CallingSelf
from .events import ActorExited

if TYPE_CHECKING:
    from .ref import ActorRef
    from .system import ActorSystem

__all__ = ("refuse_own_actor", "stop_everything")


def refuse_own_actor(system: ActorSystem) -> None:
    """Errors: CallingSelf if one of the system's own actors wants to wait for the end of all actors."""
    life = current_life()
    if life is not None and life.system is system:
        raise CallingSelf(str(life.ref))


def stop_everything(system: ActorSystem, deadline: float) -> None:
    """Ask every root to end, one after the other; kill those past the deadline, and who is left without a root."""
    exits = threading.Condition()

    def heard(_event: object) -> None:
        with exits:
            exits.notify_all()

    def gone(ref: ActorRef) -> bool:
        with exits:
            while system.relations.is_living(ref):
                if not exits.wait(max(0.0, deadline - monotonic())):
                    return not system.relations.is_living(ref)
        return True

    unsubscribe = system.bus.subscribe(heard, ActorExited)
    try:
        for ref in reversed(system.roots):
            ref.shutdown(SHUTDOWN, deadline=deadline)
            if not gone(ref):
                ref.kill()
    finally:
        unsubscribe()
    for ref in reversed(system.relations.living()):
        ref.kill()
