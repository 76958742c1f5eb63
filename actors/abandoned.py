"""Lives that were ended while their code ran: a thread cannot be killed, so somebody has to remember it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .bus import EventBus
from .events import AbandonedEnded, ActorAbandoned

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = ("AbandonedLives",)


class AbandonedLives:
    """Who still runs after the end of its life. Publishes ActorAbandoned, then AbandonedEnded, in this order."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._lock = threading.Lock()
        self._lives: dict[Life, bool] = {}  # True once ActorAbandoned has been published
        self._over: set[Life] = set()  # came to their end before that

    def note(self, life: Life) -> None:
        """Remember a life whose thread runs on. A thread that is over by now is none."""
        with self._lock:
            self._lives[life] = False
            if life.thread_over:  # asked second: `ended` says it first, and asks second whether it is noted
                del self._lives[life]
                return
        self._bus.publish(ActorAbandoned(life.ref, life.incarnation))
        with self._lock:
            over = life in self._over
            if over:
                self._over.discard(life)
                del self._lives[life]
            else:
                self._lives[life] = True
        if over:
            self._bus.publish(AbandonedEnded(life.ref, life.incarnation))

    def ended(self, life: Life) -> None:
        """Hear that no thread runs a life any more; most were never abandoned."""
        life.thread_over = True
        if life not in self._lives:
            return
        with self._lock:
            published = self._lives.get(life)
            if published is None:
                return
            if not published:
                self._over.add(life)
                return
            del self._lives[life]
        self._bus.publish(AbandonedEnded(life.ref, life.incarnation))

    def refs(self) -> tuple[ActorRef, ...]:
        """Whose threads still run."""
        with self._lock:
            return tuple(life.ref for life in self._lives)

    def __len__(self) -> int:
        return len(self._lives)
