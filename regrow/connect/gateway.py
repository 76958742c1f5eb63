"""The gateway: workers and clients connect to it, the broker decides, the store remembers.

What lives here: the shell around `BrokerCore`: one asyncio loop, one turn of which reads what came, asks the broker,
hands the store what is to be saved and writes to each peer once. What must not: any rule about requests.

Persist, then acknowledge: what the broker marks `after_commit` waits for the store, all else goes out in its turn.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Callable, Iterable
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from loguru import logger
from websockets.exceptions import ConnectionClosed

from regrow.actors.clock import SystemClock
from regrow.connect.auth import Doorkeeper
from regrow.connect.broker import (
    BrokerCore,
    Disconnect,
    DrainStarted,
    Event,
    PeerJoined,
    PeerLeft,
    PeerSaid,
    Report,
    Send,
    TimePassed,
)
from regrow.connect.commits import Commits
from regrow.connect.delivery import RETRY_FLUSH, Delivery
from regrow.connect.door import TurnedAway, close_code_of, hear_connect, is_loopback, name_of, objection_to, subjects_of
from regrow.connect.errors import GatewayStartError
from regrow.connect.gateway_http import Readiness, answer
from regrow.connect.gateway_metrics import measuring
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.listener import Listener
from regrow.connect.loop_lag import LoopLag
from regrow.connect.peer import Peer
from regrow.connect.signed_tokens import KeyRing
from regrow.connect.store import MemoryStore, Store, StoreError
from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.session import close_codes
from regrow.protocol.session.features import GATEWAY_FEATURES
from regrow.protocol.session.messages import (
    Closing,
    ErrorMessage,
    Hello,
    Message,
    Status,
    StatusRequest,
)

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
        self._peers: dict[str, Peer] = {}
        self._next_peer = 0
        self._messages_in = 0
        self._started = 0.0
        self._draining = False
        self._stopping: asyncio.Task[bool] | None = None
        self._listener: Listener | None = None
        self._loop: asyncio.AbstractEventLoop
        self._core: BrokerCore
        self._commits: Commits
        self._ended: asyncio.Future[None]  # done when stopped; with an error when the gateway cannot go on
        self._idle: asyncio.Event  # set, while draining, once no worker has anything
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._delivery = Delivery(self.options)
        self._turn_ends = False  # the end of the turn is scheduled

    # ── begin and end ────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        """Where workers and clients connect to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.options.ssl else 'ws'}://{host}:{self.port}"

    async def start(self) -> None:
        """Open the store and listen. Errors: GatewayStartError, StoreError."""
        if self._listener is not None:
            raise GatewayStartError(self.host, self.port, "this gateway was started before")
        if not self.doorkeeper and not self.options.allow_anonymous and not is_loopback(self.host):
            why = "expected a token, keys, or allow_anonymous, to listen beyond this machine, got none"
            raise GatewayStartError(self.host, self.port, why)
        loop = self._loop = asyncio.get_running_loop()
        self._ended, self._idle = loop.create_future(), asyncio.Event()
        now = self._started = loop.time()
        recovered = self._store.open(now=now, epoch=self._clock.epoch())
        self._core = BrokerCore(
            self.options.broker,
            generation=recovered.generation,
            rng=random.Random(self.options.seed),  # jitter is no secret
            routing=self.options.routing,
            retry=self.options.retry,
        )
        observe = None if self._metrics is None else self._metrics.commit.observe
        self._commits = Commits(self._store, self._say, self._fail, observe)
        self._core.restore(recovered.requests, now)
        try:
            listener = Listener(self.host, self.port, self.options)
            await listener.open(self._handle, self._process_request)
        except BaseException as error:
            self._store.close(1.0)
            if isinstance(error, OSError | OverflowError):  # the latter for a port that is none
                why = getattr(error, "strerror", "") or str(error)
                raise GatewayStartError(self.host, self.port, why) from error
            raise
        self._listener, self.port = listener, listener.port
        self._lag.start()
        self._sweep()
        self._feed(TimePassed())
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
            self._idle.set()
        return await asyncio.shield(self._stopping)

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
            "draining": self._draining,
            "uptime_s": round(self._loop.time() - self._started, 3),
            "store": str(self._store),
            "connections": len(self._peers),
            "subjects": subjects_of(self._peers.values()),
            "messages_received": self._messages_in,
            "loop_lag_worst_ms": round(self._lag.worst * 1000, 3),
            "loop_lag_recent_ms": round(self._lag.recent() * 1000, 3),
            **self._core.status(),
        }

    async def _stop(self, drain_timeout: float, reason: str) -> bool:
        listener = self._listener
        if listener is None:
            raise AssertionError("stop() began although the gateway does not listen")
        self._draining = True
        logger.info("gateway {} drains for up to {} s: {}", self.id, drain_timeout, reason)
        self._feed(DrainStarted(round(drain_timeout * 1000)))
        if drain_timeout > 0 and self._core.in_flight():
            try:
                await asyncio.wait_for(self._idle.wait(), drain_timeout)
            except TimeoutError:
                logger.warning("gateway {} goes with {} requests in flight", self.id, self._core.in_flight())
        in_order = not self._core.in_flight()
        await self._commits.barrier(self.options.close_timeout)
        for peer in list(self._peers.values()):
            self._say(peer.connection, Closing(reason=reason))
        self._end_turn()
        await listener.close(close_codes.RESTARTING, reason)
        self._lag.stop()
        for timer in self._timers.values():
            timer.cancel()
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

    # ── a turn ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _feed(self, event: Event) -> None:
        """Ask the broker about an event and do what it says; writing is left to the end of the turn."""
        now = self._loop.time()
        for command in self._core.receive(event, now):
            if self._metrics is not None:
                self._metrics.saw(command, now)
            if isinstance(command, Send):
                if command.after_commit:
                    self._commits.hold(command.connection, command.message)
                else:
                    self._say(command.connection, command.message)
            elif isinstance(command, Disconnect):
                peer = self._peers.get(command.connection)
                if peer is not None:
                    self._close(peer, command.code, command.reason)
            elif isinstance(command, Report):
                logger.bind(**command.context).log(command.level.upper(), "{} {}", command.text, command.context)
            else:
                self._commits.save(command)
        self._schedule_end()

    def _say(self, connection: str, message: Message) -> None:
        peer = self._peers.get(connection)
        if peer is None or not peer.say(message, self._loop.time()):
            logger.debug("> {} left unsaid to {}: it is leaving", type(message).__name__, connection)
            return
        self._delivery.add(peer)
        self._schedule_end()

    def _schedule_end(self) -> None:
        if not self._turn_ends:
            self._turn_ends = True
            self._loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        """Hand the store what this turn has to save, and each peer what it has to be told."""
        self._turn_ends = False
        self._commits.end_turn()
        self._flush()
        due = self._core.due()
        if due is not None:
            self._arm("broker", due, self._wake)
        if self._draining and not self._core.in_flight():
            self._idle.set()

    def _wake(self) -> None:
        self._feed(TimePassed())

    def _arm(self, name: str, when: float, callback: Callable[[], None]) -> None:
        known = self._timers.get(name)
        if known is not None:
            if not known.cancelled() and known.when() == when:
                return
            known.cancel()
        self._timers[name] = self._loop.call_at(when, callback)

    def _flush(self) -> None:
        now = self._loop.time()
        for peer in self._delivery.flush(now):
            logger.warning("{} does not read: {} messages wait", peer, peer.unsent)
            self._gone(peer)
            peer.ws.transport.abort()
        if self._delivery.stalled:
            self._arm("flush", now + RETRY_FLUSH, self._flush)

    def _sweep(self) -> None:
        """Let go of peers that have missed their heartbeats, or whose token is not good any more."""
        now = self._loop.time()
        for peer in [peer for peer in self._peers.values() if peer.joined and peer.closing is None]:
            if peer.session.beat_missed(now):
                silent = peer.session.silent_for(now)
                logger.warning("{} is gone: silent for {:.3f} s", peer, silent)
                self._gone(peer)
                self._reject(peer, close_codes.HEARTBEATS_MISSED, "heartbeats_missed", f"silent for {silent:.3f} s")
            elif away := objection_to(peer, self.doorkeeper):
                logger.warning("{} is let go: {}", peer, away)
                self._gone(peer)
                self._reject(peer, away.close_code, away.name, away.text, fatal=away.fatal)
        interval = min(1.0, self.options.broker.heartbeat_interval / 4)
        self._arm("sweep", now + interval, self._sweep)

    # ── connections ──────────────────────────────────────────────────────────────────────────────────────────────

    def _process_request(self, ws: ServerConnection, request: Request) -> Response | None:
        states = (("draining", self._draining), ("the store failed", self._ended.done()))
        reasons = tuple(reason for reason, holds in states if holds)
        readiness = Readiness(reasons, connections=len(self._peers), max_connections=self.options.max_connections)
        metrics = self._metrics
        return answer(ws, request, readiness, None if metrics is None else lambda: metrics.text(self.status()))

    async def _handle(self, ws: ServerConnection) -> None:
        """One connection from its first message to its last."""
        self._next_peer += 1
        peer = Peer(f"{self.id}-{self._next_peer}", ws, max_bytes=self.options.broker.max_message_bytes)
        self._peers[peer.connection] = peer
        try:
            await self._admit(peer)
            while True:
                self._received(peer, await ws.recv())
        except ConnectionClosed as closed:
            self._log_end(peer, closed)
        except TurnedAway as away:
            logger.warning("{} is turned away: {}", peer, away)
            self._reject(peer, away.close_code, away.name, away.text, fatal=away.fatal)
        except RemoteProtocolError as error:
            logger.warning("{} broke the protocol: {}", peer, error)
            self._reject(peer, close_code_of(error), "protocol_error", str(error))
        except Exception as error:  # noqa: BLE001  # one connection's fault, or ours, never takes the others down
            logger.opt(exception=error).error("{} met an internal error", peer)
            self._reject(peer, close_codes.INTERNAL_ERROR, "internal_error", "internal error")
        finally:
            self._gone(peer)
            if peer.closing is not None:
                await asyncio.wait([peer.closing])  # or the library would close with a code of its own
            del self._peers[peer.connection]
            self._delivery.discard(peer)
            peer.session.close()

    async def _admit(self, peer: Peer) -> None:
        """Say Hello, hear Connect, and let the peer in. Errors: TurnedAway."""
        self._say(peer.connection, Hello(gateway=self.id, features=GATEWAY_FEATURES))
        connect = await hear_connect(peer, self.doorkeeper, self.options.handshake_timeout)
        peer.name = name_of(peer, connect)
        peer.joined = True
        logger.debug("= {} joins", peer)
        self._feed(PeerJoined(peer.connection, connect))

    def _received(self, peer: Peer, data: bytes | str) -> None:
        message = peer.hear(data, self._loop.time())
        self._messages_in += 1
        if self._metrics is not None:
            self._metrics.received_bytes.add(len(data))
        if message is None or not peer.joined:
            return
        if isinstance(message, ErrorMessage):
            logger.warning("< {} reports {}: {}", peer, message.code, message.text[:500])
        elif isinstance(message, StatusRequest):
            self._say(peer.connection, Status(values=self.status()))
        else:
            self._feed(PeerSaid(peer.connection, message))

    def _reject(self, peer: Peer, code: int, name: str, text: str, *, fatal: bool = False) -> None:
        """Say what is wrong with a connection, then close it."""
        self._say(peer.connection, ErrorMessage(scope="connection", code=name, text=text, fatal=fatal))
        self._close(peer, code, name)

    def _close(self, peer: Peer, code: int, reason: str) -> None:
        if peer.closing is None:
            if self._metrics is not None:
                self._metrics.closed.add(1, reason)
            peer.flush(self._loop.time())
            peer.closing = self._loop.create_task(peer.ws.close(code, reason), name="regrow-gateway-close")

    def _gone(self, peer: Peer) -> None:
        if peer.joined:
            peer.joined = False
            self._feed(PeerLeft(peer.connection))

    def _log_end(self, peer: Peer, closed: ConnectionClosed) -> None:
        sent = closed.sent
        if sent is not None and not closed.rcvd_then_sent and peer.closing is None and not self._draining:
            logger.warning("{} was turned away: {} {}", peer, sent.code, sent.reason)  # the library found it at fault
        else:
            logger.debug("= {} has gone: {}", peer, closed)
