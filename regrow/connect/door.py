"""Whom the gateway lets in, and for how long: hears a Connect in time, and says what is wrong with it."""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from regrow.connect.broker.labels import label_problem
from regrow.connect.broker.workers import CAPACITY_MAX
from regrow.connect.signed_tokens import TokenExpired, TokenRefused
from regrow.protocol.errors import RegrowError, RemoteProtocolError
from regrow.protocol.session import close_codes
from regrow.protocol.session.messages import SUBPROTOCOL, Connect, Message

if TYPE_CHECKING:
    from regrow.connect.auth import Doorkeeper, Right
    from regrow.connect.peer import Peer

__all__ = (
    "SHOWN_CHARS",
    "TextReceived",
    "TurnedAway",
    "close_code_of",
    "hear_connect",
    "is_loopback",
    "name_of",
    "objection_to",
    "problem_of",
    "subjects_of",
)

SHOWN_CHARS: Final = 80
"""Characters of what a peer calls itself that are shown in logs and errors."""


class TurnedAway(RegrowError):  # an outcome, as Refused is on the other side
    """A peer is not let in, or not any more: the close code and the name of the error that it is told, and whether it
    may come back. `aside` is for our own log.
    """

    def __init__(self, close_code: int, name: str, text: str, *, fatal: bool = False, aside: str = "") -> None:
        super().__init__(close_code, name, text)
        self.close_code = close_code
        self.name = name
        self.text = text
        self.fatal = fatal
        self.aside = aside

    def __str__(self) -> str:
        return f"{self.name}: {self.text}{self.aside and f' ({self.aside})'}"


class TextReceived(RemoteProtocolError):  # as GarbageReceived
    """A text frame, where only binary ones are spoken."""


async def hear_connect(peer: Peer, doorkeeper: Doorkeeper, seconds: float) -> Connect:
    """Wait for a Connect that can be let in, and note the peer's right.

    Errors: TurnedAway, RemoteProtocolError, ConnectionClosed.
    """
    loop = asyncio.get_running_loop()
    message: Message | None = None
    try:
        async with asyncio.timeout(seconds):
            while message is None:  # a kind of message that we do not know is ignored here as well
                message = peer.hear(await peer.ws.recv(), loop.time())
    except TimeoutError:
        text = f"expected Connect within {seconds} s, got none"
        raise TurnedAway(close_codes.HANDSHAKE_TIMEOUT, "handshake_timeout", text) from None
    except RemoteProtocolError as error:
        error.got = f"{type(error.got).__name__}, not shown"  # a Connect gone wrong has the token in it all the same
        raise
    if not isinstance(message, Connect):
        text = f"expected Connect, got {type(message).__name__}"
        raise TurnedAway(close_codes.PROTOCOL_ERROR, "protocol_error", text)
    if message.version != SUBPROTOCOL:
        text = f"unsupported version: expected a peer that speaks {SUBPROTOCOL}, got {message.version[:SHOWN_CHARS]!r}"
        raise TurnedAway(close_codes.UNSUPPORTED_VERSION, "unsupported_version", text, fatal=True)
    peer.right = _right_of(message, doorkeeper)
    if problem := problem_of(message):
        raise TurnedAway(close_codes.BAD_CONNECT, "bad_connect", problem, fatal=True)
    return message


def _right_of(connect: Connect, doorkeeper: Doorkeeper) -> Right:
    try:
        right = doorkeeper.right_of(connect.token)
    except TokenRefused as refused:
        aside = f"that of {refused.claims.subject!r} has expired" if isinstance(refused, TokenExpired) else ""
        raise TurnedAway(close_codes.UNAUTHORIZED, "unauthorized", str(refused), fatal=True, aside=aside) from None
    if not right.covers(connect.role):
        text = f"the token is not for the role {connect.role}"
        aside = f"that of {right.subject!r} is for {', '.join(sorted(right.scopes))}"
        raise TurnedAway(close_codes.OUT_OF_SCOPE, "out_of_scope", text, fatal=True, aside=aside)
    return right


def objection_to(peer: Peer, doorkeeper: Doorkeeper) -> TurnedAway | None:
    """Say why a peer that was let in cannot stay, if there is a reason."""
    if peer.right is None or peer.right.key is None:
        return None
    if doorkeeper.expired(peer.right):
        return TurnedAway(close_codes.UNAUTHORIZED, "token_expired", "the token has expired", fatal=True)
    if doorkeeper.withdrawn(peer.right):
        aside = f"its key {peer.right.key.id} was withdrawn"
        return TurnedAway(
            close_codes.UNAUTHORIZED, "unauthorized", "the token is not valid here", fatal=True, aside=aside
        )
    return None


def name_of(peer: Peer, connect: Connect) -> str:
    """Give what a peer is called in the log: by itself, and by its token."""
    subject = peer.right.subject if peer.right is not None else ""
    return f"{connect.role} {(connect.name or connect.instance)[:SHOWN_CHARS]!r}{subject and f' of {subject}'}"


def subjects_of(peers: Iterable[Peer]) -> dict[str, int]:
    """Count the connections of each subject that signed tokens name."""
    rights = (peer.right for peer in peers if peer.joined)
    return dict(Counter(right.subject for right in rights if right is not None and right.subject))


def problem_of(connect: Connect) -> str:
    """Say what the field types alone do not rule out, or nothing."""
    if not connect.instance:
        return "connect.instance: expected a name, got an empty one"
    if connect.role == "worker" and not 0 <= connect.capacity <= CAPACITY_MAX:
        return f"connect.capacity: expected 0 to {CAPACITY_MAX}, got {connect.capacity}"
    if problem := label_problem(connect.labels):
        return f"connect.{problem}"
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
