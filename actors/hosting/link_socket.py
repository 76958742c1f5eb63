"""One end of a link on a real socket: a `LinkProtocol`, a bounded outbox, and the I/O loop.

Any thread may send; nobody ever waits for the socket. What it does not take now is written by the loop as soon as it
does. Control messages are exempt from the bound, so that a full outbox can still be stopped.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from ...protocol.errors import RemoteProtocolError
from ...protocol.frames import Buffer
from ...protocol.host.messages import Ask, LinkMessage, Log, Tell
from ...protocol.host.protocol import LinkProtocol
from ...protocol.host.states import State
from ..clock import monotonic
from .errors import OutboxFull
from .loop import READ, WRITE, Interest, IoLoop
from .os_process import wait_writable

__all__ = ("OUTBOX_MAX_BYTES", "LinkSocket")

OUTBOX_MAX_BYTES: Final = 64 * 1024 * 1024  # four frames of the largest size; more means that the peer is stuck
RECEIVE_BYTES: Final = 256 * 1024
_SLICE_BYTES: Final = 256 * 1024  # taken from the protocol at once, so that control can still overtake
BURST_SECONDS: Final = 0.0002  # tells closer together than this are written together
_VECTORS_MAX: Final = 64  # Linux allows 1,024 a call; more than this many no longer makes it faster
_BOUNDED: Final = (Tell, Ask, Log)


class LinkSocket:
    """Reads and writes one socket. `on_message` and `on_end` run in the loop's thread.

    `on_end` is called once: with None when the peer has closed its end, with the error if it broke the protocol.
    """

    def __init__(
        self,
        loop: IoLoop,
        sock: socket.socket,
        protocol: LinkProtocol,
        *,
        on_message: Callable[[LinkMessage], None],
        on_end: Callable[[Exception | None], None],
        limit_bytes: int = OUTBOX_MAX_BYTES,
    ) -> None:
        sock.setblocking(False)
        self._loop = loop
        self._sock = sock
        self._protocol = protocol
        self._on_message = on_message
        self._on_end = on_end
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()  # guards all below, and the protocol
        self._pieces: deque[memoryview] = deque()  # taken from the protocol, not yet by the socket
        self._waiting_bytes = 0
        self._blocked = False  # the loop waits for the socket to be writable
        self._deferred = False  # the loop will write soon
        self._wrote_at = 0.0  # monotonic seconds
        self._open = True
        self._ended = False  # on_end has been called

    @property
    def waiting_bytes(self) -> int:
        """What has been sent and not been taken by the socket."""
        return self._waiting_bytes

    def start(self) -> None:
        """Begin to read. Runs in: any thread."""
        self._loop.call(lambda: self._loop.watch(self._interest(), READ))

    def send(self, message: LinkMessage, to: str = "") -> None:
        """Send, or keep for the loop to send. Runs in: any thread; never blocks.

        Errors: OutboxFull for a tell, an ask or a log record over the bound; CodecError, FrameTooLarge;
        LocalProtocolError if the link's state does not allow it (any more).
        """
        with self._lock:
            size = len(message.body) if isinstance(message, Tell | Ask) else 64
            if self._waiting_bytes + size > self._limit_bytes and self._waiting_bytes and isinstance(message, _BOUNDED):
                raise OutboxFull(to, waiting_bytes=self._waiting_bytes, limit_bytes=self._limit_bytes)
            self._protocol.send(message)
            if not self._open:
                return
            self._waiting_bytes += size
            if self._blocked:
                return
            # One at a time goes at once; a burst of tells is left to the loop, which writes many with one call.
            if isinstance(message, Tell) and (self._deferred or monotonic() - self._wrote_at < BURST_SECONDS):
                if not self._deferred:
                    self._deferred = self._loop.call(self._write_deferred)
                return
            self._write()
            self._wrote_at = monotonic()

    def drain(self) -> None:
        """Read what is left of a peer that has died. Runs in: the loop's thread."""
        while not self._ended and self._read():
            pass

    def flush(self, timeout: float) -> bool:
        """Wait until everything is written, at most `timeout` seconds; for a process about to leave."""
        while True:
            with self._lock:
                if self._open and not self._pieces and not self._protocol.has_data_to_send:
                    return True
                if not self._open or not wait_writable(self._sock.fileno(), timeout):
                    return False
                self._write()

    def close(self) -> None:
        """Stop reading and writing. Runs in: the loop's thread."""
        self._ended = True
        with self._lock:
            if self._open:
                self._open = False
                self._pieces.clear()
                self._loop.forget(self._sock.fileno())
                self._sock.close()

    def disown(self) -> None:
        """Let go of it in a fork: the socket is our parent's, and what it was about to write is not ours to say.

        Without the loop, whose selector is shared with the parent. Runs in: the only thread of the fork.
        """
        self._lock = threading.Lock()  # another thread may have held it when it forked
        self._open, self._ended = False, True
        self._protocol.state = State.ENDED
        self._sock.close()

    def _interest(self) -> Interest:
        return Interest(self._sock.fileno(), self._ready, self._end)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            with self._lock:
                self._blocked = False
                if self._open:
                    self._loop.watch(self._interest(), READ)
                    self._write()
        if events & READ and not self._ended:
            self._read()

    def _read(self) -> bool:
        """Take what is there once. False: nothing was, or nothing ever will."""
        wanted = self._protocol.reader.wanted()
        data = b""
        try:
            if wanted is not None:
                count = self._sock.recv_into(wanted[:RECEIVE_BYTES])
            else:
                data = self._sock.recv(RECEIVE_BYTES)
                count = len(data)
        except BlockingIOError:
            return False
        except OSError:  # ECONNRESET and its like: it is gone, with words of ours unread
            count = 0
        if not count:
            self._end(None)
            return False
        protocol = self._protocol
        try:
            with self._lock:
                if wanted is not None:
                    messages = protocol.receive_frames(protocol.reader.filled(count))
                else:
                    messages = protocol.receive_data(data)
        except RemoteProtocolError as error:
            self._end(error)
            return False
        for message in messages:
            self._on_message(message)
        if protocol.failure is not None:
            self._end(protocol.failure)
            return False
        with self._lock:
            if self._open and not self._blocked and protocol.has_data_to_send:
                self._write()
        return True

    def _end(self, error: Exception | None) -> None:
        if not self._ended:
            self._ended = True
            self._loop.forget(self._sock.fileno())
            self._on_end(error)

    def _write(self) -> None:
        # With the lock held.
        while True:
            if not self._pieces:
                fresh: list[Buffer] = self._protocol.data_to_send(_SLICE_BYTES)
                if not fresh:
                    self._waiting_bytes = 0
                    return
                self._pieces.extend(memoryview(piece) for piece in fresh)
            try:
                sent = self._sock.sendmsg([*self._pieces][:_VECTORS_MAX])
            except BlockingIOError:
                self._blocked = True
                self._loop.call(self._await_room)
                return
            except OSError:  # EPIPE: nobody reads any more; its end is announced by whoever watches it
                self._pieces.clear()
                self._waiting_bytes = 0
                while self._protocol.data_to_send():
                    pass
                return
            self._waiting_bytes = max(0, self._waiting_bytes - sent)
            self._consume(sent)

    def _write_deferred(self) -> None:
        with self._lock:
            self._deferred = False
            if self._open and not self._blocked:
                self._write()
                self._wrote_at = monotonic()

    def _consume(self, sent: int) -> None:
        while sent:
            piece = self._pieces[0]
            if sent < piece.nbytes:
                self._pieces[0] = piece[sent:]
                return
            sent -= piece.nbytes
            self._pieces.popleft()
        while self._pieces and not self._pieces[0].nbytes:
            self._pieces.popleft()

    def _await_room(self) -> None:
        with self._lock:
            if self._open and self._blocked and not self._ended:
                self._loop.watch(self._interest(), READ | WRITE)
