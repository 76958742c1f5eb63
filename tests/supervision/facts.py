"""Everything that a system publishes, with waiting for what a test expects next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from regrow.actors import ActorExited, ActorSystem
from regrow.supervision import SupervisionEvent

T = TypeVar("T")
WAIT_SECONDS = 5.0


class Facts:
    """Keeps the events of supervisors and exits in order."""

    def __init__(self, system: ActorSystem) -> None:
        self._condition = threading.Condition()
        self._events: list[object] = []
        system.bus.subscribe(self._take, ActorExited, *get_args(SupervisionEvent))

    def _take(self, event: object) -> None:
        with self._condition:
            self._events.append(event)
            self._condition.notify_all()

    def all(self, kind: type[T], **fields: Any) -> list[T]:
        with self._condition:
            return self._all(kind, fields)

    def wait(self, kind: type[T], *, times: int = 1, **fields: Any) -> T:
        """Wait until there are so many of this kind with these fields; give the last of them."""

        def enough() -> bool:
            return len(self._all(kind, fields)) >= times

        with self._condition:
            if not self._condition.wait_for(enough, WAIT_SECONDS):
                raise AssertionError(f"expected {times} {kind.__name__} with {fields}, got {self._events}")
            return self._all(kind, fields)[times - 1]

    def wait_where(self, kind: type[T], says: Callable[[T], bool], **fields: Any) -> T:
        """Wait for the first of this kind with these fields of which `says` is true."""

        def found() -> T | None:
            return next((event for event in self._all(kind, fields) if says(event)), None)

        with self._condition:
            event = self._condition.wait_for(found, WAIT_SECONDS)
            if event is None:
                raise AssertionError(f"expected a {kind.__name__} with {fields}, got {self._events}")
            return event

    def forget(self) -> None:
        """Keep nothing of what has been: what it names may not be held back by this."""
        with self._condition:
            self._events.clear()

    def ids(self, kind: type[Any]) -> list[str]:
        return [event.child_id for event in self.all(kind)]

    def _all(self, kind: type[T], fields: dict[str, Any]) -> list[T]:
        return [
            event
            for event in self._events
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
        ]
