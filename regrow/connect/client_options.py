"""What a client can be told, beside where its gateway is and by what right it asks."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

__all__ = ("ClientOptions",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Seconds unless the name says otherwise."""

    default_timeout: float = 60.0  # of every call that names no timeout
    connect_timeout: float = 5.0  # of one attempt, until Ready
    backoff_base: float = 0.05  # the first reconnection waits up to this, the next up to twice as long
    backoff_cap: float = 5.0
    close_timeout: float = 1.0
    max_pending: int = 100_000  # requests that this client waits for; one more is refused
    max_attempts: int = 3  # of one request, if its failures are worth a retry
    priority: int = 0  # higher goes first
    ssl: ssl.SSLContext | None = None
