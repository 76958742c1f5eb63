"""The system that `SomeActor.start()` uses outside of any actor: made on first use, shut down at interpreter exit."""

from __future__ import annotations

import atexit
import threading

from .system import ActorSystem

__all__ = ("default_system",)

_lock = threading.Lock()
_systems: list[ActorSystem] = []


def default_system() -> ActorSystem:
    """The default system; a new one if the last has been shut down."""
    with _lock:
        if not _systems or _systems[-1].closed:
            _systems[:] = [ActorSystem("default")]
            atexit.register(_systems[-1].shutdown)
        return _systems[-1]
