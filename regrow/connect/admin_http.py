"""Answers to GET on a few fixed paths, for probes and scrapers: small, bounded, and in a thread of its own.

What lives here: as much of HTTP/1.1 as that takes. A request has no body, an answer ends its connection, and whoever
is slow, large or one too many is told so and let go. What must not: what is answered.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from loguru import logger

from regrow.protocol.errors import RegrowError

__all__ = ("AdminServer", "AdminStartError", "Answer", "parse_address")

_HEAD_MAX: Final = 8 * 1024  # bytes, as nginx has it
_REQUEST_SECONDS: Final = 5.0  # from the connection to the end of its headers
_ANSWER_SECONDS: Final = 5.0  # to make the answer, and again to have it read
_CONNECTIONS_MAX: Final = 16
_CUT_OFF_MAX: Final = 64  # and from here on nobody is told anything
_LINGER_SECONDS: Final = 0.2  # to read what was still coming, or the reset would overtake the answer
_START_SECONDS: Final = 10.0
_ASKED_AT_ONCE: Final = 2  # threads that make answers; one that waits must not hold up /healthz


class AdminStartError(RegrowError):
    """The address cannot be listened on."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


def parse_address(text: str) -> tuple[str, int]:
    """Give host and port of "127.0.0.1:9090" or "[::1]:9090". Errors: ValueError that says what was expected."""
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"http: expected HOST:PORT with a port from 0 to 65535, got {text!r}")
    return host, int(port)


class AdminServer:
    """Listens while it is open. Answers are made by functions that may wait; they run in threads of this server.

    Runs in: a thread of its own. `close` may be called from any other.
    """

    def __init__(self, host: str, port: int, paths: Mapping[str, Callable[[], Answer]]) -> None:
        """Open. Blocks until it listens. Errors: AdminStartError."""
        self.host: Final = host
        self.port = port
        self._paths = dict(paths)
        self._open = 0
        self._pool = ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="regrow-admin-answer")
        self._end: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="regrow-admin", daemon=True)
        self._thread.start()
        try:
            ready.result(_START_SECONDS)
        except (OSError, OverflowError) as error:
            self._thread.join(_START_SECONDS)
            self._pool.shutdown(wait=False)
            why = getattr(error, "strerror", "") or str(error)
            raise AdminStartError(f"http: cannot listen on {host}:{port}: {why}") from error

    def close(self) -> None:
        """Close the port and every connection. Does nothing the second time. Blocks for at most a second."""
        with suppress(RuntimeError):  # its loop has ended
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(1.0)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, ready: Future[None]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:  # noqa: BLE001 - whatever it is, somebody has to hear of it
            if ready.done():
                logger.opt(exception=error).error("the admin port {}:{} has ended", self.host, self.port)
            else:
                ready.set_exception(error)

    async def _serve(self, ready: Future[None]) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._handle, self.host, self.port, limit=_HEAD_MAX)
        self.port = server.sockets[0].getsockname()[1]
        ready.set_result(None)
        try:
            await self._end.wait()
        finally:
            server.close()  # asyncio.run cancels those that are being answered

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open > _CUT_OFF_MAX:
                return
            if self._open > _CONNECTIONS_MAX:
                answer: Answer | None = _told(HTTPStatus.SERVICE_UNAVAILABLE, f"at most {_CONNECTIONS_MAX} connections")
            else:
                answer = await self._answer_to(reader)
            if answer is not None:
                await self._send(reader, writer, answer)
        except (OSError, TimeoutError):
            logger.debug("admin port: a client went away or did not read")
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _answer_to(self, reader: asyncio.StreamReader) -> Answer | None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return _told(HTTPStatus.REQUEST_TIMEOUT, f"expected a request within {_REQUEST_SECONDS:g} s")
        except asyncio.LimitOverrunError:
            return _told(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"expected at most {_HEAD_MAX} bytes of headers")
        except asyncio.IncompleteReadError as cut:
            return _told(HTTPStatus.BAD_REQUEST, "expected a whole request") if cut.partial else None
        words = head.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _told(HTTPStatus.BAD_REQUEST, "expected GET PATH HTTP/1.1")
        if words[0] != b"GET":
            return _told(HTTPStatus.METHOD_NOT_ALLOWED, "expected GET")
        make = self._paths.get(words[1].partition(b"?")[0].decode("ascii", "replace"))
        if make is None:
            return _told(HTTPStatus.NOT_FOUND, f"expected one of {', '.join(sorted(self._paths))}")
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await self._loop.run_in_executor(self._pool, make)
        except TimeoutError:
            return _told(HTTPStatus.SERVICE_UNAVAILABLE, f"no answer within {_ANSWER_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 - one answer's fault never takes the others down
            logger.opt(exception=error).error("admin port: an answer could not be made")
            return _told(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error")

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
        status = answer.status
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(answer.body)}",
            "Cache-Control: no-store",
            "Connection: close",
        ]
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            lines.append("Allow: GET")
        async with asyncio.timeout(_ANSWER_SECONDS):
            writer.transport.set_write_buffer_limits(0)  # drain: until the socket has it all
            writer.write("\r\n".join((*lines, "", "")).encode() + answer.body)
            writer.write_eof()
            await writer.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LINGER_SECONDS):
                while await reader.read(_HEAD_MAX):
                    pass


def _told(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, f"{text}\n".encode())
