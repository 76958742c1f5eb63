"""One connection of the gateway: its session, and what it has still to be told.

What lives here: the bounded way out. Messages are checked at once and written once a turn of the loop, all in one go;
what the socket does not take stays here, and a peer that takes nothing for too long is let go.
Arguments and results are encoded when they are written: until then they are the broker's own bytes, not a copy, and
what one turn has for a peer may be far more than should be copied at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from websockets.protocol import State

from regrow.connect.door import TextReceived
from regrow.protocol.errors import CodecError, FrameTooLarge, LocalProtocolError
from regrow.protocol.session import Message, Role, SessionProtocol
from regrow.protocol.session.features import PROGRESS
from regrow.protocol.session.messages import ErrorMessage, Invoke, Progress, Settled

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from regrow.connect.auth import Right

__all__ = ("Peer",)

_HIGH_WATER_BYTES: Final = 1024 * 1024  # in the transport's own buffer; beyond it messages wait in `_unsent`


class Peer:
    """Runs in: the gateway's loop. Nothing here waits."""

    __slots__ = (
        "_unsent",
        "behind_since",
        "closing",
        "connection",
        "joined",
        "name",
        "right",
        "session",
        "stalled_since",
        "unsent_bytes",
        "ws",
    )

    def __init__(self, connection: str, ws: ServerConnection, *, max_bytes: int) -> None:
        self.connection: Final = connection
        self.ws: Final = ws
        self.session: Final = SessionProtocol(Role.GATEWAY, max_bytes=max_bytes)
        self.joined = False  # the broker knows of it
        self.closing: asyncio.Task[None] | None = None  # set once the close is under way
        self.name = ""  # for people, set when it joins
        self.right: Right | None = None  # set when its Connect is accepted
        self.stalled_since: float | None = None  # set while the socket takes less than there is
        self.behind_since: float | None = None  # set while more is unsent than a peer may have
        self.unsent_bytes = 0  # encoded, beside the arguments and results that are the broker's
        self._unsent: deque[bytes | Invoke | Settled] = deque()

    def __str__(self) -> str:
        where = ":".join(str(part) for part in self.ws.remote_address[:2]) if self.ws.remote_address else "?"
        return f"{self.name or 'peer'} at {where} ({self.connection})"

    @property
    def unsent(self) -> int:
        """How many messages wait."""
        return len(self._unsent)

    def hear(self, data: bytes | str, now: float) -> Message | None:
        """Read one WebSocket message; None for a kind that is not known. Errors: RemoteProtocolError."""
        if isinstance(data, str):
            raise TextReceived("session message", expected="a binary frame", got="a text frame")
        return self.session.receive(data, now)

    def say(self, message: Message, now: float) -> bool:
        """Queue a message; `flush` writes it. False if the session does not allow it any more: the peer is leaving.

        One that is too large is replaced by an error that says so.
        """
        if isinstance(message, Progress) and not self.session.has(PROGRESS):
            return True  # nobody there would read it
        if isinstance(message, Invoke | Settled):
            if not self.session.may_send(type(message)):
                return False
            self._unsent.append(message)
            return True
        try:
            data = self.session.send(message, now)
        except (FrameTooLarge, CodecError) as error:
            data = self._instead_of(message, error)
        except LocalProtocolError:
            return False
        self._unsent.append(data)
        self.unsent_bytes += len(data)
        return True

    def flush(self, now: float) -> bool:
        """Write what the socket takes. True when nothing is left."""
        ws = self.ws
        protocol, unsent = ws.protocol, self._unsent
        if protocol.state is not State.OPEN:
            unsent.clear()
            self.unsent_bytes = 0
        room = _HIGH_WATER_BYTES - ws.transport.get_write_buffer_size()
        wrote = False
        while unsent and room > 0:
            waiting = unsent.popleft()
            if isinstance(waiting, bytes):
                data = waiting
                self.unsent_bytes -= len(data)
            else:
                data = self._encoded(waiting)
            room -= len(data)
            protocol.send_binary(data)
            wrote = True
        if wrote:
            ws.transport.writelines(protocol.data_to_send())  # one system call for all; `send_data` makes one for each
        if not unsent:
            self.stalled_since = self.behind_since = None
        elif wrote or self.stalled_since is None:
            self.stalled_since = now
        return not unsent

    def _encoded(self, message: Invoke | Settled) -> bytes:
        try:
            return self.session.encode(message)
        except (FrameTooLarge, CodecError) as error:
            return self._instead_of(message, error)

    def _instead_of(self, message: Message, error: FrameTooLarge | CodecError) -> bytes:
        code = "too_large" if isinstance(error, FrameTooLarge) else "internal_error"
        request_id = getattr(message, "request_id", "")
        return self.session.encode(ErrorMessage(scope="request", code=code, text=str(error), request_id=request_id))
