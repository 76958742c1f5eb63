"""Counters that several processes add to: a page of words that all of them have, and each writes a row of its own.

What lives here: the page, its rows, and whose they are. What must not: how it travels (`carried.py`).
Python has no compare-and-swap, so no word has two writers: each process has a row, and who reads adds the rows up. A
row is held by a lock on its byte of the file (F_OFD_SETLK of fcntl(2)), which the kernel takes back from a process that
is killed. Whoever is given the row next goes on from what stands there, so nothing is ever counted back.
Source: per-CPU counters of the Linux kernel, and the counters and atomics modules of OTP.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import sys
import threading
import weakref
from collections.abc import Mapping
from typing import Final

from .closing import Closing
from .errors import CountersFull, HostingError

__all__ = ("COUNTERS_MAX", "ROWS_MAX", "Counters", "CountersClosed")

COUNTERS_MAX: Final = 1024
ROWS_MAX: Final = 1024
_MAGIC: Final = b"RgCount1"
_ID_BYTES: Final = 16
_HEAD: Final = struct.Struct(f"8s{_ID_BYTES}sIII")  # magic, id, rows, counters, bytes of their names
_LINE_BYTES: Final = 64  # of a cache line: two processes must not write into the same one
_WORD_BYTES: Final = 8
_LOCK: Final = struct.Struct("hhqqi0q")  # struct flock where long has 64 bits: type, whence, start, length, pid
_LONG_BYTES: Final = struct.calcsize("l")
_SIZE_SEALS: Final = tuple(getattr(fcntl, name, 0) for name in ("F_SEAL_SHRINK", "F_SEAL_GROW"))


class CountersClosed(HostingError, ValueError):
    """The counters have been closed in this process; `what` was to be done with them."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what}: expected counters that are still here, got some that were closed"


class Counters(Closing):
    """Numbers by name that only grow, added to and read in any process without a message: `Counters("done", "failed")`.

    Sent in a message, or given to a start, they are shared: the sender has them, too. A process that adds has one of
    `rows` for itself as long as it lives; one that only reads needs none. Within a process they are one object.
    Runs in: any thread, with a lock for each process; never blocks longer than another `add`.
    Linux of 64 bits only. Errors: ValueError for names or rows that make no page; NotImplementedError; OSError.
    """

    __slots__ = (
        "__weakref__",
        "_fd",
        "_first",
        "_id",
        "_lock",
        "_map",
        "_places",
        "_row",
        "_rows",
        "_stride",
        "_words",
    )

    _fd: int | None  # of an open file of our own: with it, and the map, the kernel takes our row back
    _map: mmap.mmap | None
    _words: memoryview[int] | None
    _row: memoryview[int] | None  # ours, once we have added

    def __init__(self, *names: str, rows: int = 64) -> None:
        if sys.platform != "linux" or _LONG_BYTES != 8:
            raise NotImplementedError(
                "Counters: expected Linux of 64 bits, whose locks end with their process, "
                f"got {sys.platform} of {8 * _LONG_BYTES}"
            )
        said = _checked(names, rows)
        head = _HEAD.pack(_MAGIC, os.urandom(_ID_BYTES), rows, len(names), len(said)) + said
        fd = os.memfd_create("regrow-counters", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(fd, _rounded(len(head)) + rows * _rounded(len(names) * _WORD_BYTES))
            os.pwrite(fd, head, 0)
            # Of one size for ever: a process that cut it would have all others die at their next look.
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, sum(_SIZE_SEALS) | fcntl.F_SEAL_SEAL)
            self._open(fd)
        except BaseException:
            os.close(fd)
            raise
        with _here.lock:
            _here.add(self)

    @classmethod
    def received(cls, fd: int) -> Counters:
        """Take over a descriptor that another process has sent. Errors: ValueError for what is no page of counters."""
        counters = cls.__new__(cls)
        with _here.lock:
            known = _here.counters.get(os.pread(fd, _HEAD.size, 0)[8 : 8 + _ID_BYTES])
            if known is not None and not known.closed:
                os.close(fd)
                return known
            counters._open(fd)
            _here.add(counters)
        return counters

    def add(self, name: str, count: int = 1) -> None:
        """Count, in 0.5 to 0.8 microseconds. The first one of a process takes a row.

        Errors: CountersFull if all rows are taken by processes that live; CountersClosed; ValueError, TypeError for a
        name that there is not, and a count that is no integer from 0 on.
        """
        with self._lock:
            row = self._row
            if row is None:
                row = self._row = self._take_row()
            if count < 0:
                raise ValueError(f"Counters.add: expected 0 or more of {name!r}, as it only grows, got {count}")
            try:
                row[self._places[name]] += count
            except KeyError:
                known = ", ".join(self._places)
                raise ValueError(f"Counters.add: expected one of {known}, got {name!r}") from None

    def read(self) -> Mapping[str, int]:
        """Give all sums, with what those have counted that have ended. Takes some microseconds; each sum is of another
        moment of them. Errors: CountersClosed.
        """
        words = self._words
        if words is None:
            raise CountersClosed("read()")
        first, stride = self._first, self._stride
        return {name: sum(words[first + place :: stride]) for name, place in self._places.items()}

    @property
    def names(self) -> tuple[str, ...]:
        """What is counted."""
        return tuple(self._places)

    @property
    def closed(self) -> bool:
        """True once they were closed in this process."""
        return self._fd is None

    def close(self) -> None:
        """Let go of them in this process. What was counted stays, for all others. Safe to call twice."""
        with self._lock:
            fd, self._fd = self._fd, None
            self._words = self._row = self._map = None  # the map goes with its last view; it holds the row as well
            if fd is not None:
                os.close(fd)

    def lend(self) -> int:
        """Give a descriptor to be sent, of which locks do not depend on ours. Errors: CountersClosed; OSError."""
        with self._lock:
            if self._fd is None:
                raise CountersClosed("to be sent")
            return _opened_anew(self._fd)

    def let_go(self) -> int | None:
        """Leave the row to our parent, whose it is, in its fork; give the descriptor of before.

        Runs in: the only thread of the fork.
        """
        self._lock = threading.RLock()  # another thread may have held it when it forked
        self._row = self._words = self._map = None
        inherited, self._fd = self._fd, None
        return inherited

    def reopen(self, inherited: int) -> None:
        """Have the page again, and no row yet. Errors: OSError where there are no descriptors left: it stays closed."""
        try:
            fresh = _opened_anew(inherited)
            try:
                self._open(fresh)
            except BaseException:
                os.close(fresh)
                raise
        finally:
            os.close(inherited)

    def __repr__(self) -> str:
        return f"<Counters {', '.join(self._places)}{': closed' if self.closed else ''}>"

    def _open(self, fd: int) -> None:
        """Read and map it. Errors: ValueError; OSError; then the descriptor is still the caller's."""
        size = os.fstat(fd).st_size
        head = os.pread(fd, _HEAD.size, 0)
        magic, self._id, self._rows, count, said = (
            _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", b"", 0, 0, 0)
        )
        names = os.pread(fd, min(said, size), _HEAD.size).decode().split("\0")
        begin, stride = _rounded(_HEAD.size + said), _rounded(count * _WORD_BYTES)
        if magic != _MAGIC or len(names) != count or size != begin + self._rows * stride:
            raise ValueError(
                f"counters: expected a page of them behind the descriptor, got {size} bytes of other things"
            )
        if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & sum(_SIZE_SEALS) != sum(_SIZE_SEALS):
            raise ValueError("counters: expected a page of one size behind the descriptor, got one that may be cut")
        self._lock = threading.RLock()  # a signal handler may count, too
        self._map = mmap.mmap(fd, size)
        self._words = memoryview(self._map).cast("q")
        self._row = None
        self._places = {name: place for place, name in enumerate(names)}
        self._first, self._stride = begin // _WORD_BYTES, stride // _WORD_BYTES
        self._fd = fd

    def _take_row(self) -> memoryview[int]:
        fd, words = self._fd, self._words
        if fd is None or words is None:
            raise CountersClosed("add()")
        for row in range(self._rows):
            try:
                fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, row, 1, 0))
            except BlockingIOError:
                continue  # somebody lives who has it
            begin = self._first + row * self._stride
            return words[begin : begin + self._stride]
        raise CountersFull(self.names, self._rows)


class _Here:
    """The counters of this process, by their ids."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counters: weakref.WeakValueDictionary[bytes, Counters] = weakref.WeakValueDictionary()
        self._minds_forks = False

    def add(self, counters: Counters) -> None:
        """Know it. With the lock held."""
        self.counters[counters._id] = counters
        if not self._minds_forks:
            self._minds_forks = True
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self.lock = threading.Lock()
        here = [(counters, counters.let_go()) for counters in list(self.counters.values())]  # first all: none may stay
        for counters, inherited in here:
            if inherited is not None:
                with contextlib.suppress(OSError):  # no descriptors left: these are closed in this fork, and say so
                    counters.reopen(inherited)


_here: Final = _Here()


def _checked(names: tuple[str, ...], rows: int) -> bytes:
    if not 1 <= len(names) <= COUNTERS_MAX:
        raise ValueError(f"Counters: expected 1 to {COUNTERS_MAX} names, got {len(names)}")
    for name in names:
        if type(name) is not str or not name or "\0" in name:
            raise ValueError(f"Counters: expected names that are texts, got {name!r}")
    if len(set(names)) < len(names):
        raise ValueError(f"Counters: expected each name once, got {', '.join(names)}")
    if type(rows) is not int or not 1 <= rows <= ROWS_MAX:
        raise ValueError(f"Counters.rows: expected an integer from 1 to {ROWS_MAX}, got {rows!r}")
    return "\0".join(names).encode()


def _opened_anew(fd: int) -> int:
    return os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC)  # what dup gives would share our locks


def _rounded(size: int) -> int:
    return -(-size // _LINE_BYTES) * _LINE_BYTES
