"""What is sent to a process before it can hear: kept in order until the door opens, then everything goes straight in.

Runs in: any thread, but for `open`, `admit` and `forget`: the I/O thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ...protocol.errors import ProtocolError
from ...protocol.host.messages import Ask, LinkMessage, Parcel, Tell
from .carried import close_descriptors
from .errors import OutboxFull
from .link_socket import OUTBOX_MAX_BYTES

if TYPE_CHECKING:
    from ...protocol.frames import Buffer
    from .link_socket import LinkSocket

__all__ = ("Doorstep",)

_EACH_BYTES: Final = 256  # what a message takes here besides its body, about


class Doorstep:
    """Implements Outlet, for the one who sends to a process.

    `refused` hears of what the link does not take later. `waits_for`: a urn; what is sent to that actor waits until it
    is admitted, whatever else goes in.
    """

    def __init__(
        self, link: LinkSocket, refused: Callable[[LinkMessage, Exception], object], waits_for: str | None = None
    ) -> None:
        self._link = link
        self._refused = refused
        self._lock = threading.Lock()  # guards all below
        self._waiting: list[tuple[LinkMessage, object]] = []
        self._bytes = 0  # of them
        self._waits_for = waits_for
        self._open = False  # it can hear, and nobody is on the way in who came before
        self._clear = False  # the same, and nobody has to wait any more, for good

    @property
    def kept(self) -> int:
        """How many messages wait at it."""
        return len(self._waiting)

    def send(self, message: LinkMessage, to: object = "") -> None:
        """Send, or keep. Errors: as LinkSocket.send."""
        if self._clear or not self._keeps(message, to):
            self._link.send(message, to)

    def tell(self, urn: str, body: Buffer, to: object) -> None:
        """Send a Tell. Errors: as `send`."""
        if self._clear or not self._keeps(Tell(urn, body), to):
            self._link.tell(urn, body, to)

    def tell_raw(self, urn: str, said: tuple[bytes, Buffer], to: object) -> None:
        """Send a Tell whose body is in two pieces. Errors: as `send`."""
        if self._clear or not self._keeps(Tell(urn, said[0] + said[1]), to):
            self._link.tell_raw(urn, said, to)

    def open(self) -> None:
        """Let in what waits, in its order, and then everybody at once, but for what waits to be admitted."""
        self._let_in()

    def admit(self) -> None:
        """Let in whoever had to wait although the door was open."""
        with self._lock:
            self._waits_for = None
            self._open = False
        self._let_in()

    def forget(self) -> list[Buffer]:
        """Nobody will come to the door: give what was told, close what was to travel beside messages."""
        with self._lock:
            waiting, self._waiting, self._clear = self._waiting, [], True
        for message, _ in waiting:
            close_descriptors(message)
        return [message.body for message, _ in waiting if isinstance(message, Tell)]

    def _keeps(self, message: LinkMessage, to: object) -> bool:
        carried = message.message if isinstance(message, Parcel) else message
        size = _EACH_BYTES + len(carried.body) if isinstance(carried, Tell | Ask) else 0
        with self._lock:
            if self._clear or (self._open and not self._has_to_wait(message)):
                return False
            if size and self._waiting and self._bytes + size > OUTBOX_MAX_BYTES:
                raise OutboxFull(to, waiting_bytes=self._bytes, limit_bytes=OUTBOX_MAX_BYTES)
            self._waiting.append((message, to))
            self._bytes += size
            return True

    def _has_to_wait(self, message: LinkMessage) -> bool:
        carried = message.message if isinstance(message, Parcel) else message
        return self._waits_for is not None and isinstance(carried, Tell | Ask) and carried.to == self._waits_for

    def _let_in(self) -> None:
        while True:
            with self._lock:
                entering = [waiting for waiting in self._waiting if not self._has_to_wait(waiting[0])]
                self._waiting = [waiting for waiting in self._waiting if self._has_to_wait(waiting[0])]
                if not entering:
                    self._open, self._clear = True, self._waits_for is None
                    return
            for message, to in entering:
                try:
                    self._link.send(message, to)
                except (ProtocolError, OutboxFull) as error:
                    close_descriptors(message)
                    self._refused(message, error)
