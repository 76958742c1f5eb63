"""What the gateway does about what happened: ask the broker, and once a turn of the loop save and write.

What lives here: the execution of the broker's commands, and the way out to the peers. What must not: how peers come in
(reception.py), and any rule about requests.

Persist, then acknowledge: what the broker marks `after_commit` waits for the store, all else goes out in its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from loguru import logger

from regrow.connect.broker import BrokerCore, Disconnect, Event, PeerLeft, Report, Send, TimePassed
from regrow.connect.commits import Commits
from regrow.connect.delivery import RETRY_FLUSH, Delivery
from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.peer import Peer
from regrow.connect.store import Store, StoreError
from regrow.protocol.session.messages import Message

if TYPE_CHECKING:
    from regrow.connect.gateway_metrics import GatewayMetrics

__all__ = ("Turn",)


class Turn:
    """Runs in: the gateway's loop. Nothing here waits."""

    def __init__(
        self,
        core: BrokerCore,
        store: Store,
        options: GatewayOptions,
        metrics: GatewayMetrics | None,
        fail: Callable[[StoreError], None],
    ) -> None:
        self.options: Final = options
        self.metrics: Final = metrics
        self.peers: Final[dict[str, Peer]] = {}  # by the name of their connection
        observe = None if metrics is None else metrics.commit.observe
        self.commits: Final = Commits(store, self.say, fail, observe)
        self.idle: Final = asyncio.Event()  # set, while draining, once no worker has anything
        self.draining = False
        self._core = core
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._delivery = Delivery(options)
        self._ends = False  # its end is scheduled

    def feed(self, event: Event) -> None:
        """Ask the broker about an event and do what it says; writing is left to the end of the turn."""
        now = self._loop.time()
        for command in self._core.receive(event, now):
            if self.metrics is not None:
                self.metrics.saw(command, now)
            if isinstance(command, Send):
                if command.after_commit:
                    self.commits.hold(command.connection, command.message)
                else:
                    self.say(command.connection, command.message)
            elif isinstance(command, Disconnect):
                peer = self.peers.get(command.connection)
                if peer is not None:
                    self.close(peer, command.code, command.reason)
            elif isinstance(command, Report):
                logger.bind(**command.context).log(command.level.upper(), "{} {}", command.text, command.context)
            else:
                self.commits.save(command)
        self._schedule_end()

    def say(self, connection: str, message: Message) -> None:
        """Have a message written to a connection at the end of this turn, if it is still there."""
        peer = self.peers.get(connection)
        if peer is None or not peer.say(message, self._loop.time()):
            logger.debug("> {} left unsaid to {}: it is leaving", type(message).__name__, connection)
            return
        self._delivery.add(peer)
        self._schedule_end()

    def close(self, peer: Peer, code: int, reason: str) -> None:
        """Close a connection after what was said to it; does not wait for that."""
        if peer.closing is None:
            if self.metrics is not None:
                self.metrics.closed.add(1, reason)
            peer.flush(self._loop.time())
            peer.closing = self._loop.create_task(peer.ws.close(code, reason), name="regrow-gateway-close")

    def left(self, peer: Peer, *, too_big: bool = False) -> None:
        """Note that a peer has gone, or is as good as gone; `too_big`: it could not take what it was sent."""
        if peer.joined:
            peer.joined = False
            self.feed(PeerLeft(peer.connection, too_big))

    def forget(self, peer: Peer) -> None:
        """Let go of what a peer that has gone had still to be told."""
        self._delivery.discard(peer)

    def end(self) -> None:
        """Hand the store what this turn has to save, and each peer what it has to be told."""
        self._ends = False
        self.commits.end_turn()
        self._flush()
        due = self._core.due()
        if due is not None:
            self.arm("broker", due, self._wake)
        if self.draining and not self._core.in_flight():
            self.idle.set()

    def arm(self, name: str, when: float, callback: Callable[[], None]) -> None:
        """Have `callback` called at a time of the loop; a timer of this name that was armed before is replaced."""
        known = self._timers.get(name)
        if known is not None:
            if not known.cancelled() and known.when() == when:
                return
            known.cancel()
        self._timers[name] = self._loop.call_at(when, callback)

    def disarm(self) -> None:
        """Cancel every timer."""
        for timer in self._timers.values():
            timer.cancel()

    def _schedule_end(self) -> None:
        if not self._ends:
            self._ends = True
            self._loop.call_soon(self.end)

    def _wake(self) -> None:
        self.feed(TimePassed())

    def _flush(self) -> None:
        now = self._loop.time()
        for peer in self._delivery.flush(now):
            logger.warning("{} does not read: {} messages wait", peer, peer.unsent)
            self.left(peer)
            peer.ws.transport.abort()
        if self._delivery.stalled:
            self.arm("flush", now + RETRY_FLUSH, self._flush)
