"""What a host and its hosted process say to each other, as frozen facts.

What lives here: the vocabulary of the link (one class a message) and nothing else. User values are `Buffer`s here,
encoded and decoded by those who send and receive them, so that the link never decodes what it only carries.
Actors are named by urn; `""` is the root actor of the hosted process. Wire integers end in `_ms`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias

from ..exits import Crash, ExitReason
from ..frames import Buffer
from ..ref_token import RefToken

__all__ = (
    "LINK_VERSION",
    "MISSING",
    "Acknowledge",
    "Ask",
    "ClosePort",
    "DemonitorRequest",
    "DownSignal",
    "ExitSignal",
    "Exited",
    "Hello",
    "Init",
    "InitFailed",
    "InitIgnored",
    "KillRequest",
    "LinkMessage",
    "LinkRequest",
    "LogLevels",
    "LogRecord",
    "Logs",
    "MonitorRequest",
    "Parcel",
    "Ready",
    "Reply",
    "Stop",
    "StopRequest",
    "Tell",
    "Tells",
    "UnlinkRequest",
    "Window",
)

LINK_VERSION: Final = 1
"""Version of this vocabulary. Both ends come from one installation, so another version is refused, not adapted to."""


MISSING: Final = -1
"""Stands in a Parcel for a descriptor that did not come, because this process had no room for it."""


# ── the life of the process ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Hello:
    """child -> parent, first: this process runs, and which life of the child it is."""

    pid: int
    incarnation: int
    version: int = LINK_VERSION


@dataclass(frozen=True, slots=True)
class Init:
    """parent -> child: what to become. `target` is an import path; `args` encodes `(args, kwargs)`.

    `args` must be decoded only after `target` was imported, since that registers the records in it. `context` is the
    environment data that is set on this side, encoded value by value.
    """

    target: str
    args: Buffer
    incarnation: int
    name: str = ""
    urn: str = ""
    parent: RefToken | None = None
    options: dict[str, object] = field(default_factory=dict)
    context: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ready:
    """child -> parent: the start has finished well; `info` encodes what the start gave besides."""

    info: Buffer = b""


@dataclass(frozen=True, slots=True)
class InitIgnored:
    """child -> parent, last: the start chose not to run."""


@dataclass(frozen=True, slots=True)
class InitFailed:
    """child -> parent, last: the start failed."""

    reason: ExitReason
    report: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stop:
    """parent -> child: end, within the deadline if there is one. A repeated Stop may shorten the deadline."""

    reason: ExitReason
    deadline_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Exited:
    """child -> parent, last, after everything it had to say: why it ends, and its last words."""

    reason: ExitReason
    report: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """either way, made by the protocol: nothing but the counters of its frame's header."""


@dataclass(frozen=True, slots=True)
class Window:
    """either way, heard by the protocol: how much either side may have unfinished at the other from now on."""

    messages: int
    bytes: int


# ── messages between actors ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Tell:
    """either way: a message for an actor."""

    to: str
    body: Buffer


@dataclass(frozen=True, slots=True)
class Tells:
    """either way: messages for one actor, in this order, that share a frame."""

    to: str
    bodies: tuple[Buffer, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """either way: a message for an actor that is to be answered under `ask_id`, which the sender counts.

    `waits`: the asker does nothing else until it has the answer.
    """

    to: str
    ask_id: int
    body: Buffer
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """either way: the answer to an Ask of the other side.

    `body` encodes the value if `ok`, else the exception; or it is the Crash that the asked one ended with.
    """

    ask_id: int
    ok: bool
    body: Buffer | Crash


@dataclass(frozen=True, slots=True)
class Parcel:
    """either way: a message with descriptors beside it, which are the receiver's from then on.

    Of an Init it moves the state as that does, and only the parent may say it.
    """

    message: Tell | Ask | Reply | Init
    descriptors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StopRequest:
    """either way: an actor of the other side is to stop."""

    target: str
    reason: ExitReason
    deadline_ms: int | None = None


@dataclass(frozen=True, slots=True)
class KillRequest:
    """either way: an actor of the other side is to be killed."""

    target: str


# ── ports ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ClosePort:
    """between the two ends of a port, last: this end has been closed, or who opened it has ended, for `reason`."""

    reason: ExitReason


# ── links and monitors ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """either way: `source`, an actor of the sender, and `target`, one of the receiver, share their fate from now on."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class UnlinkRequest:
    """either way: undo LinkRequest."""

    source: str
    target: str


@dataclass(frozen=True, slots=True)
class MonitorRequest:
    """either way: tell me by DownSignal under `monitor_id`, which the sender counts, when `target` ends."""

    monitor_id: int
    target: str


@dataclass(frozen=True, slots=True)
class DemonitorRequest:
    """either way: undo MonitorRequest."""

    monitor_id: int
    target: str = ""


@dataclass(frozen=True, slots=True)
class ExitSignal:
    """either way: `source` has ended, or asks `target` to (an exit signal of OTP)."""

    source: str
    target: str
    reason: ExitReason
    incarnation: int = 0


@dataclass(frozen=True, slots=True)
class DownSignal:
    """either way: what was monitored under `monitor_id` has ended."""

    monitor_id: int
    reason: ExitReason
    incarnation: int = 0


# ── logging ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """What somebody in the child logged, as data, for the user's own logger at home. `at` is UTC epoch seconds.

    `dropped`: how many of its process were dropped just before it, because they were made faster than they were read.
    """

    level: str
    text: str
    at: float
    context: dict[str, object] = field(default_factory=dict)
    sequence: int = 0
    source: str = ""
    exception: Crash | None = None
    pid: int = 0
    incarnation: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class LogLevels:
    """parent -> child: send home what is logged from these levels on, by logger; "" is the root. None: nothing."""

    levels: dict[str, object]


@dataclass(frozen=True, slots=True)
class Logs:
    """child -> parent: log records of this process, in this order, that share a frame (see `log_lane`)."""

    pid: int
    records: Buffer


LinkMessage: TypeAlias = (
    Hello
    | Init
    | Ready
    | InitIgnored
    | InitFailed
    | Stop
    | Exited
    | Acknowledge
    | Window
    | Tell
    | Tells
    | Ask
    | Reply
    | Parcel
    | StopRequest
    | KillRequest
    | LinkRequest
    | UnlinkRequest
    | MonitorRequest
    | DemonitorRequest
    | ExitSignal
    | DownSignal
    | ClosePort
    | Logs
    | LogLevels
)
