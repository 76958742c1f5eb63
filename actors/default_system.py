"""The system that `SomeActor.start()` uses outside of any actor: made on first use, shut down at interpreter exit.

It is the way in for programs written for pykka: its actors are in `pykka.ActorRegistry` too; those of systems that you
make yourself are not. An ask in it that says no timeout waits for ever, as pykka's do.
"""

from __future__ import annotations

import atexit
import threading
from typing import Final

from ..protocol.exits import ExitReason
from .cell import Cell
from .pykka_rules import PykkaRules
from .pykka_seam import enter_registry, leave_registry
from .ref import ActorRef
from .signals import ExitReport
from .system import ActorSystem

__all__ = ("default_system",)

_lock: Final = threading.Lock()
_systems: Final[list[ActorSystem]] = []


class _DefaultSystem(ActorSystem):
    def enroll(self, ref: ActorRef, *, cell: Cell | None = None, name: str | None = None, root: bool = False) -> None:
        super().enroll(ref, cell=cell, name=name, root=root)
        if not issubclass(ref.actor_class, PykkaRules):  # those enter when `__init__` has returned, as in pykka
            enter_registry(ref)
            if not self.relations.is_living(ref):  # killed in between
                leave_registry(ref)

    def announce_exit(
        self, ref: ActorRef, incarnation: int, reason: ExitReason, report: ExitReport | None = None
    ) -> None:
        leave_registry(ref)
        super().announce_exit(ref, incarnation, reason, report)


def default_system() -> ActorSystem:
    """The default system; a new one if the last has been shut down."""
    with _lock:
        if not _systems or _systems[-1].closed:
            system = _DefaultSystem("default", ask_timeout=None)
            _systems[:] = [system]
            atexit.register(system.shutdown)
        return _systems[-1]
