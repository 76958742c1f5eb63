"""Which dispatcher runs a life, and how quick its class is there: one of each kind a system, made on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..errors import UnknownDispatcher
from ..pace import Pace
from .thread import ThreadDispatcher

if TYPE_CHECKING:
    import asyncio

    from ..life import Life
    from .dispatcher import Dispatcher

__all__ = ("NAMES", "Dispatchers", "check_name")

NAMES: Final = ("thread", "pool", "asyncio")


class Dispatchers:
    """All of a system. Runs in: any thread."""

    def __init__(self, default: str | Dispatcher, publish: Callable[[object], None]) -> None:
        self._publish: Final = publish
        self._lock = threading.Lock()
        self._made: dict[str, Dispatcher] = {}
        self._paces: dict[tuple[str, type[object]], Pace] = {}
        if not isinstance(default, str):
            self._made[default.name] = default
            default.publish_to(publish)
            default = default.name
        check_name(default)
        self.default: Final = default

    def get(self, name: str | None) -> Dispatcher:
        """Give the one of this name, None for the system's default. Errors: UnknownDispatcher."""
        name = self.default if name is None else name
        made = self._made.get(name)
        if made is not None:
            return made
        check_name(name)
        with self._lock:
            if name not in self._made:
                made = _make(name)
                made.publish_to(self._publish)
                self._made[name] = made
            return self._made[name]

    def pace(self, name: str, kind: type[object]) -> Pace:
        """Give what is known of a class."""
        pace = self._paces.get((name, kind))
        if pace is None:
            with self._lock:
                pace = self._paces.setdefault((name, kind), Pace())
        return pace

    def awaiting(self) -> tuple[tuple[asyncio.Task[object], Life], ...]:
        """Give the tasks of the coroutines of lives, and whose they are."""
        loop = self._made.get("asyncio")
        if loop is None:
            return ()
        from .asyncio_loop import AsyncioDispatcher

        return loop.awaiting() if isinstance(loop, AsyncioDispatcher) else ()

    def rescue(self) -> None:
        """End those lives that cannot run any more."""
        for dispatcher in tuple(self._made.values()):
            dispatcher.rescue()

    def close(self, deadline: float) -> bool:
        """Close all. Gives False if threads of some run on."""
        with self._lock:
            made = tuple(self._made.values())
        closed = [dispatcher.close(deadline) for dispatcher in made]  # every one, whatever the first says
        return all(closed)


def check_name(name: object) -> None:
    """Errors: UnknownDispatcher."""
    if name not in NAMES:
        raise UnknownDispatcher(name, NAMES)


def _make(name: str) -> Dispatcher:
    if name == "pool":
        from .pool import PoolDispatcher

        return PoolDispatcher()
    if name == "asyncio":
        from .asyncio_loop import AsyncioDispatcher

        return AsyncioDispatcher()
    return ThreadDispatcher()
