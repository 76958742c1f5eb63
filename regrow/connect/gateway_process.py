"""A gateway as a supervised child: in a thread of this process, or, by import path, in an OS process of its own.

    ChildSpec(id="gateway", start=Start("regrow.connect.gateway_process:gateway_start", kwargs={...}),
              isolation=Isolation.PROCESS, shutdown=Grace(30))

Give it a port: with port 0 each life listens on another one.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final

from regrow.actors import Actor, Start
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.gateway import Gateway
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.gateway_tls import server_tls
from regrow.connect.store.locator import store_named
from regrow.protocol.errors import RegrowError

__all__ = ("GatewayActor", "GatewayLoopEnded", "gateway_start")

_START_TIMEOUT: Final = 60.0  # seconds; the child spec's own start_timeout is the one that counts
_CLOSE_MARGIN: Final = 2.0  # seconds of a stop's deadline that are left for closing after the drain


class GatewayLoopEnded(RegrowError):
    """The gateway's loop ended although nobody asked it to."""


class GatewayActor(Actor):
    """Runs a gateway on an event loop in a thread of its own; ready when it listens, ends when its loop does.

    `start_info` is its url. A request to stop drains it, within the deadline of the request.
    """

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self._gateway = gateway
        self._drain_timeout = gateway.options.drain_timeout
        self._asked: Future[float] = Future()  # seconds to drain
        self._thread: threading.Thread | None = None

    def on_start(self) -> None:
        """Begin to listen. Blocks until it does. Errors: GatewayStartError, StoreError."""
        ready: Future[str] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="regrow-gateway", daemon=True)
        self._thread.start()
        self.start_info = ready.result(_START_TIMEOUT)

    def on_receive(self, message: object) -> object:
        """Take the news that the loop has ended, and end with it."""
        if isinstance(message, Exception):
            raise GatewayLoopEnded(f"the gateway's loop ended: {type(message).__name__}: {message}") from message
        return super().on_receive(message)

    def on_stop(self) -> None:
        """Drain and close, within the deadline of the request to stop."""
        seconds = self._drain_timeout
        if self.stop_deadline is not None:
            seconds = min(seconds, self.stop_deadline - self.system.clock.now() - _CLOSE_MARGIN)
        self._end(max(0.0, seconds))

    def on_failure(self, *_exc_info: object) -> None:
        """Close at once."""
        self._end(0.0)

    def _end(self, drain_timeout: float) -> None:
        if not self._asked.done():
            self._asked.set_result(drain_timeout)
        if self._thread is not None:
            self._thread.join(drain_timeout + 3 * _CLOSE_MARGIN)

    def _run(self, ready: Future[str]) -> None:
        """Run the loop. Runs in: the gateway's thread."""
        ref = self.ref
        try:
            asyncio.run(self._serve(ready))
        except Exception as error:  # noqa: BLE001  # whatever it was, the actor ends with it
            if not ready.done():
                ready.set_exception(error)
            elif not self._asked.done():
                ref.tell(error)

    async def _serve(self, ready: Future[str]) -> None:
        gateway = self._gateway
        await gateway.start()
        ready.set_result(gateway.url)
        asked, ended = asyncio.create_task(self._when_asked()), asyncio.create_task(gateway.ended())
        await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
        await gateway.stop(asked.result() if asked.done() else 0.0)
        await ended

    async def _when_asked(self) -> float:
        # Shielded: the end of the loop cancels this task, and that must not look like a request to stop.
        return await asyncio.shield(asyncio.wrap_future(self._asked))


def gateway_start(  # noqa: PLR0913 - one for each thing that a gateway may be told
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    token: str | Sequence[str] = (),
    key_file: str | None = None,
    store: str = "memory",
    heartbeat_interval: float = 5.0,
    lease: float = 30.0,
    drain_timeout: float = 25.0,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    tls_client_ca: str | None = None,
) -> Start:
    """Give the start of a gateway, made anew for every life.

    What a Start is given is seen by whoever looks at the tree: prefer a `key_file` to a `token`.
    Errors: ValueError for values that make no sense; KeyFileError.
    """
    broker = BrokerSettings(heartbeat_interval=heartbeat_interval, lease=lease)
    options = GatewayOptions(
        broker=broker, drain_timeout=drain_timeout, tls=server_tls(tls_cert, tls_key, tls_client_ca)
    )
    gateway = Gateway(host, port, token=token, keys=key_file, store=store_named(store), options=options)
    return Start(GatewayActor, (gateway,))
