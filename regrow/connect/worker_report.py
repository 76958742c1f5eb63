"""What a worker tells its service manager: ready with its first session, how the link is, and that it is alive.

What lives here: what counts as ready and alive. What must not: the words (service_manager.py).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from regrow.actors import ActorDeadError, AskTimeout
from regrow.actors.roles.executor.actor import AskExecutor
from regrow.connect.service_manager import ServiceManager
from regrow.connect.worker_tree import EXECUTOR

if TYPE_CHECKING:
    from regrow.connect.worker import Worker

__all__ = ("WorkerReport",)

_ASK_SECONDS: Final = 1.0  # the executor never blocks


class WorkerReport:
    """Runs in: the thread that waits for signals, which calls `look` at every change, and when `left` is over.

    Alive is a worker whose tree stands and whose executor answers. A link that is being restarted, or a gateway that
    is away, is no reason to end it: it is looked after from inside.
    """

    def __init__(self, worker: Worker, manager: ServiceManager) -> None:
        self._worker = worker
        self._manager = manager
        self._ready = False
        self._said = ""
        self._beat_at = -math.inf

    def left(self, now: float) -> float:
        """Seconds until it has to look again."""
        seconds = self._manager.beat_seconds
        return math.inf if seconds is None else max(0.0, self._beat_at + seconds - now)

    def look(self, now: float) -> None:
        """Say what has changed, and that it is alive, if that is due and so. Blocks for a second at most."""
        if not self._manager:
            return
        link = self._worker.watch.link
        status = f"{link.phase} {link.reason}".strip()
        if link.phase == "ready" and not self._ready:
            self._ready = True
            self._manager.ready(status)
        elif status != self._said:
            self._manager.status(status)
        self._said = status
        if self._manager.beat_seconds is not None and self.left(now) <= 0:
            self._beat_at = now
            if self._alive():
                self._manager.beat()

    def stopping(self, why: str) -> None:
        """Say that it drains."""
        self._manager.stopping(why)

    def _alive(self) -> bool:
        executor = self._worker.system.whereis(EXECUTOR)
        if executor is None or not self._worker.root.ref.is_alive():
            return False
        try:
            executor.ask(AskExecutor(), timeout=_ASK_SECONDS)
        except (ActorDeadError, AskTimeout):
            return False
        return True
