"""The kinds of moments that the broker waits for."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

__all__ = ("Due", "Timer")


class Timer(StrEnum):
    """What falls due, and what the two names beside it in a `Due` are."""

    LEASE = "lease"  # (instance, request_id)
    DEADLINE = "deadline"  # (request_id, "")
    RETRY = "retry"  # (request_id, "")
    BUSY = "busy"  # (instance, ""): a worker that refused may be asked again
    UNSERVED = "unserved"  # (function, labels): nobody has come to serve it
    FORGET = "forget"  # (request_id, ""): that result; ("", ""): the oldest of those that are kept as long as any


Due: TypeAlias = tuple[Timer, str, str]
