"""Whether the connection process still answers: a process that hangs is not dead, and nobody else would end it.

What lives here: the question, once a beat, and the count of beats without an answer. Beats are counted, not seconds:
a main process that was stopped itself must not take its own silence for the link's.
"""

from __future__ import annotations

import threading
from typing import cast

from ...describe import Describe
from ...errors import ActorDeadError
from ...futures import AskFuture
from ...hosting.errors import OutboxFull
from ...ref import ActorRef

__all__ = ("LinkWatch",)


class LinkWatch:
    """Asks the root of the link, a supervisor, which answers whatever its children do."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._unanswered = 0
        self._asking = threading.Event()  # set while an answer is owed

    def beat(self, link: ActorRef | None) -> bool:
        """Ask once more; give whether the link has been silent for too many beats and is to be killed."""
        if link is None:
            self._forget()
            return False
        if self._asking.is_set():
            self._unanswered += 1
            if self._unanswered >= self._limit:
                self._forget()
                return True
            return False
        self._forget()
        asking = self._asking = threading.Event()
        asking.set()
        try:
            answer = cast("AskFuture[object]", link.ask(Describe(), block=False))
            answer.add_done_callback(asking.clear)
        except (ActorDeadError, OutboxFull):
            asking.clear()
        return False

    def _forget(self) -> None:
        self._unanswered = 0
        self._asking = threading.Event()
