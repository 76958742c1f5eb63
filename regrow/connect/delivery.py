"""What has to go out: the peers that have something unsent, written once a turn, and those that read too slowly."""

from __future__ import annotations

from typing import Final

from regrow.connect.gateway_options import GatewayOptions
from regrow.connect.peer import Peer

__all__ = ("RETRY_FLUSH", "Delivery")

RETRY_FLUSH: Final = 0.01
"""Seconds until a socket that was full is tried again: 100 times its buffer a second is more than it can take."""


class Delivery:
    """Runs in: the gateway's loop. Nothing here waits."""

    def __init__(self, options: GatewayOptions) -> None:
        self._options = options
        self._peers: dict[str, Peer] = {}

    @property
    def stalled(self) -> bool:
        """Whether something is left that a socket did not take."""
        return bool(self._peers)

    def add(self, peer: Peer) -> None:
        """Note that a peer has something unsent."""
        self._peers[peer.connection] = peer

    def discard(self, peer: Peer) -> None:
        """Forget a peer that has gone."""
        self._peers.pop(peer.connection, None)

    def flush(self, now: float) -> list[Peer]:
        """Write what the sockets take. Gives the peers that have read too little for too long; they are forgotten."""
        self._peers = {connection: peer for connection, peer in self._peers.items() if not peer.flush(now)}
        lost = [peer for peer in self._peers.values() if self._is_lost(peer, now)]
        for peer in lost:
            self.discard(peer)
        return lost

    def _is_lost(self, peer: Peer, now: float) -> bool:
        options = self._options
        if peer.unsent <= options.max_unsent and peer.unsent_bytes <= options.max_unsent_bytes:
            peer.behind_since = None
        elif peer.behind_since is None:
            peer.behind_since = now  # not lost yet: one turn may have had so much for a peer that reads well
        marks = [since for since in (peer.stalled_since, peer.behind_since) if since is not None]
        return bool(marks) and now - min(marks) >= options.send_timeout
