"""What a client can be told, beside where its gateway is and by what right it asks."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Literal

from regrow.actors.roles.tls import DialTls
from regrow.connect.addresses import check_proxy

__all__ = ("ClientOptions",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Seconds unless the name says otherwise. Errors: ValueError naming what cannot be used."""

    default_timeout: float = 60.0  # of every call that names no timeout
    connect_timeout: float = 5.0  # of one attempt, until Ready
    backoff_base: float = 0.05  # the first reconnection waits up to this, the next up to twice as long
    backoff_cap: float = 5.0
    close_timeout: float = 1.0
    max_pending: int = 100_000  # requests that this client waits for; one more is refused
    max_attempts: int = 3  # of one request, if its failures are worth a retry
    priority: int = 0  # higher goes first
    ca_file: str | None = None  # PEM; whom to trust for wss: instead of the system's authorities
    cert_file: str | None = None  # PEM; what to show to a gateway that asks for a certificate
    key_file: str | None = None  # its key, unless that is in cert_file
    ssl: ssl.SSLContext | None = None  # or a context of one's own making
    proxy: str | Literal[True] | None = field(default=None, repr=False)  # as that of a worker

    def __post_init__(self) -> None:
        check_proxy(self.proxy)
        if self.ssl is not None and self.tls != DialTls():
            raise ValueError("ssl: expected nothing beside ca_file, cert_file and key_file, got a context")
        self.tls.check()

    @property
    def tls(self) -> DialTls:
        """The files."""
        return DialTls(ca_file=self.ca_file, cert_file=self.cert_file, key_file=self.key_file)
