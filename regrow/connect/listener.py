"""Where peers dial in: opens the port, and closes it without losing or awaiting anybody who is still at the door.

What lives here: the WebSocket server's end in order. What must not: what a peer is told once it is in (`gateway.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from loguru import logger
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from regrow.connect.library_log import library_logger
from regrow.protocol.session.messages import SUBPROTOCOL

if TYPE_CHECKING:
    from websockets.http11 import Request, Response

    from regrow.connect.gateway_options import GatewayOptions

__all__ = ("Listener",)

_CLOSE_TIMEOUT_MAX: Final = 1.0


class Listener:
    """One port on which WebSocket connections are taken. Runs in: the gateway's loop; only `close` waits.

    Errors: TlsFileError.
    """

    def __init__(self, host: str, port: int, options: GatewayOptions) -> None:
        self._host: Final = host
        self._port: Final = port
        self._options: Final = options
        self._dialled: set[ServerConnection] = set()  # each with a TCP connection, whether let in or not
        self._server: Server | None = None
        self._tls = options.ssl or (None if options.tls is None else options.tls.context())

    @property
    def port(self) -> int:
        """The port it listens on. Errors: AssertionError before `open` and after `close`."""
        if self._server is None:
            raise AssertionError("a listener that is not open has no port")
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def open(
        self,
        handle: Callable[[ServerConnection], Awaitable[None]],
        process_request: Callable[[ServerConnection, Request], Response | None],
    ) -> None:
        """Listen. Errors: OSError, and OverflowError for a port that is none."""
        options = self._options
        dialled = self._dialled

        class Dialled(ServerConnection):
            """Tells about itself from its first moment on; the library lists it once its handshake is over."""

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                dialled.add(self)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                dialled.discard(self)
                super().connection_lost(exc)

        self._server = await serve(
            handle,
            self._host,
            self._port,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            process_request=process_request,
            compression=None,
            max_size=options.broker.max_message_bytes,
            open_timeout=options.handshake_timeout,
            close_timeout=min(options.close_timeout, _CLOSE_TIMEOUT_MAX),
            ping_interval=None,  # our own heartbeats say more
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else options.handshake_timeout,
            server_header="regrow",
            logger=library_logger(),
            create_connection=Dialled,
        )

    def reload_tls(self) -> None:
        """Read the files of `options.tls` again. Blocks for a moment. Errors: TlsFileError; then all is as it was."""
        if self._options.tls is not None and self._tls is not None:
            self._options.tls.reload(self._tls)

    async def close(self, code: int, reason: str) -> None:
        """Take no more connections, close those that are open, and end those that are still in their handshake.

        Waits `close_timeout` for each to go by itself; who has not gone by then is cut off.
        """
        server = self._server
        if server is None:
            return
        await self._stop_accepting(server)
        server.close(code=code, reason=reason)
        closed = asyncio.ensure_future(server.wait_closed())
        timeout = self._options.close_timeout
        if not (await asyncio.wait([closed], timeout=timeout))[0]:
            self._abort(server)
            if not (await asyncio.wait([closed], timeout=timeout))[0]:
                logger.warning("{} connections of port {} are still open", len(self._dialled), self._port)
                closed.cancel()

    def _abort(self, server: Server) -> None:
        """End who is still in a handshake, of TLS or of WebSocket: both have longer than a stop may take."""
        for connection in list(self._dialled):
            logger.debug("{} is hung up on: {}", connection.remote_address, connection.protocol.state.name)
            connection.transport.abort()
        abort_clients = getattr(server.server, "abort_clients", None)  # from 3.13 on; before it nobody waits for TLS
        if abort_clients is not None:
            abort_clients()

    @staticmethod
    async def _stop_accepting(server: Server) -> None:
        """Let who has been accepted arrive before the server is closed.

        asyncio accepts in one turn and makes the transport in the next. A server that is closed between the two refuses
        the transport by an assertion, and the socket stays open, unanswered, until it is collected (gh-109564).
        """
        loop = asyncio.get_running_loop()
        for listening in server.sockets:
            with contextlib.suppress(NotImplementedError, RuntimeError):  # loops that accept by themselves
                loop.remove_reader(listening)
        for _ in range(2):  # the transport is made, then the connection is told of it
            await asyncio.sleep(0)
