"""What a dial or a read of the WebSocket library raised, as a loss.

What lives here: the reading of its exceptions, for worker and client. What must not: what follows from a loss.
Third-party entry point: websockets.
"""

from __future__ import annotations

import ssl
from typing import Final

from ...protocol.errors import LocalProtocolError, RemoteProtocolError
from ...protocol.session.messages import SUBPROTOCOL
from .losses import Loss, loss_of_close, loss_of_status
from .tls import TlsFileError

__all__ = ("loss_of_error",)

_SHOWN_BYTES: Final = 200  # of the body of an HTTP answer

_OF_CERTIFICATES: Final = ("certificate", "unknown ca")

_WANTS_CERTIFICATE: Final = "want a certificate from this peer, or another one"

_BREACHES: Final = frozenset({1002, 1007, 1009})
"""What websockets closes with when the other side broke WebSocket: protocol error, bad data, too big."""


def loss_of_error(error: Exception, epoch: float, *, opened: bool) -> Loss:
    """Read what a dial raised, or a read once the connection was `opened`. `epoch`: the wall clock."""
    from websockets.exceptions import (
        ConnectionClosed,
        InvalidHandshake,
        InvalidMessage,
        InvalidStatus,
        InvalidURI,
        NegotiationError,
        ProxyError,
    )

    if not opened and (trouble := _trouble_of_tls(error)) is not None:
        return trouble
    named = f"{type(error).__name__}: {error}"
    match error:
        case TlsFileError():
            return Loss(kind="refused", code="certificate", text=str(error))
        case ProxyError():
            return Loss(kind="refused", code="proxy", text=f"the proxy did not let us through: {error}")
        case InvalidStatus(response=response):
            body = (response.body or b"")[:_SHOWN_BYTES].decode("utf-8", "replace").strip()
            return loss_of_status(response.status_code, response.headers.get("Retry-After"), body, epoch)
        case NegotiationError():
            return Loss(kind="fatal", code="unsupported", text=f"the gateway does not speak {SUBPROTOCOL}: {error}")
        case InvalidURI():
            return Loss(kind="fatal", code="bad_url", text=str(error))
        case InvalidMessage() | ConnectionClosed(rcvd=None, sent=None) if not opened:
            return Loss(kind="refused", code="handshake", text=f"{named}; it may speak TLS, or {_WANTS_CERTIFICATE}")
        case InvalidHandshake():
            return Loss(kind="refused", code="handshake", text=named)
        case LocalProtocolError() | RemoteProtocolError():
            return Loss(kind="garbage", code="protocol", text=str(error))
        case ConnectionClosed(rcvd=rcvd, sent=sent):
            if rcvd is None and sent is not None and sent.code in _BREACHES:
                return Loss(kind="garbage", code="protocol", text=str(error))
            return loss_of_close(None, str(error)) if rcvd is None else loss_of_close(rcvd.code, rcvd.reason)
    return Loss(kind="unreachable", code="unreachable", text=named)


def _trouble_of_tls(error: BaseException | None) -> Loss | None:
    """Find what TLS said among the causes. All of it may pass: certificates are renewed, on either side."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    if error is None:
        return None
    if isinstance(error, ssl.SSLCertVerificationError):
        text = f"the certificate of the gateway is not good: {error.verify_message}"
        return Loss(kind="refused", code="certificate", text=text)
    said = (error.reason or str(error)).replace("_", " ").lower()
    if "alert" in said and any(word in said for word in _OF_CERTIFICATES):
        text = f"the gateway does not accept the certificate of this peer: {said}"
        return Loss(kind="refused", code="certificate", text=text)
    hint = f"; it may {_WANTS_CERTIFICATE}" if "eof" in said else ""  # with TLS 1.3 it says no and hangs up
    return Loss(kind="refused", code="tls", text=f"no TLS with the gateway: {said}{hint}")
