"""What a worker tells its service manager, and its log while it drains: ready, how it goes, alive, what it waits for.

What lives here: what counts as ready and alive, and when it is said. What must not: the words to the manager
(service_manager.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from regrow.actors import ActorDeadError, AskTimeout
from regrow.actors.roles.executor.actor import AskExecutor, ExecutorStatus
from regrow.connect.service_manager import ServiceManager
from regrow.connect.worker_tree import EXECUTOR

if TYPE_CHECKING:
    from regrow.connect.worker import Worker
    from regrow.connect.worker_watch import LinkStatus

__all__ = ("WorkerReport", "drain_line")

_ASK_SECONDS: Final = 1.0  # the executor never blocks
_DRAIN_SECONDS: Final = 5.0  # between two lines about a drain


class WorkerReport:
    """Runs in: the thread that waits for signals, which calls `look` at every change, and when `left` is over.

    Alive is a worker whose tree stands and whose executor answers. A link that is being restarted, or a gateway that
    is away, is no reason to end it: it is looked after from inside.
    """

    def __init__(self, worker: Worker, manager: ServiceManager, say: Callable[[str], None]) -> None:
        self._worker = worker
        self._manager = manager
        self._say = say  # to the log
        self._drains_since: float | None = None
        self._drain_line_at = 0.0
        self._ready = False
        self._said = ""
        self._beat_at = -math.inf

    def left(self, now: float) -> float:
        """Seconds until it has to look again."""
        line = math.inf if self._drains_since is None else self._drain_line_at - now
        return max(0.0, min(line, self._beat_left(now)))

    def look(self, now: float) -> None:
        """Say what has changed, and what is due. Blocks for a second or two at most."""
        link = self._worker.watch.link
        if self._drains_since is not None and now >= self._drain_line_at:
            self._drain_line_at = now + _DRAIN_SECONDS
            self._say(drain_line(now - self._drains_since, self._executor(), link))
        if not self._manager:
            return
        status = f"{link.phase} {link.reason}".strip()
        if link.readies and not self._ready:
            self._ready = True
            self._manager.ready(status)
        elif status != self._said:
            self._manager.status(status)
        self._said = status
        if self._beat_left(now) <= 0:
            self._beat_at = now
            if self._worker.root.ref.is_alive() and self._executor() is not None:
                self._manager.beat()

    def stopping(self, why: str, now: float) -> None:
        """Say that it drains."""
        self._drains_since, self._drain_line_at = now, now + _DRAIN_SECONDS
        self._manager.stopping(why)

    def _beat_left(self, now: float) -> float:
        seconds = self._manager.beat_seconds
        return math.inf if seconds is None else self._beat_at + seconds - now

    def _executor(self) -> ExecutorStatus | None:
        executor = self._worker.system.whereis(EXECUTOR)
        if executor is None:
            return None
        try:
            answer: object = executor.ask(AskExecutor(), timeout=_ASK_SECONDS)
        except (ActorDeadError, AskTimeout):
            return None
        return answer if isinstance(answer, ExecutorStatus) else None


def drain_line(age: float, executor: ExecutorStatus | None, link: LinkStatus) -> str:
    """Say what a drain of this age waits for."""
    session = f"the link is {link.phase} {link.reason}".strip()
    if executor is None:
        return f"draining for {age:.0f} s: the executor does not answer; {session}"
    return (
        f"draining for {age:.0f} s: {executor.running} run, {executor.waiting} wait to run, "
        f"{executor.unstored} results wait to be stored; {session}"
    )
