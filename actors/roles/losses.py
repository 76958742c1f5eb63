"""What there is no connection for: every way in which a dial or a session ends, in classes that say what follows.

What lives here: `Loss`, and the tables that read HTTP answers, close codes and errors of the gateway, pure. What must
not: waiting, choosing (`reconnect.py`), and the exceptions of the WebSocket library (`dial_errors.py`).
docs/reference/session-protocol.md has the tables for users.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final, Literal, TypeAlias

from ...protocol.session import close_codes

__all__ = (
    "CLOSES",
    "CREDENTIAL_CODES",
    "STATUSES",
    "TOO_BIG",
    "Loss",
    "LossKind",
    "Reading",
    "loss_of_close",
    "loss_of_refusal",
    "loss_of_status",
    "seconds_of",
)

LossKind: TypeAlias = Literal["unreachable", "refused", "closed", "silent", "garbage", "credentials", "fatal"]

CREDENTIAL_CODES: Final = frozenset({"unauthorized", "out_of_scope", "token_expired"})
"""Errors of a gateway that another token may heal."""

TOO_BIG: Final = "too_big"
"""The code of a loss by a message that was too large for the other side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Why there is no connection. `retry_after`: seconds to wait at least, as the gateway or its close code asks."""

    kind: LossKind
    code: str
    text: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a number means: its class, our name for it, and the least wait in seconds."""

    kind: LossKind
    code: str
    wait: float | None = None


CLOSES: Final[dict[int, Reading]] = {
    # RFC 6455 section 7.4.1 and the IANA registry
    1000: Reading("closed", "closed"),
    1001: Reading("closed", "going_away"),
    1002: Reading("garbage", "protocol"),
    1003: Reading("garbage", "protocol"),
    1007: Reading("garbage", "protocol"),
    1008: Reading("refused", "policy", 5.0),  # the same Connect breaks the same policy; who sets it may change it
    1009: Reading("refused", TOO_BIG, 1.0),
    1011: Reading("closed", "internal_error", 1.0),
    1012: Reading("closed", "restarting", 0.2),  # told to everybody at once: nobody may come at once
    1013: Reading("refused", "try_later", 5.0),
    1014: Reading("closed", "bad_gateway", 1.0),
    # our own
    close_codes.BAD_CONNECT: Reading("fatal", "bad_connect"),
    close_codes.UNAUTHORIZED: Reading("credentials", "unauthorized"),
    close_codes.OUT_OF_SCOPE: Reading("credentials", "out_of_scope"),
    close_codes.HANDSHAKE_TIMEOUT: Reading("closed", "handshake_timeout"),
    close_codes.STALE_EPOCH: Reading("fatal", "stale_epoch"),
    close_codes.SUPERSEDED: Reading("closed", "superseded", 5.0),  # two with one instance must not chase each other
    close_codes.HEARTBEATS_MISSED: Reading("closed", "heartbeats_missed"),
    close_codes.SLOW_CONSUMER: Reading("closed", "slow_consumer", 1.0),
    close_codes.UNSUPPORTED_VERSION: Reading("fatal", "unsupported"),
}
"""What a close code means; one that is not here is `closed` and asks for no wait."""

STATUSES: Final[dict[int, Reading]] = {
    401: Reading("credentials", "unauthorized"),
    403: Reading("credentials", "unauthorized"),
    404: Reading("refused", "http_404", 5.0),  # something else listens there, and may be replaced
    407: Reading("refused", "http_407", 5.0),  # the proxy wants to know who we are
    426: Reading("refused", "http_426", 5.0),
    429: Reading("refused", "http_429", 1.0),
    503: Reading("refused", "http_503"),
}
"""What an HTTP answer means that was no upgrade; one that is not here is `refused` and asks for no wait."""


def loss_of_status(status: int, retry_after: str | None, body: str, epoch: float) -> Loss:
    """Read an HTTP answer that was no upgrade. `epoch`: the wall clock, for a Retry-After that is a date."""
    text = f"HTTP {status} {body}".strip()
    if status == 400 and "unsupported version" in body:
        return Loss(kind="fatal", code="unsupported", text=text)
    reading = STATUSES.get(status, Reading("refused", f"http_{status}"))
    wish = seconds_of(retry_after, epoch)
    return Loss(kind=reading.kind, code=reading.code, text=text, retry_after=reading.wait if wish is None else wish)


def loss_of_close(code: int | None, reason: str) -> Loss:
    """Read a WebSocket close; None: the connection was lost without one."""
    if code is None:
        return Loss(kind="closed", code="lost", text=f"connection lost {reason}".strip())
    reading = CLOSES.get(code, Reading("closed", f"close_{code}"))
    text = f"closed with {code} {reason}".strip()
    return Loss(kind=reading.kind, code=reading.code, text=text, retry_after=reading.wait)


def loss_of_refusal(code: str, text: str, *, fatal: bool) -> Loss:
    """Read an ErrorMessage of scope connection."""
    if code in CREDENTIAL_CODES:
        return Loss(kind="credentials", code=code, text=text)
    return Loss(kind="fatal" if fatal else "refused", code=code, text=text)


def seconds_of(header: str | None, epoch: float) -> float | None:
    """Read Retry-After: seconds, or an HTTP date; None for what is neither. Source: RFC 9110 section 10.2.3.

    >>> seconds_of("120", 0.0), seconds_of("Thu, 01 Jan 1970 00:01:40 GMT", 70.0), seconds_of("soon", 0.0)
    (120.0, 30.0, None)
    """
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - epoch
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
