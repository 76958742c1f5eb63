"""A TCP proxy that misbehaves on request: delays, swallows, cuts, refuses.

What lives here: `FaultProxy`, one asyncio loop in one thread. What must not: knowledge of what passes through it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine
from enum import StrEnum
from typing import Self

from regrow.protocol.errors import RegrowError

__all__ = ("FaultProxy", "ProxyError", "ProxyMode")

_CHUNK_BYTES = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on with zero seconds: close sends RST instead of FIN


class ProxyMode(StrEnum):
    """What the proxy does with the bytes of every connection, the ones that exist included."""

    PASS = "pass"
    SWALLOW = "swallow"  # connections stay open, nothing arrives: a black hole, a half-open TCP connection
    REFUSE = "refuse"  # new connections are reset; the existing ones were cut when the mode was set


class ProxyError(RegrowError):
    """The proxy could not start or did not answer; the text says where, expected and got."""


class FaultProxy:
    """Stands between a client and `host:port`; `port` of its own is chosen by the system.

    Runs in: a thread of its own, `regrow-fault-proxy`. All methods may be called from any thread and block for at most
    `deadline` seconds. Use as a context manager; leaving it closes every socket and ends the thread.
    """

    def __init__(self, host: str, port: int, *, deadline: float = 5.0) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.mode = ProxyMode.PASS
        self.delay = 0.0  # seconds added to each chunk, both ways
        self._target = (host, port)
        self._deadline = deadline
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="regrow-fault-proxy", daemon=True)
        self._writers: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        server = self._call(self._listen())
        self.port = server
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pass_through(self, *, delay: float = 0.0) -> None:
        """Let everything through, each chunk after `delay` seconds."""
        self.delay = delay
        self.mode = ProxyMode.PASS

    def swallow(self) -> None:
        """Keep every connection open and let nothing arrive any more."""
        self.mode = ProxyMode.SWALLOW

    def cut(self) -> None:
        """Reset every connection at once; new ones are accepted."""
        self._call(self._reset_all())

    def refuse(self) -> None:
        """Reset every connection and every new one until told otherwise."""
        self.mode = ProxyMode.REFUSE
        self._call(self._reset_all())

    def close(self) -> None:
        """End the proxy. Idempotent. Errors: ProxyError if its thread does not end within the deadline."""
        if not self._thread.is_alive():
            return
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(self._deadline)
        if self._thread.is_alive():
            raise ProxyError(f"fault proxy on port {self.port}: expected its thread to end within {self._deadline} s")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _call(self, work: Coroutine[object, object, int]) -> int:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(self._deadline)
        except TimeoutError as error:
            future.cancel()
            raise ProxyError(
                f"fault proxy on port {self.port}: expected an answer within {self._deadline} s"
            ) from error

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._accept, self.host, 0)
        name = self._server.sockets[0].getsockname()
        return int(name[1])

    async def _reset_all(self) -> int:
        writers = list(self._writers)
        for writer in writers:
            _reset(writer)
        return len(writers)

    async def _end(self) -> int:
        if self._server is not None:
            self._server.close()
        ended = await self._reset_all()
        if self._served:
            await asyncio.wait(self._served, timeout=self._deadline / 2)
        return ended

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._served.add(task)
            task.add_done_callback(self._served.discard)
        if self.mode is ProxyMode.REFUSE:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)  # what a client sees when nobody listens behind a proxy
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        finally:
            self._writers -= both
            for each in both:
                each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if self.mode is ProxyMode.SWALLOW:
                    continue
                writer.write(chunk)
                await writer.drain()
        except OSError:
            _reset(writer)  # one side was reset: the other one must see it too
            return
        if writer.can_write_eof() and not writer.is_closing():
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    except OSError:
        writer.close()  # the socket is closed already: nothing is left to reset
        return
    writer.transport.abort()
