"""When an external program counts as ready: a closed sum of values, each checked when it is made.

What lives here: the values, and a look at a port or a file. What must not: waiting (command.py).
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from .capture import LineSplitter

if TYPE_CHECKING:
    from .pipes import Stream

__all__ = (
    "PROBE_SECONDS",
    "FileReady",
    "LineReady",
    "LineWatch",
    "NotifyReady",
    "PortReady",
    "Readiness",
    "check_readiness",
)

PROBE_SECONDS: Final = 0.05  # between two looks at a port or a file; nobody tells of those


@dataclass(frozen=True, slots=True)
class LineReady:
    """Ready when a line of its output matches this regular expression (anywhere in it).

    Errors: ValueError for what is no regular expression, or no stream.
    """

    pattern: str
    stream: Literal["stdout", "stderr", "any"] = "any"

    def __post_init__(self) -> None:
        pattern: object = self.pattern
        try:
            re.compile(pattern if isinstance(pattern, str) else "(")
        except re.error as error:
            raise ValueError(f"LineReady.pattern: expected a regular expression, got {pattern!r} ({error})") from None
        if self.stream not in {"stdout", "stderr", "any"}:
            raise ValueError(f'LineReady.stream: expected "stdout", "stderr" or "any", got {self.stream!r}')

    def matches(self, stream: Stream, line: str) -> bool:
        """Say whether this line is the one."""
        return self.stream in ("any", stream) and re.search(self.pattern, line) is not None


@dataclass(frozen=True, slots=True)
class PortReady:
    """Ready when it accepts TCP connections on this port. Errors: ValueError for what is no port."""

    port: int
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        port: object = self.port
        if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
            raise ValueError(f"PortReady.port: expected an integer from 1 to 65535, got {port!r}")

    def holds(self) -> bool:
        """Look once; at most for the time between two looks."""
        try:
            with socket.create_connection((self.host, self.port), timeout=PROBE_SECONDS):
                return True
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class FileReady:
    """Ready when this file exists. One left over from the run before is removed at the start.

    Errors: ValueError for an empty path.
    """

    path: str

    def __post_init__(self) -> None:
        path: object = self.path
        if not isinstance(path, str) or not path:
            raise ValueError(f"FileReady.path: expected a path, got {path!r}")

    def holds(self) -> bool:
        """Look once."""
        return Path(self.path).exists()


@dataclass(frozen=True, slots=True)
class NotifyReady:
    """Ready when it says so itself, by sd_notify(3): `READY=1` to the socket that NOTIFY_SOCKET names.

    `STATUS=...` is shown in its description, before and after. Whatever it starts may say it, too, as with systemd's
    NotifyAccess=all. `abstract`: a socket without a path (Linux), for a program that sees another file system.
    Source: sd_notify(3).
    """

    abstract: bool = False


Readiness: TypeAlias = LineReady | PortReady | FileReady | NotifyReady


class LineWatch:
    """Looks for the line in the whole output of a program, also in what the rate limit does not let pass."""

    def __init__(self, ready: LineReady) -> None:
        self._ready = ready
        self._streams: dict[Stream, LineSplitter] = {}

    def feed(self, stream: Stream, data: bytes) -> bool:
        """Take what was read; say whether the line was in it."""
        lines = self._streams.setdefault(stream, LineSplitter()).feed(data)
        return any(self._ready.matches(stream, line) for line in lines)


def check_readiness(ready: object) -> None:
    """Raise ValueError unless this is one readiness, or None."""
    if ready is not None and not isinstance(ready, Readiness):
        kinds = ", ".join(kind.__name__ for kind in get_args(Readiness))
        raise ValueError(f"Command.ready: expected one of {kinds}, or None, got {ready!r}")
