"""Stopping a whole system in order: last started first, one deadline for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..protocol.exits import SHUTDOWN
from .clock import monotonic
from .current import current_life
from .errors import CallingSelf
from .life import Life

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
    for ref in reversed(system.roots):
        ref.shutdown(SHUTDOWN, deadline=deadline)
        if not _wait(ref, deadline):
            ref.kill()
    for ref in reversed(system.relations.living()):
        ref.kill()


def _wait(ref: ActorRef, deadline: float) -> bool:
    cell = ref.cell
    if not isinstance(cell, Life):
        # Hosted roots have a stop ladder of their own, which `Hosting.close` walks with the same deadline.
        return True
    return cell.stopped.wait(max(0.0, deadline - monotonic()))
