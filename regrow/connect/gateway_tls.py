"""TLS of a gateway: its certificate, and from whom it wants one.

What lives here: `ServerTls`, files by name, the context that they make, and reading them again under its feet. What
must not: sockets.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from loguru import logger

from regrow.actors.roles.tls import load_chain, load_trusted

__all__ = ("ServerTls", "server_tls")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """PEM files. `key`: unless the key is in `cert`. `client_ca`: only peers with a certificate of these authorities
    are talked to at all; their tokens are asked for all the same.
    """

    cert: str
    key: str | None = None
    client_ca: str | None = None

    def context(self) -> ssl.SSLContext:
        """Read the files. Blocks for a moment. Errors: TlsFileError."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sslobject_class = _Handshake
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        load_chain(context, self.cert, self.key, "TLS certificate")
        if self.client_ca is not None:
            load_trusted(context, self.client_ca, "TLS client authorities")
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def reload(self, live: ssl.SSLContext) -> None:
        """Read the files again, for the connections to come. Errors: TlsFileError; then all stays as it was.

        An authority that is new in `client_ca` is trusted from now on; one that is gone stays trusted until the gateway
        is started again, because a context forgets none.
        """
        self.context()  # a key that does not fit would leave the live context with half of each
        load_chain(live, self.cert, self.key, "TLS certificate")
        if self.client_ca is not None:
            load_trusted(live, self.client_ca, "TLS client authorities")


class _Handshake(ssl.SSLObject):
    """Tells our log why a peer was refused: asyncio keeps it to itself, and the peer is often not told."""

    def do_handshake(self) -> None:
        """Go on with it. Errors: ssl.SSLError."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or (error.reason or str(error)).replace("_", " ").lower()
            level = "WARNING" if "certificate" in str(error).lower() else "DEBUG"  # the rest is who did not mean us
            logger.log(level, "a peer got no TLS: {}", why)
            raise


def server_tls(cert: str | None, key: str | None, client_ca: str | None) -> ServerTls | None:
    """Give the files, None without a certificate. Errors: ValueError for what makes no sense without one."""
    if cert is not None:
        return ServerTls(cert=cert, key=key, client_ca=client_ca)
    for name, given in (("key", key), ("client authorities", client_ca)):
        if given is not None:
            raise ValueError(f"TLS {name}: expected a TLS certificate beside it, got none")
    return None
