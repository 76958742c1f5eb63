"""How an outcome travels between the processes of a worker: encoded once, carried as bytes, decoded at the wire.

What lives here: the two conversions, nothing else.
"""

from __future__ import annotations

from typing import get_args

from ...protocol.codec import decode, encode
from ...protocol.errors import RemoteProtocolError
from ...protocol.exits import crash_of
from ...protocol.session.messages import Failure, FailureKind, Outcome, Success

__all__ = ("failure_of", "outcome_from_bytes", "outcome_to_bytes")

_KINDS = frozenset(get_args(FailureKind))


def outcome_to_bytes(outcome: Outcome) -> bytes:
    """Encode an outcome."""
    if isinstance(outcome, Success):
        return encode([True, outcome.value])
    return encode([False, outcome.kind, outcome.type, outcome.text, outcome.traceback, outcome.retryable])


def outcome_from_bytes(data: bytes) -> Outcome:
    """Decode what `outcome_to_bytes` wrote. Errors: RemoteProtocolError naming what was expected and got."""
    match decode(data):
        case [True, bytes() as value]:
            return Success(value)
        case [False, str() as kind, str() as name, str() as text, str() as traceback, bool() as retryable] if (
            kind in _KINDS
        ):
            return Failure(kind, name, text, traceback, retryable)  # type: ignore[arg-type]  # checked just above
        case other:
            raise RemoteProtocolError("outcome", expected="[True, value] or [False, kind, type, text, ...]", got=other)


def failure_of(kind: FailureKind, exc: BaseException, *, retryable: bool = False) -> Failure:
    """Turn an exception into a failure of this kind. Never raises, whatever the exception's `__str__` does."""
    crash = crash_of(exc)
    return Failure(kind, crash.type, crash.text, crash.traceback, retryable)
