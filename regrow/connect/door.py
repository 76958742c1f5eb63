"""Whom the gateway lets in: what is wrong with a Connect, and which hosts may listen without a token."""

from __future__ import annotations

import ipaddress
from typing import Final

from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.session.messages import SUBPROTOCOL, Connect

from . import close_codes

__all__ = ("SHOWN_CHARS", "TextReceived", "close_code_of", "is_loopback", "problem_of")

SHOWN_CHARS: Final = 80
"""Characters of what a peer calls itself that are shown in logs and errors."""


class TextReceived(RemoteProtocolError):  # as GarbageReceived
    """A text frame, where only binary ones are spoken."""


def problem_of(connect: Connect) -> str:
    """Say what the field types alone do not rule out, or nothing."""
    if connect.version != SUBPROTOCOL:
        return f"connect.version: expected {SUBPROTOCOL}, got {connect.version[:SHOWN_CHARS]!r}"
    if not connect.instance:
        return "connect.instance: expected a name, got an empty one"
    if connect.role == "worker" and connect.capacity < 0:
        return f"connect.capacity: expected 0 or more, got {connect.capacity}"
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
