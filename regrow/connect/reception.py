"""The gateway's connections, from the first message to the last: who is let in, who has to go, what arrives.

What lives here: one task a connection, and the sweep over all of them. What must not: what a message means for work
(the broker's), and how answers go out (turn.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from loguru import logger
from websockets.exceptions import ConnectionClosed

from regrow.connect.auth import Doorkeeper
from regrow.connect.broker import PeerJoined, PeerSaid
from regrow.connect.door import TurnedAway, close_code_of, hear_connect, name_of, objection_to
from regrow.connect.peer import Peer
from regrow.connect.signed_tokens import Scope
from regrow.connect.turn import Turn
from regrow.protocol.errors import RemoteProtocolError
from regrow.protocol.session import close_codes
from regrow.protocol.session.features import GATEWAY_FEATURES
from regrow.protocol.session.messages import ADMIN_KINDS, ErrorMessage, Hello, Status, StatusRequest

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

__all__ = ("Reception",)


class Reception:
    """Runs in: the gateway's loop; `handle` in a task of its own for each connection."""

    def __init__(
        self, gateway: str, turn: Turn, doorkeeper: Doorkeeper, status: Callable[[], dict[str, object]]
    ) -> None:
        self.messages = 0  # that were received
        self._gateway = gateway
        self._turn = turn
        self._peers = turn.peers
        self._doorkeeper = doorkeeper
        self._options = turn.options
        self._metrics = turn.metrics
        self._status = status
        self._loop = asyncio.get_running_loop()
        self._next_peer = 0

    async def handle(self, ws: ServerConnection) -> None:
        """One connection from its first message to its last."""
        self._next_peer += 1
        peer = Peer(f"{self._gateway}-{self._next_peer}", ws, max_bytes=self._options.broker.max_message_bytes)
        self._peers[peer.connection] = peer
        try:
            await self._admit(peer)
            while True:
                self._received(peer, await ws.recv())
        except ConnectionClosed as closed:
            self._log_end(peer, closed)
            self._turn.left(peer, too_big=closed.rcvd is not None and closed.rcvd.code == close_codes.TOO_BIG)
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
            self._turn.left(peer)
            if peer.closing is not None:
                await asyncio.wait([peer.closing])  # or the library would close with a code of its own
            del self._peers[peer.connection]
            self._turn.forget(peer)
            peer.session.close()

    def sweep(self) -> None:
        """Let go of peers that have missed their heartbeats, or whose token is not good any more; again and again."""
        now = self._loop.time()
        for peer in [peer for peer in self._peers.values() if peer.joined and peer.closing is None]:
            if peer.session.beat_missed(now):
                silent = peer.session.silent_for(now)
                logger.warning("{} is gone: silent for {:.3f} s", peer, silent)
                self._turn.left(peer)
                self._reject(peer, close_codes.HEARTBEATS_MISSED, "heartbeats_missed", f"silent for {silent:.3f} s")
            elif away := objection_to(peer, self._doorkeeper):
                logger.warning("{} is let go: {}", peer, away)
                self._turn.left(peer)
                self._reject(peer, away.close_code, away.name, away.text, fatal=away.fatal)
        interval = min(1.0, self._options.broker.heartbeat_interval / 4)
        self._turn.arm("sweep", now + interval, self.sweep)

    async def _admit(self, peer: Peer) -> None:
        """Say Hello, hear Connect, and let the peer in. Errors: TurnedAway."""
        self._turn.say(peer.connection, Hello(gateway=self._gateway, features=GATEWAY_FEATURES))
        connect = await hear_connect(peer, self._doorkeeper, self._options.handshake_timeout)
        peer.name = name_of(peer, connect)
        peer.joined = True
        logger.debug("= {} joins", peer)
        self._turn.feed(PeerJoined(peer.connection, connect))

    def _received(self, peer: Peer, data: bytes | str) -> None:
        message = peer.hear(data, self._loop.time())
        self.messages += 1
        if self._metrics is not None:
            self._metrics.received_bytes.add(len(data))
        if message is None or not peer.joined:
            return
        if isinstance(message, ADMIN_KINDS) and (peer.right is None or not peer.right.covers(Scope.ADMIN)):
            text = "the token is not for administrators"
            error = ErrorMessage(scope="request", code="out_of_scope", text=text, request_id=message.query_id)
            self._turn.say(peer.connection, error)
        elif isinstance(message, ErrorMessage):
            logger.warning("< {} reports {}: {}", peer, message.code, message.text[:500])
        elif isinstance(message, StatusRequest):
            self._turn.say(peer.connection, Status(values=self._status()))
        else:
            self._turn.feed(PeerSaid(peer.connection, message))

    def _reject(self, peer: Peer, code: int, name: str, text: str, *, fatal: bool = False) -> None:
        """Say what is wrong with a connection, then close it."""
        self._turn.say(peer.connection, ErrorMessage(scope="connection", code=name, text=text, fatal=fatal))
        self._turn.close(peer, code, name)

    def _log_end(self, peer: Peer, closed: ConnectionClosed) -> None:
        sent = closed.sent
        if sent is not None and not closed.rcvd_then_sent and peer.closing is None and not self._turn.draining:
            logger.warning("{} was turned away: {} {}", peer, sent.code, sent.reason)  # the library found it at fault
        else:
            logger.debug("= {} has gone: {}", peer, closed)
