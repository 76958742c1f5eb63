"""What a dial or a read of the WebSocket library raised, as a loss.

What lives here: the reading of its exceptions, for worker and client. What must not: what follows from a loss.
Third-party entry point: websockets.
"""

from __future__ import annotations

from typing import Final

from ...protocol.errors import LocalProtocolError, RemoteProtocolError
from ...protocol.session.messages import SUBPROTOCOL
from .losses import Loss, loss_of_close, loss_of_status

__all__ = ("loss_of_error",)

_SHOWN_BYTES: Final = 200  # of the body of an HTTP answer

_BREACHES: Final = frozenset({1002, 1007, 1009})
"""What websockets closes with when the other side broke WebSocket: protocol error, bad data, too big."""


def loss_of_error(error: Exception, epoch: float) -> Loss:
    """Read what a dial or a read raised. `epoch`: the wall clock."""
    from websockets.exceptions import (
        ConnectionClosed,
        InvalidHandshake,
        InvalidStatus,
        InvalidURI,
        NegotiationError,
    )

    named = f"{type(error).__name__}: {error}"
    match error:
        case InvalidStatus(response=response):
            body = (response.body or b"")[:_SHOWN_BYTES].decode("utf-8", "replace").strip()
            return loss_of_status(response.status_code, response.headers.get("Retry-After"), body, epoch)
        case NegotiationError():
            return Loss(kind="fatal", code="unsupported", text=f"the gateway does not speak {SUBPROTOCOL}: {error}")
        case InvalidURI():
            return Loss(kind="fatal", code="bad_url", text=str(error))
        case InvalidHandshake():
            return Loss(kind="refused", code="handshake", text=named)
        case LocalProtocolError() | RemoteProtocolError():
            return Loss(kind="garbage", code="protocol", text=str(error))
        case ConnectionClosed(rcvd=rcvd, sent=sent):
            if rcvd is None and sent is not None and sent.code in _BREACHES:
                return Loss(kind="garbage", code="protocol", text=str(error))
            return loss_of_close(None, str(error)) if rcvd is None else loss_of_close(rcvd.code, rcvd.reason)
    return Loss(kind="unreachable", code="unreachable", text=named)
