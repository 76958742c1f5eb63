"""The actors of `benchmarks.processes`: what regrow's hosted processes run, and who hears of them at home."""

from __future__ import annotations

import time
import zlib
from queue import SimpleQueue
from typing import Any

import pykka

from benchmarks.process_blob import look
from benchmarks.process_goods import Bin, Tally, small
from benchmarks.process_logs import WORDS, say_by_logging
from regrow.actors import Actor, Blob
from regrow.protocol.host.messages import LogRecord

__all__ = ("Bucket", "Chronicler", "Counter", "Echo", "Listener", "Looker", "Sender")


class Echo(Actor):
    """Answers what it is asked."""

    def on_receive(self, message: object) -> object:
        return message


class Counter(Actor):
    """Counts what it is told; answers how much that was."""

    def __init__(self) -> None:
        super().__init__()
        self._tally = Tally()

    def on_receive(self, message: Any) -> object:
        if message == "said":
            return self._tally.said()
        self._tally.take(message)
        return None


class Sender(Actor):
    """Tells somebody so many small messages."""

    def on_receive(self, message: tuple[int, pykka.ActorRef[Any]]) -> None:
        count, to = message
        for number in range(count):
            to.tell(small(number))


class Chronicler(Actor):
    """Logs so much, by `logging` or as data, and ends."""

    def on_receive(self, message: tuple[str, int]) -> None:
        way, count = message
        home = self.system.host_link
        if way == "logs":
            say_by_logging(count)
        elif home is not None:
            for number in range(count):
                home.log(LogRecord(level="info", text=WORDS % number, at=0.0))
        self.stop()


class Listener(Actor):
    """Puts the time and what it was when so much has come. Lives at home."""

    def __init__(self, expected: int, done: SimpleQueue[tuple[float, list[int]]]) -> None:
        super().__init__()
        self._left = expected
        self._tally = Tally()
        self._done = done

    def on_receive(self, message: Any) -> None:
        self._tally.take(message)
        self._left -= 1
        if not self._left:
            self._done.put((time.perf_counter(), self._tally.said()))


class Bucket(Actor):
    """Takes payloads, and looks at both ends of each."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._bin = Bin(size)

    def on_receive(self, message: Any) -> object:
        if message == "said":
            return self._bin.said()
        if isinstance(message, tuple):
            return zlib.crc32(message[0])
        self._bin.take(message)
        return None


class Looker(Actor):
    """Takes a blob, looks at it, and lets go of it."""

    def on_receive(self, message: Blob) -> object:
        with message, message.memory() as memory:
            return look(memory)
