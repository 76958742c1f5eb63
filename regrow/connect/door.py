"""Whom the gateway lets in: hears a Connect in time, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING, Final

from regrow.connect import close_codes
from regrow.connect.auth import Tokens
from regrow.connect.broker.workers import CAPACITY_MAX
from regrow.protocol.errors import RegrowError, RemoteProtocolError
from regrow.protocol.session.messages import SUBPROTOCOL, Connect, Message

if TYPE_CHECKING:
    from regrow.connect.peer import Peer

__all__ = ("SHOWN_CHARS", "TextReceived", "TurnedAway", "close_code_of", "hear_connect", "is_loopback", "problem_of")

SHOWN_CHARS: Final = 80
"""Characters of what a peer calls itself that are shown in logs and errors."""


class TurnedAway(RegrowError):  # an outcome, as Refused is on the other side
    """A peer is not let in: the close code and the name of the error that it is told, and whether it may come back."""

    def __init__(self, close_code: int, name: str, text: str, *, fatal: bool = False) -> None:
        super().__init__(close_code, name, text)
        self.close_code = close_code
        self.name = name
        self.text = text
        self.fatal = fatal

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


class TextReceived(RemoteProtocolError):  # as GarbageReceived
    """A text frame, where only binary ones are spoken."""


async def hear_connect(peer: Peer, tokens: Tokens, seconds: float) -> Connect:
    """Wait for a Connect that can be let in. Errors: TurnedAway, RemoteProtocolError, ConnectionClosed."""
    loop = asyncio.get_running_loop()
    message: Message | None = None
    try:
        async with asyncio.timeout(seconds):
            while message is None:  # a kind of message that we do not know is ignored here as well
                message = peer.hear(await peer.ws.recv(), loop.time())
    except TimeoutError:
        text = f"expected Connect within {seconds} s, got none"
        raise TurnedAway(close_codes.HANDSHAKE_TIMEOUT, "handshake_timeout", text) from None
    if not isinstance(message, Connect):
        text = f"expected Connect, got {type(message).__name__}"
        raise TurnedAway(close_codes.PROTOCOL_ERROR, "protocol_error", text)
    if not tokens.admits(message.token):
        raise TurnedAway(close_codes.UNAUTHORIZED, "unauthorized", "the token is not valid here", fatal=True)
    if problem := problem_of(message):
        raise TurnedAway(close_codes.BAD_CONNECT, "bad_connect", problem, fatal=True)
    return message


def problem_of(connect: Connect) -> str:
    """Say what the field types alone do not rule out, or nothing."""
    if connect.version != SUBPROTOCOL:
        return f"connect.version: expected {SUBPROTOCOL}, got {connect.version[:SHOWN_CHARS]!r}"
    if not connect.instance:
        return "connect.instance: expected a name, got an empty one"
    if connect.role == "worker" and not 0 <= connect.capacity <= CAPACITY_MAX:
        return f"connect.capacity: expected 0 to {CAPACITY_MAX}, got {connect.capacity}"
    return ""


def close_code_of(error: RemoteProtocolError) -> int:
    """Give the WebSocket close code that fits what a peer did wrong."""
    return close_codes.TEXT_FRAME if isinstance(error, TextReceived) else close_codes.PROTOCOL_ERROR


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a listener on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
