"""TLS as a worker and a client speak it: whom they trust, and what they show of themselves.

What lives here: `DialTls`, files by name, and the context that they make. What must not: sockets.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from ...protocol.errors import RegrowError

__all__ = ("DialTls", "TlsFileError", "load_chain", "load_trusted")


class TlsFileError(RegrowError, ValueError):
    """A file of TLS could not be used; `what` says what it is for. No key is ever quoted."""

    def __init__(self, what: str, path: str, why: str) -> None:
        super().__init__(what, path, why)
        self.what = what
        self.path = path
        self.why = why

    def __str__(self) -> str:
        return f"{self.what} {self.path}: {self.why}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DialTls:
    """PEM files. `ca_file`: whom to trust instead of the system's authorities; `cert_file`: what to show to a gateway
    that asks for a certificate, with its `key_file`, unless the key is in it.
    """

    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    def check(self) -> None:
        """See that the files can be used, if there are any. Blocks for a moment. Errors: TlsFileError."""
        if self != DialTls():
            self.context()

    def context(self) -> ssl.SSLContext:
        """Read the files. Blocks for a moment. Errors: TlsFileError."""
        context = ssl.create_default_context() if self.ca_file is None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.ca_file is not None:
            load_trusted(context, self.ca_file, "ca_file")
        if self.cert_file is not None:
            load_chain(context, self.cert_file, self.key_file, "cert_file")
        elif self.key_file is not None:
            raise TlsFileError("key_file", self.key_file, "expected a cert_file beside it, got none")
        return context


def load_trusted(context: ssl.SSLContext, path: str, what: str) -> None:
    """Trust the authorities in a file. Errors: TlsFileError."""
    try:
        context.load_verify_locations(path)
    except OSError as error:  # ssl.SSLError is one
        raise TlsFileError(what, path, _why(error, "certificates in PEM")) from error


def load_chain(context: ssl.SSLContext, cert_file: str, key_file: str | None, what: str) -> None:
    """Show this certificate. Errors: TlsFileError."""
    try:
        context.load_cert_chain(cert_file, key_file, password=_no_password)
    except OSError as error:
        path = cert_file if key_file is None else f"{cert_file} with the key {key_file}"
        raise TlsFileError(what, path, _why(error, "a certificate and its key, not encrypted, in PEM")) from error


def _no_password() -> str:
    """Answer for nobody: OpenSSL would ask at the terminal, and a service has none. What is wrong follows."""
    return ""


def _why(error: OSError, expected: str) -> str:
    if isinstance(error, ssl.SSLError):
        return f"expected {expected}, got {error.reason or error}"
    return error.strerror or str(error)
