"""The terms of a request as bytes in a column; what a newer version says beyond ours is dropped."""

from __future__ import annotations

from typing import Final

from regrow.protocol.packing import pack_plain, unpack_plain
from regrow.protocol.schema import Schema
from regrow.protocol.session.messages import Terms

__all__ = ("terms_from_bytes", "terms_to_bytes")

_SCHEMA: Final = Schema(Terms, "terms")
_MAX_BYTES: Final = 1024 * 1024  # beyond anything that is taken on


def terms_to_bytes(terms: Terms | None) -> bytes | None:
    """Write them down; a request without any has none."""
    return None if terms is None else pack_plain(_SCHEMA.to_wire(terms))


def terms_from_bytes(data: bytes | None) -> Terms | None:
    """Read what was written down. Errors: RemoteProtocolError for what nobody wrote."""
    return None if data is None else _SCHEMA.from_wire(unpack_plain(data, what="terms", max_bytes=_MAX_BYTES))
