"""The WebSocket close codes that the gateway uses: those of RFC 6455 where one fits, 4xxx of our own where none does.

A peer that is told `fatal` by an ErrorMessage, or sees a code of `FATAL`, shall not come back with the same Connect.
"""

from __future__ import annotations

from typing import Final

__all__ = (
    "BAD_CONNECT",
    "FATAL",
    "HANDSHAKE_TIMEOUT",
    "HEARTBEATS_MISSED",
    "INTERNAL_ERROR",
    "NORMAL",
    "OUT_OF_SCOPE",
    "PROTOCOL_ERROR",
    "RESTARTING",
    "SLOW_CONSUMER",
    "STALE_EPOCH",
    "SUPERSEDED",
    "TEXT_FRAME",
    "TOO_BIG",
    "TRY_LATER",
    "UNAUTHORIZED",
    "UNSUPPORTED_VERSION",
)

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002  # RFC 6455 7.4.1
TEXT_FRAME: Final = 1003  # "a type of data it cannot accept"
TOO_BIG: Final = 1009
INTERNAL_ERROR: Final = 1011
RESTARTING: Final = 1012  # IANA registry: service restart; come back, with jitter
TRY_LATER: Final = 1013  # IANA registry: overloaded
BAD_CONNECT: Final = 4400
UNAUTHORIZED: Final = 4401
OUT_OF_SCOPE: Final = 4403
HANDSHAKE_TIMEOUT: Final = 4408
STALE_EPOCH: Final = 4409
SUPERSEDED: Final = 4410
HEARTBEATS_MISSED: Final = 4411
SLOW_CONSUMER: Final = 4412
UNSUPPORTED_VERSION: Final = 4426  # as HTTP 426: another version is required

FATAL: Final = frozenset({BAD_CONNECT, UNAUTHORIZED, OUT_OF_SCOPE, STALE_EPOCH, UNSUPPORTED_VERSION})
