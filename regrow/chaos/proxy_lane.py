"""One way of one connection through a proxy: reads at one end, writes at the other, and does as its `Flow` says.

What lives here: `Lane`. What must not: what the other way does, and when a connection is over (proxy_connection.py).
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Final, Protocol

from regrow.chaos.flow import End, Flow

__all__ = ("Lane", "LaneListener")

_CHUNK_BYTES: Final = 65536
_WAITING_BYTES: Final = 256 * 1024
"""On their way in the proxy; who writes more has to wait. A latency therefore bounds the pace: 2.5 MB/s at 100 ms."""


class LaneListener(Protocol):
    """Who is told what happens on a lane."""

    def gone(self, end: End) -> None:
        """Hear that an end was reset, or that its end was swallowed."""

    def truncated(self) -> None:
        """Hear that `Flow.reset_after` is reached."""

    def written(self, to: End, size: int) -> None:
        """Hear of bytes that were written to an end."""

    def swallowed(self, size: int) -> None:
        """Hear of bytes that are lost."""


class Lane:
    """`read` and `write` are two tasks. Runs in: the loop of the proxy."""

    def __init__(
        self, to: End, source: socket.socket, sink: socket.socket, flow: Flow, rng: Random, told: LaneListener
    ) -> None:
        self.to = to
        self.source_lost = False  # its end or its reset was swallowed
        self._source, self._sink = source, sink
        self._rng = rng
        self._told = told
        self._waiting: deque[tuple[float, bytes]] = deque()  # (when it arrives, bytes); the end is the empty one
        self._waiting_bytes = 0
        self._arrives = 0.0  # the last one that waits: nothing overtakes it
        self._finished = False  # the end was said by the proxy itself
        self._changed = asyncio.Event()
        self.flow = flow
        self._left = flow.reset_after

    def shape(self, flow: Flow) -> None:
        """Have another flow from now on; what is on its way keeps its delay."""
        self.flow, self._left = flow, flow.reset_after
        self._changed.set()

    def finish(self) -> None:
        """Say the end after what is on its way; what comes later is swallowed."""
        if not self._finished:
            self._push(b"")
            self._finished = True

    async def read(self) -> None:
        """Take what comes, until the end."""
        loop = asyncio.get_running_loop()
        while True:
            await self._until(lambda: self._waiting_bytes < _WAITING_BYTES)
            try:
                chunk = await loop.sock_recv(self._source, _CHUNK_BYTES)
            except OSError:
                self._told.gone(self.to.other)
                return
            if chunk and (self.flow.swallow or self._finished):
                self._told.swallowed(len(chunk))
            elif chunk:
                self._push(chunk)
            else:
                self._end()
                return

    async def write(self) -> None:
        """Write what has arrived, until the end."""
        while True:
            await self._until(lambda: bool(self._waiting))
            arrives, chunk = self._waiting[0]
            await asyncio.sleep(max(0.0, arrives - asyncio.get_running_loop().time()))
            await self._until(lambda: not self.flow.hold)
            try:
                if chunk:
                    await self._deliver(chunk)
                elif self.flow.swallow:
                    self._told.gone(self.to.other)
                else:
                    self._sink.shutdown(socket.SHUT_WR)
            except OSError:
                self._told.gone(self.to)
                return
            self._waiting.popleft()
            self._waiting_bytes -= len(chunk)
            self._changed.set()
            if not chunk:
                return

    async def _deliver(self, chunk: bytes) -> None:
        loop, rest = asyncio.get_running_loop(), memoryview(chunk)
        while rest:
            await self._until(lambda: not self.flow.hold)
            if self.flow.swallow:
                self._told.swallowed(len(rest))
                return
            size = self.flow.piece(len(rest))
            if self._left is not None:
                size = min(size, self._left)
            await loop.sock_sendall(self._sink, rest[:size])
            self._told.written(self.to, size)
            rest = rest[size:]
            if self._left is not None:
                self._left -= size
                if self._left <= 0:
                    self._told.truncated()
                    return
            await asyncio.sleep(self.flow.pause(size))

    def _end(self) -> None:
        if self.flow.swallow:
            self._told.gone(self.to.other)
        elif not self._finished:
            self._push(b"")

    def _push(self, chunk: bytes) -> None:
        due = asyncio.get_running_loop().time() + self.flow.delay(self._rng)
        self._arrives = max(self._arrives, due)
        self._waiting.append((self._arrives, chunk))
        self._waiting_bytes += len(chunk)
        self._changed.set()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._changed.clear()
            await self._changed.wait()
