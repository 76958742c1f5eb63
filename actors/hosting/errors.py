"""What can go wrong with an OS process that hosts an actor, as errors with fields.

What lives here: the classes, all below `HostingError`, with their fields and texts. What must not: who raises them.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from ...protocol.errors import LocalProtocolError, RegrowError

if TYPE_CHECKING:
    from .port_states import PortState

__all__ = (
    "CommandNotReady",
    "CountersFull",
    "HostingError",
    "LaunchFailed",
    "LimitExceeded",
    "LinkLost",
    "NotImportable",
    "OutOfDescriptors",
    "OutboxFull",
    "PortUnusable",
    "Quarantined",
)


class HostingError(RegrowError):
    """Root of the errors of hosted processes."""


class NotImportable(HostingError):
    """`subject` cannot be named by an import path, or the path leads nowhere; `why` says what to do about it."""

    def __init__(self, subject: str, why: str) -> None:
        super().__init__(subject, why)
        self.subject = subject
        self.why = why

    def __str__(self) -> str:
        return f"cannot import {self.subject} in another process: {self.why}"


class LaunchFailed(HostingError):
    """No process came to be; `why` says what the operating system or the zygote answered."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"cannot launch a process: {self.why}"


class LimitExceeded(HostingError):
    """A process was killed because it used more than one of its `Limits` allows."""

    def __init__(self, limit: str, allowed: int, got: int) -> None:
        super().__init__(limit, allowed, got)
        self.limit = limit
        self.allowed = allowed
        self.got = got

    def __str__(self) -> str:
        return f"{self.limit}: {_mib(self.allowed)} are allowed, it had {_mib(self.got)}"


class LinkLost(HostingError):
    """A process has ended its link and went on running, so that nobody could reach it: its descriptor was closed."""

    def __init__(self, who: object, seconds: float) -> None:
        super().__init__(str(who), seconds)
        self.who = str(who)
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.who} has closed its link, and ran on for {self.seconds:g} seconds"


class OutboxFull(HostingError):
    """A message was refused because what waits to be written to the process is over its bound."""

    def __init__(self, to: object, *, waiting_bytes: int, limit_bytes: int) -> None:
        super().__init__(str(to), waiting_bytes, limit_bytes)
        self.to = str(to)
        self.waiting_bytes = waiting_bytes
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"outbox of {self.to} is full: {self.waiting_bytes} bytes wait, the limit is {self.limit_bytes}"


class OutOfDescriptors(HostingError, LocalProtocolError):
    """A message was lost for want of descriptors: raise the limit (`ulimit -n`, RLIMIT_NOFILE), or close some."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(what, got=limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"{self.what} (limit {self.limit}): raise RLIMIT_NOFILE (ulimit -n), or close some"


class CountersFull(HostingError):
    """A process cannot add to `Counters`: each row is held by another one that lives. Make them with more `rows`."""

    def __init__(self, names: tuple[str, ...], rows: int) -> None:
        super().__init__(names, rows)
        self.names = names
        self.rows = rows

    def __str__(self) -> str:
        return f"counters {', '.join(self.names)}: all {self.rows} rows are held by other processes that live"


class PortUnusable(HostingError):
    """A port is not in the state that is needed to do `what` with it: it was closed, opened or handed over before."""

    def __init__(self, what: str, expected: PortState, got: PortState) -> None:
        super().__init__(what, expected, got)
        self.what = what
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"{self.what}: expected a port that is {self.expected.value}, got one that is {self.got.value}"


class Quarantined(HostingError, LocalProtocolError):
    """A message was refused because too many processes have died with it in hand; `Quarantine.release` lets it in."""

    def __init__(self, to: object, in_hand: str, digest: int, deaths: int) -> None:
        super().__init__(str(to))
        self.to = str(to)
        self.in_hand = in_hand
        self.digest = digest
        self.deaths = deaths

    def __str__(self) -> str:
        return f"{self.in_hand} ({self.digest:016x}) is quarantined: {self.deaths} processes of {self.to} died of it"


class CommandNotReady(HostingError):
    """An external program was not ready in time, or ended before."""

    def __init__(self, argv: tuple[str, ...], why: str) -> None:
        super().__init__(argv, why)
        self.argv = argv
        self.why = why

    def __str__(self) -> str:
        return f"{shlex.join(self.argv)} is not ready: {self.why}"


def _mib(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB"
