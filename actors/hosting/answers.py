"""What a failed answer from another process means to the asker."""

from __future__ import annotations

from typing import Final

from ...protocol.exits import NOPROC, Crash, ExitReason
from ...protocol.remote_error import RemoteError
from ..errors import ActorDeadError
from ..ref import ActorRef

__all__ = ("error_of",)

_DEAD_TYPE: Final = f"{ActorDeadError.__module__}.{ActorDeadError.__qualname__}"


def error_of(ref: ActorRef, value: object) -> BaseException:
    """Give what the ask of `ref` fails with: ActorDeadError if it was dead, else what its handler raised, as data."""
    if not isinstance(value, RemoteError):
        return value if isinstance(value, BaseException) else RemoteError(Crash("answer", repr(value)))
    # Not every ActorDeadError is about the asked one: its handler may have asked somebody dead.
    arguments = [*value.arguments, None, None]
    about, known = arguments[:2]
    if value.crash.type == _DEAD_TYPE and about in (ref, ref.urn):
        return ActorDeadError(ref, known if isinstance(known, ExitReason) else NOPROC)
    return value
