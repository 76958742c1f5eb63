"""One end of a link on a real socket: a `LinkProtocol`, a bounded outbox, and the I/O loop.

Any thread may send; nobody ever waits for the socket. What it does not take now is written by the loop as soon as it
does. Control messages are exempt from the bound, so that a full outbox can still be stopped.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final

from ...protocol.errors import LocalProtocolError
from ...protocol.frames import Buffer
from ...protocol.host.messages import Ask, LinkMessage, Logs, Parcel, Tell
from ...protocol.host.protocol import LinkProtocol
from ...protocol.host.states import State
from ..clock import monotonic
from ..dispatchers.bell import Waiter
from .beside import explained
from .burst import taken
from .errors import OutboxFull
from .link_reader import LinkReader
from .loop import READ, WRITE, Interest, IoLoop
from .os_process import wait_writable
from .pieces import Pieces

__all__ = ("OUTBOX_MAX_BYTES", "LinkSocket")

OUTBOX_MAX_BYTES: Final = 64 * 1024 * 1024  # four frames of the largest size; more means that the peer is stuck
SEND_BUFFER_BYTES: Final = 1024 * 1024  # the system's own hold a fifth of it: twice as many turns for a large message
_SLICE_BYTES: Final = 256 * 1024  # taken from the protocol at once, so that control can still overtake
BURST_SECONDS: Final = 0.0002  # tells closer together than this are written together
BURST_MESSAGES: Final = 256  # so many of a burst are written at once, whatever comes next
BURST_BYTES: Final = 32 * 1024  # a message as large as this goes alone
_URN_CHARS: Final = 0xFFFF // 4  # surely sayable; who tells a longer one hears at once whether it is
_TELL_BYTES: Final = 64  # what a tell is counted for besides its body
LOG_FRAMES: Final = 8  # of them are written at once, then whoever waits for the lock gets it
_BOUNDED: Final = (Tell, Ask)


class LinkSocket:
    """Reads and writes one socket. `on_end` runs in the loop's thread, `on_message` on that of whoever reads.

    `on_end` is called once: with None when the peer has closed its end, else the fault of the peer or `on_message`.
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
        with suppress(OSError):  # where the system does not allow as much; Linux gives what it allows
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._loop = loop
        self._sock = sock
        self.protocol: Final = protocol
        self.on_pause: Callable[[], None] = lambda: None  # called by whoever reads when messages have been taken
        self.heard: Final = on_message
        self._on_end = on_end
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()  # guards all below, and the protocol
        self._reader = LinkReader(self, sock, protocol, self._lock)
        self._pieces = Pieces()  # taken from the protocol, not yet by the socket
        self._waiting_bytes = 0
        self._blocked = False  # the loop waits for the socket to be writable
        self._awaits_room = False  # the loop watches for room, and hears of it again if all of it was used
        self._deferred = False  # the loop will write soon
        self._tells: deque[tuple[str, Buffer]] = deque()  # not yet given to the protocol; added to without the lock
        self._wrote_at = 0.0  # monotonic seconds
        self._open = True
        self._ended = False  # on_end has been called
        self.log_lane: Callable[[], Logs | None] | None = None  # gives what is written when nothing else is to be

    @property
    def waiting_bytes(self) -> int:
        """What has been sent and not been taken by the socket."""
        return self._waiting_bytes

    @property
    def said(self) -> int:
        """Tells and asks that were given to it, so far."""
        return self.protocol.said + len(self._tells)

    @property
    def outstanding(self) -> int:
        """Tells and asks that the peer has not finished with, as far as it has said."""
        return self.protocol.outstanding + len(self._tells)

    def has_credit_beside(self, kept: int) -> bool:
        """Whether the window of the peer has room for one more, beside so many that are not given to it yet."""
        return self.protocol.has_credit_for(1 + kept + len(self._tells), self._waiting_bytes)

    def has_room_beside(self, kept: int) -> bool:
        """Whether half of the window of the peer is free, with so many that are not given to it yet."""
        return self.protocol.has_room_beside(kept + len(self._tells), self._waiting_bytes)

    def write(self) -> None:
        """Write what the protocol has to say by itself. Runs in: any thread; never blocks."""
        with self._lock:
            if self._open and not self._blocked and self.protocol.has_data_to_send:
                self._write()

    def read_here(self, waiter: Waiter) -> None:
        """Read on this thread, which waits for what comes. Runs in: any thread but the loop's; about a millisecond."""
        if not self._loop.in_loop:
            self._reader.read_here(waiter)

    def start(self) -> None:
        """Begin to read. Runs in: any thread."""
        if self._loop.in_loop:
            self._loop.watch(self._interest(), READ)
        else:
            self._loop.call(self.start)

    def send(self, message: LinkMessage, to: object = "") -> None:
        """Send, or keep for the loop to send; `to` is whom its errors name. Runs in: any thread; never blocks.

        Errors: OutboxFull for a tell or an ask over the bound; CodecError, FrameTooLarge;
        LocalProtocolError if the link's state does not allow it (any more).
        """
        with self._lock:
            inner = message.message if isinstance(message, Parcel) else message
            size = len(inner.body) if isinstance(inner, Tell | Ask) else 64
            self._take_tells()
            if self._waiting_bytes + size > self._limit_bytes and self._waiting_bytes and isinstance(inner, _BOUNDED):
                raise OutboxFull(to, waiting_bytes=self._waiting_bytes, limit_bytes=self._limit_bytes)
            self.protocol.send(message)
            if not self._open:
                self._forget_all()
                return
            self._waiting_bytes += size
            if not self._blocked:
                self._write()
                self._wrote_at = monotonic()

    def tell(self, urn: str, body: Buffer, to: object) -> None:
        """Send a Tell: as `send`. One at a time goes at once; of a burst, many share a frame and a call of the OS.

        A burst takes no lock: a message is added first, and only then is looked whether somebody will still write it.
        """
        if self._waiting_bytes > self._limit_bytes:
            raise OutboxFull(to, waiting_bytes=self._waiting_bytes, limit_bytes=self._limit_bytes)
        if len(body) >= BURST_BYTES or len(urn) > _URN_CHARS or not self.protocol.takes_tells:
            self.tell_raw(urn, (b"", body), to)
            return
        tells = self._tells
        tells.append((urn, body))
        if (self._deferred or self._blocked) and len(tells) < BURST_MESSAGES:
            return  # the loop will see it, and it shares a frame with those before and after it
        with self._lock:
            self._take_tells()
            if not self._open or self._blocked:
                return
            if not self._deferred and monotonic() - self._wrote_at < BURST_SECONDS:
                self._deferred = self._loop.call(self._write_deferred)
                return
            self._write()
            self._wrote_at = monotonic()

    def tell_raw(self, urn: str, said: tuple[bytes, Buffer], to: object) -> None:
        """Send a Tell whose body is these two behind each other: as `tell`, and without copying the second."""
        with self._lock:
            self._take_tells()
            waiting = self._waiting_bytes
            if waiting and waiting + len(said[1]) > self._limit_bytes:
                raise OutboxFull(to, waiting_bytes=waiting, limit_bytes=self._limit_bytes)
            self.protocol.tell_raw(urn, said)
            if self._open:
                self._waiting_bytes = waiting + len(said[1])
                if not self._blocked:
                    self._write()
                    self._wrote_at = monotonic()

    def write_logs(self, *, at_once: bool) -> None:
        """Write what the log lane has, after all else: at once, or soon, with what is logged meanwhile."""
        if self._blocked or (self._deferred and not at_once):
            return
        soon = not at_once and monotonic() - self._wrote_at < BURST_SECONDS
        if soon or not self._lock.acquire(blocking=False):  # it may be held by this very thread: a __del__ may log
            self._deferred = True  # first: the loop takes it back, maybe at once
            self._loop.call(self._write_deferred)
            return
        try:
            if self._open and not self._blocked:
                self._take_tells()
                self._write()
                self._wrote_at = monotonic()
        finally:
            self._lock.release()

    def send_logs(self) -> None:
        """Send all that the log lane has. Errors: LocalProtocolError if the link's state does not allow it any more."""
        with self._lock:  # all the while: who writes meanwhile would take from the lane, too, and send it first
            while self.log_lane and (logs := self.log_lane()):
                self.protocol.send(logs)
            if self._open and not self._blocked:
                self._write()

    def drain(self) -> None:
        """Read what is left of a peer that has died. What goes wrong is the link's end. Runs in: the loop's thread."""
        try:
            if not self._ended:
                self._reader.drain()
        except Exception as error:  # noqa: BLE001 - as in the loop: who drains it has more to do about the death
            self.ended(error)

    def flush(self, timeout: float) -> bool:
        """Wait until everything is written, at most `timeout` seconds; for a process about to leave."""
        deadline = monotonic() + timeout
        while True:
            with self._lock:
                self._take_tells()
                if not self._open:
                    return False
                self._write()
                if not self._pieces and not self.protocol.has_data_to_send:
                    return True
                fd = self._sock.fileno()
            if (left := deadline - monotonic()) <= 0 or not wait_writable(fd, left):
                return False

    def close(self) -> None:
        """Stop reading and writing. Runs in: the loop's thread."""
        self._ended = True
        self._reader.forget()
        with self._lock:
            if not self._open:
                return
            self._open = False
            self._forget_all()
            self._loop.forget(self._sock.fileno())
        self._reader.let_go()  # before the number of the socket is somebody else's
        with self._lock:
            self._close_descriptors()
            self._sock.close()

    def disown(self) -> None:
        """Let go of it in a fork: the socket is our parent's, and what it was about to write is not ours to say.

        Without the loop, whose selector is shared with the parent. Runs in: the only thread of the fork.
        """
        self._lock = threading.Lock()  # another thread may have held it when it forked
        self._open, self._ended = False, True
        self.protocol.state = State.ENDED
        self._sock.close()

    # What its reader needs.

    @property
    def turn(self) -> threading.Lock:
        """Held by whoever reads."""
        return self._reader.turn

    def after_read(self) -> None:
        """Say what is to be said after messages have been taken."""
        self.on_pause()
        self.write()

    def hear(self, *, loop: bool) -> bool:
        """Have the loop hear of the socket, or not hear of it. False: that is not possible (any more)."""
        with self._lock:
            if not self._open:
                self._close_descriptors()  # of a message whose end has not come; it was closed while somebody read
            if not self._open or self._ended:
                return False
            events = (READ if loop else 0) | (WRITE if self._awaits_room else 0)
            return self._loop.hear(self._sock.fileno(), events)

    def leave_to_loop(self) -> None:
        """Have the loop read, whether there is anything or not."""
        self._loop.call(lambda: self._ready(READ))

    def ended(self, error: Exception | None) -> None:
        """Tell, once, that there will be no more."""
        if not self._ended:
            self._ended = True
            self._loop.forget(self._sock.fileno())
            self._on_end(error)

    def _interest(self) -> Interest:
        return Interest(self._sock.fileno(), self._ready, self.ended)

    def _ready(self, events: int) -> None:
        if events & WRITE:
            with self._lock:
                self._blocked = False
                self._take_tells()
                if self._open:
                    self._write()
                if self._open and not self._blocked:
                    self._awaits_room = False
                    self._loop.watch(self._interest(), READ)
        if self._ended:
            self._reader.forget()
        elif events & READ:
            self._reader.read()

    def _close_descriptors(self) -> None:  # with the lock held
        for descriptor in self.protocol.give_back_descriptors():  # what has come, and whose message has not
            os.close(descriptor)

    def _write(self) -> None:  # with the lock held
        log_frames = LOG_FRAMES
        while True:
            if not self._pieces:
                fresh = self.protocol.data_to_send(_SLICE_BYTES)
                if not fresh:
                    self._waiting_bytes = 0
                    if self._take_logs(log_frames):
                        log_frames -= 1
                        continue
                    return
                self._pieces.add(fresh)
            try:
                sent = self._pieces.send(self._sock)
            except BlockingIOError:
                self._blocked = True
                if not self._awaits_room:
                    self._loop.call(self._await_room)
                return
            except OSError as error:
                self._forget_all()
                if not isinstance(error, ConnectionError) and error.errno != errno.ENOTCONN:
                    # As of too many descriptors under way. Else nobody reads any more, as whoever watches it will say.
                    self._loop.call(partial(self.ended, explained(error)))
                return
            self._waiting_bytes = max(0, self._waiting_bytes - sent)

    def _take_logs(self, frames: int) -> bool:
        """Give the protocol the next of the log lane, which is the last that gets a turn. False: not now."""
        if self.log_lane is None or not self.protocol.takes_logs:
            return False
        logs = self.log_lane() if frames else None
        if logs is None:
            self._deferred = self._deferred or (not frames and self._loop.call(self._write_deferred))
            return False
        self.protocol.send(logs)
        self._waiting_bytes += len(logs.records)
        return True

    def _write_deferred(self) -> None:
        with self._lock:
            self._deferred = False  # first: whoever adds a tell now sees that, or is seen
            self._take_tells()
            if self._open and not self._blocked:
                self._write()
                self._wrote_at = monotonic()

    def _take_tells(self) -> None:
        """Give the protocol what was added without the lock. Runs in: any thread, with the lock."""
        while self._tells:
            for urn, bodies in taken(self._tells):
                try:
                    self.protocol.tell(urn, bodies)
                except LocalProtocolError:
                    self._tells.clear()  # it has ended a moment ago: they are as lost as what is written and never read
                    return
                self._waiting_bytes += sum(map(len, bodies)) + _TELL_BYTES * len(bodies)

    def _forget_all(self) -> None:
        """Write nothing of what waits: nobody will read it."""
        self._waiting_bytes = 0
        self._pieces.forget()
        while fresh := self.protocol.data_to_send(_SLICE_BYTES):
            self._pieces.add(fresh)
            self._pieces.forget()

    def _await_room(self) -> None:
        with self._lock:
            if self._open and self._blocked and not self._ended:
                self._awaits_room = True
                self._loop.watch(self._interest(), READ | WRITE)
