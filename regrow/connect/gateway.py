"""The gateway: workers and clients connect to it, the broker decides, the store remembers.

What lives here: the gateway's beginning, end and status, in one asyncio loop. What must not: the way in (reception.py),
the way out (turn.py), and any rule about requests (broker/).
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterable
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from loguru import logger

from regrow.actors.clock import SystemClock
from regrow.actors.roles.tls import TlsFileError
from regrow.connect.auth import Doorkeeper
from regrow.connect.broker import BrokerCore, DrainStarted, TimePassed
from regrow.connect.door import is_loopback, subjects_of
from regrow.connect.errors import GatewayStartError
from regrow.connect.gateway_http import Readiness, answer
from regrow.connect.gateway_metrics import measuring
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.listener import Listener
from regrow.connect.loop_lag import LoopLag
from regrow.connect.reception import Reception
from regrow.connect.signed_tokens import KeyRing
from regrow.connect.store import MemoryStore, Store, StoreError
from regrow.connect.turn import Turn
from regrow.protocol.session import close_codes
from regrow.protocol.session.messages import Closing

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response

__all__ = ("Gateway",)


class Gateway:
    """One gateway in the running event loop: `async with Gateway(...) as gateway: ...`, or start() and stop().

    Runs in: one loop; every method in it. `port=0` takes a free port; `url` tells which.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        token: str | Iterable[str] = (),
        keys: KeyRing | str | PathLike[str] | None = None,
        store: Store | None = None,
        options: GatewayOptions | None = None,
    ) -> None:
        self.host: Final = host
        self.port = port
        self.id: Final = f"gw-{uuid.uuid4().hex[:12]}"
        self.options: Final = GatewayOptions() if options is None else options
        self._store: Store = MemoryStore() if store is None else store
        self._clock = SystemClock()
        self.doorkeeper: Final = Doorkeeper(token, keys, self._clock.epoch)
        self._lag = LoopLag()
        self._metrics = measuring(self.options.metrics)
        self._started = 0.0
        self._stopping: asyncio.Task[bool] | None = None
        self._listener: Listener | None = None
        self._loop: asyncio.AbstractEventLoop
        self._core: BrokerCore
        self._turn: Turn
        self._reception: Reception
        self._ended: asyncio.Future[None]  # done when stopped; with an error when the gateway cannot go on

    # ── begin and end ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        """Where workers and clients connect to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.options.secure else 'ws'}://{host}:{self.port}"

    async def start(self) -> None:
        """Open the store and listen. Errors: GatewayStartError, StoreError."""
        if self._listener is not None:
            raise GatewayStartError(self.host, self.port, "this gateway was started before")
        if not self.doorkeeper and not self.options.allow_anonymous and not is_loopback(self.host):
            why = "expected a token, keys, or allow_anonymous, to listen beyond this machine, got none"
            raise GatewayStartError(self.host, self.port, why)
        loop = self._loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        now = self._started = loop.time()
        recovered = self._store.open(now=now, epoch=self._clock.epoch())
        self._core = BrokerCore(
            self.options.broker,
            generation=recovered.generation,
            rng=random.Random(self.options.seed),  # jitter is no secret
            routing=self.options.routing,
            retry=self.options.retry,
        )
        self._turn = Turn(self._core, self._store, self.options, self._metrics, self._fail)
        self._reception = Reception(self.id, self._turn, self.doorkeeper, self.status)
        self._core.restore(recovered.requests, now)
        try:
            listener = Listener(self.host, self.port, self.options)
            await listener.open(self._reception.handle, self._process_request)
        except BaseException as error:
            self._store.close(1.0)
            if isinstance(error, OSError | OverflowError | TlsFileError):  # the second for a port that is none
                why = getattr(error, "strerror", "") or str(error)
                raise GatewayStartError(self.host, self.port, why) from error
            raise
        self._listener, self.port = listener, listener.port
        self._lag.start()
        self._reception.sweep()
        self._turn.feed(TimePassed())
        known = len(recovered.requests)
        logger.info("gateway {} listens on {} ({} requests from {})", self.id, self.url, known, self._store)

    async def stop(self, drain_timeout: float | None = None, reason: str = "the gateway stops") -> bool:
        """Let work in flight finish for up to `drain_timeout` seconds, say goodbye, close the store.

        Gives False if something was still in flight: its leases stay, so that the next gateway's workers can keep it.
        A second call while the first one waits makes it go on at once when its `drain_timeout` is 0.
        """
        if self._listener is None:
            return True
        seconds = self.options.drain_timeout if drain_timeout is None else drain_timeout
        if self._stopping is None:
            self._stopping = self._loop.create_task(self._stop(seconds, reason), name="regrow-gateway-stop")
        elif seconds <= 0:
            self._turn.idle.set()
        return await asyncio.shield(self._stopping)

    def reload_tls(self) -> None:
        """Read certificate, key and authorities again, for the connections to come. Blocks for a moment.

        Errors: TlsFileError; then all stays as it was.
        """
        if self._listener is not None:
            self._listener.reload_tls()

    async def ended(self) -> None:
        """Wait until the gateway has stopped. Errors: StoreError if it stopped because it could not remember."""
        await asyncio.shield(self._ended)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop(0.0 if error is not None else None)

    def status(self) -> dict[str, object]:
        """Give plain values about the gateway, its broker and its workers."""
        return {
            "gateway": self.id,
            "url": self.url,
            "draining": self._turn.draining,
            "uptime_s": round(self._loop.time() - self._started, 3),
            "store": str(self._store),
            "connections": len(self._turn.peers),
            "subjects": subjects_of(self._turn.peers.values()),
            "messages_received": self._reception.messages,
            "loop_lag_worst_ms": round(self._lag.worst * 1000, 3),
            "loop_lag_recent_ms": round(self._lag.recent() * 1000, 3),
            **self._core.status(),
        }

    async def _stop(self, drain_timeout: float, reason: str) -> bool:
        listener = self._listener
        if listener is None:
            raise AssertionError("stop() began although the gateway does not listen")
        turn = self._turn
        turn.draining = True
        logger.info("gateway {} drains for up to {} s: {}", self.id, drain_timeout, reason)
        turn.feed(DrainStarted(round(drain_timeout * 1000)))
        if drain_timeout > 0 and self._core.in_flight():
            try:
                await asyncio.wait_for(turn.idle.wait(), drain_timeout)
            except TimeoutError:
                logger.warning("gateway {} goes with {} requests in flight", self.id, self._core.in_flight())
        in_order = not self._core.in_flight()
        await turn.commits.barrier(self.options.close_timeout)
        for peer in list(self._turn.peers.values()):
            turn.say(peer.connection, Closing(reason=reason))
        turn.end()
        await listener.close(close_codes.RESTARTING, reason)
        self._lag.stop()
        turn.disarm()
        if not await asyncio.to_thread(self._store.close, 5.0):
            logger.error("gateway {}: {} was still writing after 5 s", self.id, self._store)
        logger.info("gateway {} has stopped", self.id)
        if not self._ended.done():
            self._ended.set_result(None)
        return in_order

    def _fail(self, error: StoreError) -> None:
        """Stop, because what cannot be remembered must not be promised."""
        if not self._ended.done():
            logger.critical("gateway {} cannot go on: {}", self.id, error)
            self._ended.set_exception(error)
            self._ended.exception()  # retrieved here; whoever waits in ended() gets it as well
            self._stopping = self._stopping or self._loop.create_task(self._stop(0.0, "the store failed"))

    def _process_request(self, ws: ServerConnection, request: Request) -> Response | None:
        states = (("draining", self._turn.draining), ("the store failed", self._ended.done()))
        reasons = tuple(reason for reason, holds in states if holds)
        readiness = Readiness(reasons, connections=len(self._turn.peers), max_connections=self.options.max_connections)
        metrics = self._metrics
        return answer(ws, request, readiness, None if metrics is None else lambda: metrics.text(self.status()))
