"""The way home, as code in a hosted process sees it: its parent, its log lane, its black box."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from types import CoroutineType
from typing import TYPE_CHECKING, Final

from ...protocol.errors import CodecError, RemoteProtocolError
from ...protocol.exits import Crash
from ...protocol.host.log_lane import LogLane, pack_record
from ...protocol.host.messages import LogRecord, Logs
from ..crash_frames import OUR_FILES
from ..dispatchers.thread import ThreadDispatcher
from ..events import LogReceived, OutputCaptured
from ..life import Life
from ..ref import ActorRef
from .black_box import BlackBoxWriter
from .digests import Digests
from .link_socket import LinkSocket
from .port import PortMessage

if TYPE_CHECKING:
    from .log_route import LogRoute
    from .loop import IoLoop
    from .ports import Ports

__all__ = ("Home", "linger_at", "record_handling")

LOGS_AT_ONCE: Final = 256  # so many are written by who logs, without waiting for the I/O thread
TEXT_MAX_CHARS: Final = 64 * 1024  # of one record
RECORD_MAX_BYTES: Final = 1024 * 1024  # a larger one is lost
_TEXT_SHOWN: Final = 80
_TYPES_KEPT: Final = 64  # of messages, with their names
_MAY_WAIT: Final = frozenset({"trace", "debug", "info", "success"})  # levels


class Home:
    """`system.host_link` of a hosted process. Runs in: any thread; never blocks."""

    def __init__(self, parent: ActorRef, link: LinkSocket, black_box: BlackBoxWriter, loop: IoLoop) -> None:
        self.loop: Final = loop  # the I/O thread
        self.ports: Ports | None = None  # set once somebody has opened one
        self._parent = parent
        self._link = link
        self._black_box = black_box
        self._lock = threading.RLock()  # a __del__ may log while a record is being packed
        self._sequence = 0
        self._lane = LogLane()
        self._pid = os.getpid()
        self._closed = self._disowned = False
        self._route: LogRoute | None = None
        link.log_lane = self._take_logs

    @property
    def parent(self) -> ActorRef:
        """Who began this process on the other side."""
        return self._parent

    def log(self, record: LogRecord) -> None:
        """Send a record home, numbered. One that is refused leaves a gap in the numbers, which home reports as lost."""
        at_once = record.level.lower() not in _MAY_WAIT
        self.say(
            record.level,
            record.text,
            record.at,
            record.context,
            source=record.source,
            exception=record.exception,
            at_once=at_once,
        )

    def say(
        self,
        level: str,
        text: str,
        at: float,
        context: dict[str, object],
        *,
        source: str = "",
        exception: Crash | None = None,
        at_once: bool = True,
    ) -> None:
        """Send what a record says: `at_once` is for what may be the last before a crash, all else goes soon."""
        lane = self._lane
        if self._disowned:
            return
        with self._lock:
            self._sequence = sequence = self._sequence + 1
            self._black_box.logged(sequence)
            try:
                packed = pack_record(
                    sequence, level, text[:TEXT_MAX_CHARS], at, context, source=source, exception=exception
                )
            except CodecError:
                return  # the number is used up: that is how the loss is known
            if self._closed or len(packed) > RECORD_MAX_BYTES:
                return
            lane.add(packed)
        self._link.write_logs(at_once=at_once or len(lane) % LOGS_AT_ONCE == 0)

    def want(self, levels: object) -> None:
        """Send home what is logged with `logging` from these levels on, by the name of the logger; nothing if none."""
        if self._route is None:
            if not levels:
                return
            from .log_route import LogRoute  # only where it is wanted: it imports `logging`

            self._route = LogRoute(self)
        self._route.apply(_levels_of(levels))

    def disown(self) -> None:
        """Let go of ports and of the lane in a fork: what it logs goes to stderr, as where nothing else was said.

        Runs in: the only thread of the fork.
        """
        self._lock = threading.RLock()  # another thread may have held it when it forked
        self._disowned = True
        if self.ports is not None:
            self.ports.disown()
        if self._route is not None:
            self._route.apply({})

    def send_logs(self) -> None:
        """Send all that waits; what is logged later is lost. For the end, before the last words.

        Errors: LocalProtocolError if the link has ended.
        """
        with self._lock:
            self._closed = True
        self._link.send_logs()

    def _take_logs(self) -> Logs | None:
        """Runs in: whichever thread writes, with the link's lock, so nothing here may wait for that."""
        with self._lock:
            return self._lane.take(self._pid)

    def pass_on(self, event: object, *, at: float) -> None:
        """Send home what a process that was started here has logged, or printed at `at`, with its name in front."""
        match event:
            case LogReceived(ref, record):
                self.log(replace(record, text=f"[{ref.name}] {record.text}"))
            case OutputCaptured(ref, stream, line):
                text = f"[{ref.name} {stream}] {line}"
                self.log(LogRecord(level="INFO", text=text, at=at, context={"stream": stream}, source=ref.name))

    def work_on(self, text: str) -> None:
        """Say what another thread than the root's works on from now on; "" when it has done. Only in that thread."""
        self._black_box.work_on(text, time.monotonic_ns())

    def in_hand(self, text: str) -> None:
        """Say better what the message in hand is: a function's name, a request's id. Only in the root's handler."""
        self._black_box.describe(text)


def _levels_of(levels: object) -> dict[str, int]:
    """Read what home wants. Errors: RemoteProtocolError for what are no levels by name."""
    if levels is None:
        return {}
    if isinstance(levels, dict) and all(isinstance(name, str) and type(n) is int for name, n in levels.items()):
        return levels
    raise RemoteProtocolError("log levels", expected="numbers by the names of loggers", got=levels)


def record_handling(root: ActorRef, black_box: BlackBoxWriter, digests: Digests | None = None) -> None:
    """Have every message that the root handles noted before, and crossed out after; with digests if there are any."""
    life = root.cell
    if not isinstance(life, Life) or life.actor is None:
        return
    actor = life.actor
    mailbox = life.mailbox
    receive, waiting = actor.on_receive, mailbox.user.__len__ if mailbox.plain else mailbox.waiting
    take, put_down, now_ns, numbers = black_box.take, black_box.put_down, time.monotonic_ns, itertools.count(1)
    words: dict[type, str] = {}  # for messages of which only the type is written down

    def on_receive(message: object) -> object:
        if digests is not None:
            black_box.digest(digests.taken(message))
        take(next(numbers), words.get(type(message)) or _text_of(message, words), now_ns())
        try:
            answer = receive(message)
        except BaseException:
            put_down(waiting())
            raise
        if type(answer) is CoroutineType:
            return _put_down_after(answer, black_box, waiting)
        put_down(waiting())
        return answer

    actor.on_receive = on_receive  # type: ignore[method-assign]


def linger_at(root: ActorRef, link: LinkSocket) -> None:
    """Have the root's own thread, if it has one, wait for the next message at the link itself. Runs in: that thread."""
    life = root.cell
    if isinstance(life, Life) and isinstance(life.dispatcher, ThreadDispatcher):
        with suppress(OSError):  # it has used up its descriptors: then it hears by the loop alone, which takes longer
            life.dispatcher.linger(life, link.read_here)


async def _put_down_after(
    coroutine: Coroutine[object, object, object], black_box: BlackBoxWriter, waiting: Callable[[], int]
) -> object:
    try:
        return await coroutine
    finally:
        black_box.put_down(waiting())


def _text_of(message: object, words: dict[type, str]) -> str:
    kind = type(message)
    if kind is str:
        return f"str {str(message)[:_TEXT_SHOWN]!r}"
    if kind is PortMessage:
        return f"PortMessage: {_text_of(message.message, words)}"  # type: ignore[attr-defined]
    if len(words) >= _TYPES_KEPT:
        words.clear()
    words[kind] = kind.__qualname__
    return kind.__qualname__


OUR_FILES.add(__file__)
