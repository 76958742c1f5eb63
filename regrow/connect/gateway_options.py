"""What a gateway can be told, beside where it listens, whom it lets in and where it remembers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from regrow.connect.broker.retry import RetryPolicy
from regrow.connect.broker.routing import Routing
from regrow.connect.broker.settings import BrokerSettings
from regrow.connect.gateway_tls import ServerTls

__all__ = ("GatewayOptions",)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """Seconds unless the name says otherwise. Errors: ValueError naming the field."""

    broker: BrokerSettings = field(default_factory=BrokerSettings)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    routing: Routing | None = None  # None: LeastBusy
    handshake_timeout: float = 5.0  # from the TCP connection to Connect; as in inngest's gateway
    send_timeout: float = 10.0  # a peer that reads nothing, or has more unsent than it may, for so long is let go
    close_timeout: float = 1.0  # websockets' default of 10 s is added to every detection of a dead peer
    drain_timeout: float = 25.0  # work in flight may take so long at a stop; below the 30 s of kubernetes
    max_connections: int = 50_000
    max_unsent: int = 100_000  # messages to one peer
    max_unsent_bytes: int = 64 * 1024 * 1024  # to one peer, beside arguments and results, which the broker keeps
    allow_anonymous: bool = False  # listen without a token beyond this machine
    seed: int | None = None  # of the jitter of retries
    tls: ServerTls | None = None  # files, which SIGHUP reads again
    ssl: ssl.SSLContext | None = None  # or a context of one's own making
    metrics: bool = False  # answer GET /metrics on the port that peers use, to whoever asks

    def __post_init__(self) -> None:
        if self.tls is not None and self.ssl is not None:
            raise ValueError("ssl: expected nothing beside tls, got a context")

    @property
    def secure(self) -> bool:
        """Whether it speaks TLS."""
        return self.tls is not None or self.ssl is not None
