"""How a worker's connection speaks: what it says as data, and hears as messages of the session.

What lives here: `ConnectionProtocol`, the seam between the roles of a link and a wire, and the one that speaks to our
gateway. What must not: I/O and clocks; those who speak to other servers (`foreign.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from .messages import SUBPROTOCOL, Connect, Message
from .protocol import Intervals, SessionProtocol
from .states import Phase, Role

__all__ = ("ConnectionProtocol", "Data", "RegrowProtocol")

Data: TypeAlias = bytes | str
"""One WebSocket message: a binary one, or a text."""


class ConnectionProtocol(Protocol):
    """One connection as the worker sees it, without I/O. Runs in: whoever owns the connection; it is not locked."""

    @property
    def subprotocol(self) -> str | None:
        """What is asked for in the WebSocket handshake; None: nothing."""

    @property
    def pings(self) -> float | None:
        """Seconds between the pings of WebSocket, for a server that answers no beats; None: none are needed."""

    @property
    def phase(self) -> Phase:
        """How far the session is."""

    @property
    def connect(self) -> Connect | None:
        """The Connect that was sent."""

    @property
    def intervals(self) -> Intervals | None:
        """What holds since Ready."""

    def opened(self, now: float, /) -> Sequence[Message]:
        """The WebSocket is open: give what is heard without a word of the server."""

    def receive(self, data: Data, now: float, /) -> Sequence[Message]:
        """Take one WebSocket message, give what it says. Errors: RemoteProtocolError."""

    def may_send(self, kind: type[Message], /) -> bool:
        """Say whether a message of this class could be sent now."""

    def send(self, message: Message, now: float, /) -> Sequence[Data]:
        """Give what is to be sent for a message. Errors: LocalProtocolError, and then nothing has changed."""

    def sent(self, message: Message, now: float, /) -> Sequence[Message]:
        """It was sent: give what is heard by that alone."""

    def has(self, feature: str, /) -> bool:
        """Say whether this session has a feature."""

    def silent_for(self, now: float, /) -> float:
        """Seconds since the server said anything, as far as that means something."""

    def close(self) -> None:
        """Note that the connection is gone."""


class RegrowProtocol:
    """Speaks to our gateway: the session protocol in msgpack, as docs/reference/session-protocol.md has it."""

    subprotocol: str | None = SUBPROTOCOL
    pings: float | None = None  # heartbeats of the session do this, and say more

    def __init__(self) -> None:
        self._session = SessionProtocol(Role.WORKER)
        self.may_send = self._session.may_send
        self.has = self._session.has
        self.silent_for = self._session.silent_for
        self.close = self._session.close

    @property
    def phase(self) -> Phase:
        """How far the session is."""
        return self._session.phase

    @property
    def connect(self) -> Connect | None:
        """The Connect that was sent."""
        return self._session.connect

    @property
    def intervals(self) -> Intervals | None:
        """What holds since Ready."""
        return self._session.intervals

    def opened(self, _now: float) -> Sequence[Message]:
        """Give nothing: the gateway greets."""
        return ()

    def receive(self, data: Data, now: float) -> Sequence[Message]:
        """Take one WebSocket message. Errors: RemoteProtocolError."""
        message = self._session.receive(data, now)
        return () if message is None else (message,)

    def send(self, message: Message, now: float) -> Sequence[Data]:
        """Give one WebSocket message. Errors: LocalProtocolError, FrameTooLarge, CodecError."""
        return (self._session.send(message, now),)

    def sent(self, _message: Message, _now: float) -> Sequence[Message]:
        """Give nothing: the gateway answers."""
        return ()
