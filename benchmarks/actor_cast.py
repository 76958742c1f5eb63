"""The actors of `benchmarks.actors`, word for word the same for regrow and for pykka: a mixin beside either's Actor.

What lives here: what they do with a message. What must not: sides, rows.
They read the clock themselves, so that the thread that waits for them may wake up late.
"""

from __future__ import annotations

import time
from collections.abc import MutableSequence
from queue import SimpleQueue
from typing import Any

import pykka

__all__ = (
    "Asker",
    "AsyncAsker",
    "AsyncEcho",
    "AsyncPlayer",
    "AsyncSink",
    "Echo",
    "Fragile",
    "Greeter",
    "Player",
    "Sink",
    "Timed",
)


class Sink:
    """Counts what it gets; puts the time when it has got all of it, and answers how much it was."""

    def __init__(self, expected: int, done: SimpleQueue[object]) -> None:
        super().__init__()
        self._expected = expected
        self._done = done
        self._seen = 0

    def on_receive(self, message: object) -> object:
        if message == "seen":
            return self._seen
        self._seen += 1
        if self._seen == self._expected:
            self._done.put(time.perf_counter())
        return None


class Echo:
    """Answers what it is asked."""

    def on_receive(self, message: object) -> object:
        return message

    def repeat(self, value: object) -> object:
        """Answer through a proxy."""
        return value


class Asker:
    """Asks somebody so many times; puts how long each took, in microseconds."""

    def __init__(self, to: pykka.ActorRef[Any], done: SimpleQueue[object]) -> None:
        super().__init__()
        self._to = to
        self._done = done

    def on_receive(self, message: object) -> None:
        assert isinstance(message, int)
        clock, to = time.perf_counter, self._to
        times = []
        for number in range(message):
            began = clock()
            answer = to.ask(number)
            times.append((clock() - began) * 1e6)
            if answer != number:
                raise AssertionError(f"asked {number}, got {answer!r}")
        self._done.put(times)


class Player:
    """Passes a number on, less one, to the next in the ring; puts the time when there is nothing left to pass on."""

    def __init__(self, ring: MutableSequence[pykka.ActorRef[Any]], to: int, done: SimpleQueue[object]) -> None:
        super().__init__()
        self._ring = ring
        self._to = to
        self._done = done

    def on_receive(self, message: Any) -> None:
        if message:
            self._ring[self._to].tell(message - 1)
        else:
            self._done.put(time.perf_counter())


class Greeter:
    """Says that it has started."""

    def __init__(self, ready: SimpleQueue[object]) -> None:
        super().__init__()
        self._ready = ready

    def on_start(self) -> None:
        self._ready.put(True)


class Timed:
    """Starts a timer when it is told to, and puts True for each tick of it. Of regrow only: pykka has no timers."""

    send_after: Any
    every: Any

    def __init__(self, ticks: SimpleQueue[object]) -> None:
        super().__init__()
        self._ticks = ticks

    def on_receive(self, message: object) -> object:
        match message:
            case ("once", seconds):
                self.send_after(seconds, "tick")
            case ("every", seconds):
                self.every(seconds, "tick")
            case "tick":
                self._ticks.put(True)
        return True


class Fragile:
    """Puts its address when a life begins, and crashes when it is told to."""

    actor_ref: Any

    def __init__(self, births: SimpleQueue[Any]) -> None:
        super().__init__()
        self.births = births

    def on_start(self) -> None:
        self.births.put(self.actor_ref)

    def on_receive(self, message: object) -> object:
        if message == "crash":
            raise RuntimeError("told to crash")
        return message


class AsyncSink(Sink):
    """The same in a coroutine."""

    async def on_receive(self, message: object) -> object:
        return Sink.on_receive(self, message)


class AsyncEcho(Echo):
    """The same in a coroutine."""

    async def on_receive(self, message: object) -> object:
        return message


class AsyncPlayer(Player):
    """The same in a coroutine."""

    async def on_receive(self, message: Any) -> None:  # type: ignore[override]
        if message:
            self._ring[self._to].tell(message - 1)
        else:
            self._done.put(time.perf_counter())


class AsyncAsker(Asker):
    """The same in a coroutine, awaiting the answers."""

    async def on_receive(self, message: object) -> None:  # type: ignore[override]
        assert isinstance(message, int)
        clock, to = time.perf_counter, self._to
        times = []
        for number in range(message):
            began = clock()
            answer = await to.ask(number, block=False)
            times.append((clock() - began) * 1e6)
            if answer != number:
                raise AssertionError(f"asked {number}, got {answer!r}")
        self._done.put(times)
