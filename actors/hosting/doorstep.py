"""What is sent to a process before it can hear: kept in order until the door opens, then everything goes straight in.

Runs in: any thread, but for `open` and `forget`: the I/O thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ...protocol.errors import LocalProtocolError, ProtocolError
from ...protocol.host.messages import LinkMessage, Parcel, Tell
from .errors import OutboxFull

if TYPE_CHECKING:
    from ...protocol.frames import Buffer
    from .link_socket import LinkSocket

__all__ = ("Doorstep",)

WAITING_MAX: Final = 10_000  # messages


class Doorstep:
    """Implements Outlet, for the one who sends to a process."""

    def __init__(self, link: LinkSocket) -> None:
        self._link = link
        self._lock = threading.Lock()
        self._waiting: list[tuple[LinkMessage, object]] | None = []  # None once it is open, for good

    @property
    def kept(self) -> int:
        """How many messages wait at it."""
        return len(self._waiting or ())

    def send(self, message: LinkMessage, to: object = "") -> None:
        """Send, or keep. Errors: as LinkSocket.send."""
        with self._lock:
            if self._waiting is not None:
                if len(self._waiting) >= WAITING_MAX:
                    raise LocalProtocolError("messages before hello", expected=f"at most {WAITING_MAX}", got=to)
                self._waiting.append((message, to))
                return
        self._link.send(message, to)

    def tell(self, urn: str, body: Buffer, to: object) -> None:
        """Send a Tell. Errors: as `send`."""
        if self._waiting is None:
            self._link.tell(urn, body, to)
        else:
            self.send(Tell(urn, body), to)

    def tell_raw(self, urn: str, said: tuple[bytes, Buffer], to: object) -> None:
        """Send a Tell whose body is in two pieces. Errors: as `send`."""
        if self._waiting is None:
            self._link.tell_raw(urn, said, to)
        else:
            self.send(Tell(urn, said[0] + said[1]), to)

    def open(self, refused: Callable[[LinkMessage, Exception], object]) -> None:
        """Let in what waits, in its order, then everybody at once. `refused` hears of what the link does not take."""
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                if not waiting:
                    self._waiting = None
                    return
            for message, to in waiting:
                try:
                    self._link.send(message, to)
                except (ProtocolError, OutboxFull) as error:
                    _close_descriptors(message)
                    refused(message, error)

    def forget(self) -> list[Buffer]:
        """Nobody will come to the door: give what was told, close what was to travel beside messages."""
        with self._lock:
            waiting, self._waiting = self._waiting or (), None
        for message, _ in waiting:
            _close_descriptors(message)
        return [message.body for message, _ in waiting if isinstance(message, Tell)]


def _close_descriptors(message: LinkMessage) -> None:
    for descriptor in message.descriptors if isinstance(message, Parcel) else ():
        os.close(descriptor)
