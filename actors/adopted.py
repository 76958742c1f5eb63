"""An unmodified pykka actor in a life of ours: it gets a start handshake, an exit reason, a place in a tree.

What lives here: which of pykka's rules go on for it. What must not: pykka's private members (`pykka_seam.py`).
"""

from __future__ import annotations

from types import TracebackType
from typing import ClassVar

import pykka

from .pykka_rules import PykkaRules
from .pykka_seam import adopt, handle_proxy

__all__ = ("AdoptedActor",)


class AdoptedActor(PykkaRules):
    """Lives for an actor whose class was written for pykka: `Start(SomePykkaActor, args)` leads here.

    As in pykka: an exception in an ask goes to the asker and the actor lives on; in a tell it is its end, and its
    on_failure runs; on_failure does not run for a failed start; it is in `pykka.ActorRegistry` while it lives, out of
    it and with `actor_stopped` set before on_stop runs.
    Differs from pykka: `__init__` runs in the new thread; a start that fails, fails for who started it; SystemExit ends
    this actor only; what on_stop raises is its exit reason; its thread is a daemon.
    """

    base_exception_stops_all: ClassVar[bool] = False
    log_as_pykka: ClassVar[bool] = False

    def __init__(self, adopted_class: type[pykka.Actor], *args: object, **kwargs: object) -> None:
        life = self._alive()
        self._adopted = adopt(adopted_class, life.ref, life.mailbox, life.stopped, args, kwargs)
        life.ref.actor_class = adopted_class  # not the class made for the binding

    @property
    def exposed(self) -> pykka.Actor:
        """The adopted one."""
        return self._adopted

    def on_start(self) -> None:
        """Run its on_start."""
        self._adopted.on_start()

    def on_stop(self) -> None:
        """Run its on_stop."""
        self._adopted.on_stop()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Run its on_failure."""
        self._adopted.on_failure(exception_type, exception_value, traceback)

    def on_receive(self, message: object) -> object:
        """Hand it on."""
        return self._handle_receive(message)

    def _handle_receive(self, message: object) -> object:
        return handle_proxy(self._adopted, message)
