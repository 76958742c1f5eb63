"""The black box: one page that a hosted process writes and its parent reads, also after a SIGKILL.

Layout: 8-byte words in the machine's byte order, each with one writer and stored by itself, so a load never sees half
a store (`struct.pack_into` would clear all of its words first). Then two text slots, each under a sequence lock of its
own: the message that the root handles, and the work that it has given to another thread. Advisory only: nothing is
published through it; the socket orders messages.

Behind the page there is room for the stacks that faulthandler writes at SIGUSR1, by C code that needs no GIL, one dump
after the other. So they are neither lost nor cut in the noise on stderr. It takes no memory until then.

A store takes some 0.05 microseconds, a load half of that.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import sys
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from .hang import Sample

__all__ = ("BlackBox", "BlackBoxState", "BlackBoxWriter", "Recorded", "create_page")

PAGE_BYTES: Final = 4096
DUMP_BYTES: Final = 256 * 1024  # a dump of ten threads has some 5 KiB
FILE_BYTES: Final = PAGE_BYTES + DUMP_BYTES
_MAGIC: Final = 0x5267_426F_7801_0001  # "RgBox", layout 1
_MESSAGE_TEXT: Final = 31  # first word of a text slot: its lock (odd while it is being written), its length, the text
_WORK_TEXT: Final = 128
TEXT_MAX_BYTES: Final = 512  # a handler's name and a request id; more belongs in a log


class BlackBoxState(IntEnum):
    """How far a life got, as the process itself wrote it."""

    EMPTY = 0
    BOOTED = 1  # the child's main runs
    IMPORTED = 2  # its target is imported
    READY = 3
    STOPPING = 4
    EXITED = 5  # it said its last words


_BEGUN: Final = (BlackBoxState.READY, BlackBoxState.STOPPING)


class _Word:
    """Places in the page. No Enum: to look one up in that costs as much as the whole of a store."""

    MAGIC = 0
    INCARNATION = 1
    STATE = 2
    STARTED_NS = 3
    LOG_SEQUENCE = 4
    RECEIVED = 5
    STARTED = 6
    MESSAGE_NS = 7  # when the message in hand was taken
    MESSAGE = 8  # its number, 0 when idle
    DONE = 9
    HANDLED = 10  # messages that were done with when the root put its last one down
    BEATS = 11  # of the main thread
    BEAT_NS = 12
    LOOP_BEATS = 13  # of the event loop that the root runs on
    WAITS = 14  # 1 while the root waits for the answer of an actor
    IO_THREAD = 15  # numbers of those threads that run no code of the user
    CLOCK_THREAD = 16
    SETTLED = 17  # and when some came while the root had nothing to do
    DIGEST = 18  # of the message that was taken last, 0 if nobody wants to know
    WORK_NS = 19  # when the work of another thread was taken
    HOSTS = 20  # processes that it hosts itself


_HANDLED: Final = _Word.HANDLED
_SETTLED: Final = _Word.SETTLED
_STARTED: Final = _Word.STARTED
_MESSAGE_NS: Final = _Word.MESSAGE_NS
_MESSAGE: Final = _Word.MESSAGE
_DONE: Final = _Word.DONE


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the page said at one moment. `in_hand` says what another thread works on, else the message that the root
    handles, and is None when there is neither. `digest`: of the message that was taken last; 0: it is not known, or not
    what is worked on. `in_hand_ns`: when what is in hand was taken, 0 if it is not known. `hosts`: how many processes
    it hosts itself, at most one beat ago.
    """

    incarnation: int
    state: BlackBoxState
    started_ns: int
    log_sequence: int
    received: int
    started: int
    done: int
    message: int
    message_ns: int
    beats: int
    beat_ns: int
    loop_beats: int
    in_hand: str | None
    digest: int = 0
    in_hand_ns: int = 0
    hosts: int = 0

    @property
    def in_flight(self) -> int:
        """Messages received and not done."""
        return max(0, self.received - self.done)


def create_page(incarnation: int = 0) -> int:
    """Give the descriptor of a fresh page, close-on-exec, without a name in any file system.

    All zero but for the incarnation, which the process reads there before anybody has said a word to it.
    """
    if sys.platform == "linux":
        fd = os.memfd_create("regrow-black-box", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, FILE_BYTES)
        # Of one size for ever: a process that cuts it would have its reader die, one that fills it takes no memory.
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    else:  # macOS: an unlinked file is the same to us
        import tempfile

        fd, path = tempfile.mkstemp(prefix="regrow-black-box-")
        Path(path).unlink()
        os.ftruncate(fd, FILE_BYTES)
    os.pwrite(fd, incarnation.to_bytes(8, sys.byteorder), 8 * _Word.INCARNATION)
    return fd


class BlackBox:
    """The reader's side. Runs in: any thread; never blocks; does not need the writer to be alive."""

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, FILE_BYTES, prot=mmap.PROT_READ)
        self._words = memoryview(self._map).cast("Q")
        self._last: Recorded | None = None  # set by close(), so that reading goes on after the page is gone

    def read(self) -> Recorded:
        """Read the page now; after `close`, what it said last."""
        words = self._words
        if self._last is not None:
            return self._last
        message = words[_Word.MESSAGE]
        state = words[_Word.STATE]
        work = self._text(_WORK_TEXT)
        return Recorded(
            incarnation=words[_Word.INCARNATION],
            state=BlackBoxState(state) if state in BlackBoxState._value2member_map_ else BlackBoxState.EMPTY,
            started_ns=words[_Word.STARTED_NS],
            log_sequence=words[_Word.LOG_SEQUENCE],
            received=words[_Word.RECEIVED],
            started=words[_Word.STARTED],
            done=words[_Word.DONE],
            message=message,
            message_ns=words[_Word.MESSAGE_NS],
            beats=words[_Word.BEATS],
            beat_ns=words[_Word.BEAT_NS],
            loop_beats=words[_Word.LOOP_BEATS],
            in_hand=work or (self._text(_MESSAGE_TEXT) if message else None),
            digest=0 if work else words[_Word.DIGEST],
            in_hand_ns=words[_Word.WORK_NS] if work else words[_Word.MESSAGE_NS] if message else 0,
            hosts=words[_Word.HOSTS],
        )

    def handled(self) -> int:
        """Give how many messages of the host it is done with. Not after `close`."""
        words = self._words
        by_root, by_all = words[_HANDLED], words[_SETTLED]
        return by_root if by_root > by_all else by_all  # noqa: FURB136 - a third of the time

    def sample(self) -> Sample:
        """Read what has to be known to see whether it gets on. Not after `close`."""
        words = self._words
        return Sample(
            beats=words[_Word.BEATS],
            message=words[_Word.MESSAGE],
            loop_beats=words[_Word.LOOP_BEATS],
            begun=words[_Word.STATE] in _BEGUN,
            waits=bool(words[_Word.WAITS]),
        )

    @property
    def own_threads(self) -> tuple[int, int]:
        """The numbers of those threads, beside the main one, that run no code of the user. Not after `close`."""
        return self._words[_Word.IO_THREAD], self._words[_Word.CLOCK_THREAD]

    def dumped(self) -> int:
        """Give how many bytes of stacks it has written. Not after `close`."""
        end = self._map.find(b"\0", PAGE_BYTES)
        return (FILE_BYTES if end < 0 else end) - PAGE_BYTES

    def stacks(self, start: int = 0) -> str:
        """Give the stacks that it has written, from this byte on. Not after `close`."""
        return self._map[PAGE_BYTES + start : PAGE_BYTES + self.dumped()].decode("utf-8", "replace")

    def close(self) -> Recorded:
        """Unmap the page and give what it said last."""
        if self._last is None:
            self._last = self.read()
            self._words.release()
            self._map.close()
        return self._last

    def _text(self, slot: int) -> str:
        for _ in range(3):  # the writer needs well under a microsecond
            before = self._words[slot]
            length = min(self._words[slot + 1], TEXT_MAX_BYTES)
            data = self._map[8 * (slot + 2) : 8 * (slot + 2) + length]
            if before % 2 == 0 and self._words[slot] == before:
                return data.decode("utf-8", "replace")
        return "<was being written>"


class BlackBoxWriter:
    """The one writer. Runs in: the hosted process; each word is written by one thread only, those of `work_on` by the
    thread that works; never blocks.
    """

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, PAGE_BYTES)
        self._words = memoryview(self._map).cast("Q")
        self._words[_Word.MAGIC] = _MAGIC
        self._text = ""  # of the message in hand, as it was written last
        self._came = self._started = self._done = 0

    @property
    def incarnation(self) -> int:
        """Which life this page is for."""
        return self._words[_Word.INCARNATION]

    def begin(self, now_ns: int) -> None:
        """Open the record of one life."""
        self._words[_Word.STARTED_NS] = now_ns
        self.state(BlackBoxState.BOOTED)

    def state(self, state: BlackBoxState) -> None:
        """Note how far this life got."""
        self._words[_Word.STATE] = state

    def logged(self, sequence: int) -> None:
        """Note the number of the last log record that was given to the lane."""
        self._words[_Word.LOG_SEQUENCE] = sequence

    def received(self, count: int) -> None:
        """Note how many messages have come in."""
        self._came = self._words[_Word.RECEIVED] = count

    def take(self, number: int, text: str, now_ns: int) -> None:
        """Note the message that is in hand from now on."""
        if text != self._text:
            self.describe(text)
        self._started = started = self._started + 1
        words = self._words
        words[_STARTED] = started
        words[_MESSAGE_NS] = now_ns
        words[_MESSAGE] = number  # last: whoever sees it sees since when

    def digest(self, digest: int) -> None:
        """Note by what the message that is taken next will be known again."""
        self._words[_Word.DIGEST] = digest

    def describe(self, text: str) -> None:
        """Replace the text of the message in hand."""
        if text != self._text:
            self._text = text
            self._write(_MESSAGE_TEXT, text)

    def work_on(self, text: str, now_ns: int = 0) -> None:
        """Note what another thread than the root's works on from now on; "" when it has done."""
        self._words[_Word.WORK_NS] = now_ns
        self._write(_WORK_TEXT, text)

    def put_down(self, waiting: int = 0) -> None:
        """Note that the message in hand is done, and how many more wait for the root."""
        self._done = done = self._done + 1
        came = self._came
        words = self._words
        words[_MESSAGE] = 0
        words[_DONE] = done
        words[_HANDLED] = came - waiting if came > waiting else 0

    def settled(self, received: int) -> None:
        """Note that of so many messages that have come in none waits. Runs in: the I/O thread."""
        self._words[_Word.SETTLED] = received

    def beat(self, now_ns: int, *, waits: bool = False) -> None:
        """Note that the main thread is alive, and whether the root waits for the answer of an actor."""
        self._words[_Word.BEATS] += 1
        self._words[_Word.BEAT_NS] = now_ns
        self._words[_Word.WAITS] = waits

    def hosts(self, processes: int) -> None:
        """Note how many processes it hosts itself. Runs in: the main thread, and whichever tells that it is ready."""
        self._words[_Word.HOSTS] = processes

    def loop_beat(self) -> None:
        """Note that the event loop of the root is alive."""
        self._words[_Word.LOOP_BEATS] += 1

    def own_threads(self, io: int, clock: int) -> None:
        """Note the numbers of the threads that run no code of the user, 0 for one that is not there."""
        self._words[_Word.IO_THREAD] = io
        self._words[_Word.CLOCK_THREAD] = clock

    def close(self) -> None:
        """Unmap the page; what was written stays for the reader. Safe to call twice."""
        self._words.release()
        self._map.close()

    def _write(self, slot: int, text: str) -> None:
        words = self._words
        data = text.encode("utf-8", "replace")[:TEXT_MAX_BYTES]
        words[slot] += 1
        self._map[8 * (slot + 2) : 8 * (slot + 2) + len(data)] = data
        words[slot + 1] = len(data)
        words[slot] += 1
