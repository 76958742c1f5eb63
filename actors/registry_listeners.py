"""Who listens to a registry, and the way to them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from ..protocol.exits import crash_of
from .deliveries import Deliveries
from .entries import Entry
from .errors import ActorDeadError
from .events import CallbackFailed
from .mailbox import Envelope
from .ref import ActorRef
from .signals import Registered, Unregistered

if TYPE_CHECKING:
    from .bus import EventBus

__all__ = ("Listener", "Listeners")


Listener: TypeAlias = "ActorRef | Callable[[Registered | Unregistered], object]"


class Listeners:
    """Who hears of every entry of one registry that comes or goes, in that order.

    An actor gets a message, ahead of what users sent; one that is down misses it. A callback is called on
    the thread that made the change, or the one before: it must be quick, and not wait for an actor. What it raises is
    published as CallbackFailed.
    """

    def __init__(self, registry: str, bus: EventBus, listeners: tuple[Listener, ...]) -> None:
        self._registry = registry
        self._bus = bus
        self._listeners = listeners  # replaced with the table's lock held
        self._deliveries = Deliveries()

    def add(self, listener: Listener) -> None:
        """Tell it, too. Callers hold the lock of the table."""
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: Listener) -> None:
        """Tell it no more. Callers hold the lock of the table."""
        left = list(self._listeners)
        if listener in left:
            left.remove(listener)
        self._listeners = tuple(left)

    def note(self, entries: tuple[Entry[Hashable, object], ...], *, added: bool) -> None:
        """Take down a change, for those who listen now."""
        listeners = self._listeners
        if listeners:
            kind = Registered if added else Unregistered
            for entry in entries:
                event = kind(self._registry, entry.key, entry.ref, entry.value)
                self._deliveries.add(partial(self._tell, listeners, event))

    def deliver(self) -> None:
        """Tell the listeners."""
        self._deliveries.deliver()

    def _tell(self, listeners: tuple[Listener, ...], event: Registered | Unregistered) -> None:
        for listener in listeners:
            try:
                if isinstance(listener, ActorRef):
                    _put(listener, event)
                else:
                    listener(event)
            except KeyboardInterrupt:
                raise  # in the main thread that is the user's, and not the listener's
            except BaseException as error:  # noqa: BLE001 - whoever registers or ends has no part in it
                self._bus.publish(CallbackFailed(crash_of(error)))


def _put(listener: ActorRef, event: object) -> None:
    cell = listener.cell
    if cell is not None:
        with suppress(ActorDeadError):  # one that is down hears nothing
            cell.put(Envelope(event))
