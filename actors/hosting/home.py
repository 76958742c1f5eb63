"""The way home, as code in a hosted process sees it: its parent, its log lane, its black box."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import CoroutineType
from typing import Final

from ...protocol.errors import ProtocolError
from ...protocol.host.messages import Log, LogRecord
from ..crash_frames import OUR_FILES
from ..events import LogReceived, OutputCaptured
from ..life import Life
from ..ref import ActorRef
from .black_box import BlackBoxWriter
from .errors import OutboxFull
from .link_socket import LinkSocket

__all__ = ("Home", "record_handling")

_TEXT_SHOWN: Final = 80


class Home:
    """`system.host_link` of a hosted process. Runs in: any thread; never blocks."""

    def __init__(self, parent: ActorRef, link: LinkSocket, black_box: BlackBoxWriter) -> None:
        self._parent = parent
        self._link = link
        self._black_box = black_box
        self._lock = threading.Lock()
        self._sequence = 0

    @property
    def parent(self) -> ActorRef:
        """Who began this process on the other side."""
        return self._parent

    def log(self, record: LogRecord) -> None:
        """Send a record home, numbered. One that is refused leaves a gap in the numbers, which home reports as lost."""
        with self._lock:
            self._sequence += 1
            self._black_box.logged(self._sequence)
            numbered = replace(
                record, sequence=self._sequence, pid=os.getpid(), incarnation=self._black_box.incarnation
            )
            try:
                self._link.send(Log(numbered))
            except (ProtocolError, OutboxFull):
                return  # the number is used up: that is how the loss is known

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
        self._black_box.work_on(text)

    def in_hand(self, text: str) -> None:
        """Say better what the message in hand is: a function's name, a request's id. Only in the root's handler."""
        self._black_box.describe(text)


def record_handling(root: ActorRef, black_box: BlackBoxWriter) -> None:
    """Have every message that the root handles noted before, and crossed out after."""
    life = root.cell
    if not isinstance(life, Life) or life.actor is None:
        return
    actor = life.actor
    receive, waiting = actor.on_receive, life.mailbox.waiting
    numbers = itertools.count(1)

    def on_receive(message: object) -> object:
        black_box.take(next(numbers), _text_of(message), time.monotonic_ns())
        try:
            answer = receive(message)
        except BaseException:
            black_box.put_down(waiting())
            raise
        if type(answer) is CoroutineType:
            return _put_down_after(answer, black_box, waiting)
        black_box.put_down(waiting())
        return answer

    actor.on_receive = on_receive  # type: ignore[method-assign]


async def _put_down_after(
    coroutine: Coroutine[object, object, object], black_box: BlackBoxWriter, waiting: Callable[[], int]
) -> object:
    try:
        return await coroutine
    finally:
        black_box.put_down(waiting())


def _text_of(message: object) -> str:
    kind = type(message)
    if kind is str:
        return f"str {str(message)[:_TEXT_SHOWN]!r}"
    return kind.__qualname__


OUR_FILES.add(__file__)
