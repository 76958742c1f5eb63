"""What the gateway answers before a connection is a WebSocket: health, and whether we speak the same language."""

from __future__ import annotations

import http
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from regrow.connect.metrics import CONTENT_TYPE
from regrow.protocol.session.messages import SUBPROTOCOL

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

__all__ = ("Readiness", "answer")

_JSON: Final = "application/json; charset=utf-8"


class Readiness:
    """Why a gateway is not ready; empty when it is."""

    __slots__ = ("connections", "max_connections", "reasons")

    def __init__(self, reasons: tuple[str, ...], *, connections: int, max_connections: int) -> None:
        self.reasons = reasons
        self.connections = connections
        self.max_connections = max_connections


def answer(
    ws: ServerConnection, request: Request, readiness: Readiness, metrics: Callable[[], bytes] | None = None
) -> Response | None:
    """Give the HTTP response to a request, or None to go on with the WebSocket handshake.

    `metrics` makes the text of /metrics; None: nobody is to have it here.
    """
    path = request.path.partition("?")[0]
    if path == "/healthz":
        return ws.respond(http.HTTPStatus.OK, "ok\n")
    if path == "/readyz":
        status = http.HTTPStatus.SERVICE_UNAVAILABLE if readiness.reasons else http.HTTPStatus.OK
        response = ws.respond(status, json.dumps({"ready": not readiness.reasons, "reasons": readiness.reasons}) + "\n")
        return _typed(response, _JSON)
    if path == "/metrics" and metrics is not None:
        return _typed(ws.respond(http.HTTPStatus.OK, metrics().decode()), CONTENT_TYPE)
    if "Upgrade" not in request.headers:
        return None  # websockets answers 426 and says what is missing
    if readiness.reasons:
        return _try_later(ws, f"the gateway takes no connections: {'; '.join(readiness.reasons)}")
    if readiness.connections >= readiness.max_connections:
        return _try_later(ws, f"the gateway has its {readiness.max_connections} connections")
    offered = [
        name.strip() for line in request.headers.get_all("Sec-WebSocket-Protocol") for name in line.split(",") if name
    ]
    if SUBPROTOCOL not in offered:
        said = ", ".join(offered) or "none"
        text = f"unsupported version: expected one of the subprotocols {SUBPROTOCOL}, got {said[:200]}\n"
        return ws.respond(http.HTTPStatus.BAD_REQUEST, text)
    return None


def _typed(response: Response, content_type: str) -> Response:
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = content_type
    return response


def _try_later(ws: ServerConnection, why: str) -> Response:
    response = ws.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, why + "\n")
    response.headers["Retry-After"] = "1"
    return response
