"""Who reads a link: its loop, or, for a moment, the thread that waits for what comes.

A message that the loop reads has to change threads before anybody handles it, and each change costs more than all the
rest. So a thread that waits for an answer, or has just had a turn and waits for the next message, reads the socket by
itself for a moment. The loop does not hear of the socket meanwhile. What the thread may not handle is left to the loop,
in its order, before anything else is read.

Source: the leader and its followers of Schmidt et al., with the one who waits as the leader.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

from ...protocol.errors import RemoteProtocolError
from ...protocol.host.messages import Ask, LinkMessage, Reply, Tell, Tells
from ..clock import monotonic
from ..current import enter_life, here
from .beside import BESIDE_BYTES, FLAGS, descriptors_in
from .carried import close_descriptors

if TYPE_CHECKING:
    from ...protocol.host.protocol import LinkProtocol
    from ..dispatchers.bell import Waiter

__all__ = ("LinkReader", "Shell")

RECEIVE_BYTES: Final = 256 * 1024
BODY_BYTES: Final = 1024 * 1024  # of a large message, whose place is there already
RECEIVE_FIRST_BYTES: Final = 32 * 1024  # while little comes: larger buffers cost malloc three system calls each
HERE_MS: Final = 1  # so long a thread waits at the socket; poll knows nothing shorter
HERE_SECONDS: Final = 0.002  # so long it reads at most
IN_VAIN_MAX: Final = 3  # so often it may get nothing before it leaves the reading to the loop
TRIED_AGAIN: Final = 16  # after that, only one of so many tries
SPIN_SECONDS: Final = 0.0002  # what it costs to sleep, to be woken, and to run with cold caches then
LUCK_MAX: Final = 4
DRAIN_SECONDS: Final = 1.0  # for a thread that reads at this moment, to be done with one message
_PROCESSORS: Final = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
_FOR_ANYBODY: Final = frozenset((Reply, Tell, Tells, Ask))  # what any thread may handle


class Shell(Protocol):
    """What a reader needs of the link that it reads for."""

    def heard(self, message: LinkMessage, /) -> None:
        """Take a message."""

    def after_read(self) -> None:
        """Know that all messages that were there have been taken."""

    def ended(self, error: Exception | None) -> None:
        """There will be no more. Runs in: the loop's thread."""

    def hear(self, *, loop: bool) -> bool:
        """Have the loop hear of the socket, or not hear of it. False: that is not possible (any more)."""

    def leave_to_loop(self) -> None:
        """Have the loop read, whether there is anything or not."""


class LinkReader:
    """One reads at a time: whoever has `turn`, which also guards the receiving half of the protocol, and what those who
    take the messages keep without a lock of their own. Never blocks, but for `read_here` and `drain`.
    """

    def __init__(self, shell: Shell, sock: socket.socket, protocol: LinkProtocol, lock: threading.Lock) -> None:
        self.turn: Final = threading.Lock()
        self._shell = shell
        self._sock = sock
        self._protocol = protocol
        self._lock = lock  # the link's, which guards the protocol
        self._receive_bytes = RECEIVE_FIRST_BYTES
        self._left: deque[LinkMessage] = deque()  # to the loop, by a thread that has read
        self._over: tuple[Exception | None] | None = None  # set when nothing more will be read
        self._poll: select.poll | None = None
        self._bell: int | None = None
        self._here = False  # it is a thread that waits for what comes that has the turn
        self._drains = False  # the loop waits for that thread
        self._tries = self._in_vain = 0
        self._luck = LUCK_MAX  # how well it went of late to look again and again

    def read(self) -> bool:
        """Take what is there once. False: nothing was, or nothing ever will. Runs in: the loop's thread."""
        if not self.turn.acquire(blocking=False):
            return False  # somebody reads here, and leaves to the loop what is for the loop
        try:
            return self._read()
        finally:
            self.turn.release()

    def drain(self) -> None:
        """Take all that is there. Runs in: the loop's thread, or before the link has begun."""
        self._drains = True  # first: whoever reads lets go after the message in hand
        try:
            if self.turn.acquire(timeout=DRAIN_SECONDS):
                try:
                    while self._read():
                        pass
                finally:
                    self.turn.release()
        finally:
            self._drains = False

    def read_here(self, waiter: Waiter) -> None:
        """Read on this thread until the waiter is done, or nothing has come for a moment, or somebody else reads.

        Runs in: any thread but the loop's; it blocks for up to two milliseconds. It does nothing in a thread in which
        something may be raised between any two steps, and what was taken would be lost: the main thread, by a signal's
        handler, and one that runs a function that can be interrupted.
        """
        if threading.current_thread() is threading.main_thread() or here().interruptible:
            return
        self._tries += 1
        if self._in_vain > IN_VAIN_MAX and self._tries % TRIED_AGAIN:
            return
        if not self.turn.acquire(blocking=False):
            return
        try:
            # Whoever has left something to the loop a moment ago: nothing is read before that is heard.
            self._here = True
            if not self._left and not self._is_over and self._shell.hear(loop=False):
                self._read_in_silence(waiter)
        finally:
            self._here = False
            self.turn.release()
        if self._left or self._is_over:
            self._shell.leave_to_loop()  # which may have come while we had the turn

    def _read_in_silence(self, waiter: Waiter) -> None:
        mine = here()
        mine.may_wait, could_wait = False, mine.may_wait  # it may be the one who would have to make room
        life = enter_life(None)  # it is not its code that sends what has come
        try:
            self._read_until_done(waiter)
        except Exception as error:  # noqa: BLE001 - as in the loop: the link ends with it, and says so
            self._over = (error,)
        finally:
            enter_life(life)
            mine.may_wait = could_wait
            self._shell.hear(loop=True)

    def let_go(self) -> None:
        """Wait until no other thread reads. Runs in: the loop's thread, once nobody can begin to."""
        if self._here and self.turn.acquire(timeout=DRAIN_SECONDS):
            self.turn.release()

    def forget(self) -> None:
        """Let go of what is left to the loop: nobody takes it any more. Runs in: the loop's thread."""
        while self._left:
            close_descriptors(self._left.popleft())

    @property
    def _is_over(self) -> bool:
        return self._over is not None

    def _is_waited_for(self) -> bool:
        return self._drains  # which the loop may set between any two looks

    def _read_until_done(self, waiter: Waiter) -> None:
        poll = self._poll
        if poll is None:
            poll = self._poll = select.poll()
            poll.register(self._sock.fileno(), select.POLLIN)
        if self._bell is None and waiter.bell is not None:
            self._bell = waiter.bell
            poll.register(self._bell, select.POLLIN)
        end = monotonic() + HERE_SECONDS  # whatever else comes all the time: he may have a deadline
        while not waiter.done and not self._is_waited_for() and monotonic() < end:
            if not (self._spins and self._spin(poll)) and not poll.poll(HERE_MS):
                self._in_vain += 1
                return
            messages = self._take()
            if messages is None:  # it was the bell, or it came over something else
                return
            self._in_vain = 0
            coming = iter(messages)
            for message in coming:
                if self._is_waited_for() or type(message) not in _FOR_ANYBODY:
                    self._left.append(message)
                    self._left.extend(coming)
                    return
                self._hear(message, coming)
            if self._is_over:
                return
            self._shell.after_read()

    @property
    def _spins(self) -> bool:
        return _PROCESSORS > 1 and (self._luck > 0 or not self._tries % TRIED_AGAIN)

    def _spin(self, poll: select.poll) -> bool:
        """Look again and again for a moment; say whether something has come."""
        end = monotonic() + SPIN_SECONDS
        while monotonic() < end:
            if poll.poll(0):
                self._luck = min(self._luck + 1, LUCK_MAX)
                return True
        self._luck = max(self._luck - 1, 0)
        return False

    def _read(self) -> bool:
        while self._left:
            self._hear(self._left.popleft(), ())
        messages = None if self._over else self._take()
        coming = iter(messages or ())
        for message in coming:
            self._hear(message, coming)
        if self._over:
            (error,) = self._over
            self._shell.ended(error)
            return False
        if messages is None:
            return False
        self._shell.after_read()
        return True

    def _hear(self, message: LinkMessage, behind: Iterable[LinkMessage]) -> None:
        try:
            self._shell.heard(message)
        except BaseException:
            for lost in behind:  # that is the end: nobody takes what has come behind it
                close_descriptors(lost)
            self.forget()
            raise

    def _take(self) -> list[LinkMessage] | None:
        """Give the messages that are there, None if nothing is; set `_over` when they are the last."""
        protocol = self._protocol
        wanted = protocol.reader.wanted()
        beside: list[tuple[int, int, bytes]] = []
        data, count, flags = b"", 0, 0
        try:
            if wanted is not None:
                count, beside, flags, _ = self._sock.recvmsg_into([wanted[:BODY_BYTES]], BESIDE_BYTES, FLAGS)
            else:
                data, beside, flags, _ = self._sock.recvmsg(self._receive_bytes, BESIDE_BYTES, FLAGS)
                count = len(data)
                self._receive_bytes = RECEIVE_BYTES if count >= RECEIVE_FIRST_BYTES else RECEIVE_FIRST_BYTES
        except BlockingIOError:
            return None
        except OSError:  # ECONNRESET and its like: it is gone, with words of ours unread
            count = 0
        try:
            if beside or flags & socket.MSG_CTRUNC:
                with self._lock:
                    protocol.receive_descriptors(descriptors_in(beside), incomplete=bool(flags & socket.MSG_CTRUNC))
            if not count:
                self._over = (None,)
                return []
            with self._lock:
                if wanted is not None:
                    messages = protocol.receive_frames(protocol.reader.filled(count))
                else:
                    messages = protocol.receive_data(data)
        except RemoteProtocolError as error:
            self._over = (error,)
            return []
        if protocol.failure is not None:
            self._over = (protocol.failure,)
        return messages
