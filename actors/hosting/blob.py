"""Blobs: bytes in memory of their own, handed from process to process without a copy.

What lives here: the memory and who may change it. What must not: how it travels (`carried.py`).
Source: memfd_create(2) and file seals, as Wayland and D-Bus hand over large data. Nothing has a name in any file
system: whatever is killed, the kernel frees the memory with its last holder.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from .closing import Closing

if TYPE_CHECKING:
    from ...protocol.frames import Buffer

__all__ = ("Blob", "BlobClosed")

_SEALS: Final = tuple(
    getattr(fcntl, name, 0) for name in ("F_SEAL_SHRINK", "F_SEAL_GROW", "F_SEAL_WRITE", "F_SEAL_SEAL")
)
_ADD_SEALS: Final = getattr(fcntl, "F_ADD_SEALS", None)
_GET_SEALS: Final = getattr(fcntl, "F_GET_SEALS", None)


class BlobClosed(ValueError):
    """The blob has been handed over, or closed; `what` was to be done with it."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: expected a blob that is still here, got one that was handed over or closed")
        self.what = what


class Blob(Closing):
    """Bytes that are handed over, not copied. Sent in a message to another process they are the receiver's from then
    on, and gone here; `copy()` keeps a second handle on the same memory. Inside one process a message carries the blob
    itself.

    Made with `Blob(data)`, or `Blob.of_size(n)` and filled through `memory()`. What is handed over is sealed: nobody
    can change it any more, so whoever reads it reads what was sent. Runs in: any thread; one at a time.
    Differs on macOS: there are no seals; that nobody changes it is the sender's promise.
    """

    __slots__ = ("_fd", "_map", "_sealed", "_size")

    def __init__(self, data: Buffer = b"") -> None:
        view = memoryview(data).cast("B")
        self._open(_new_memory(view.nbytes), view.nbytes, sealed=False)
        if view.nbytes:
            self.memory()[:] = view
        self.seal()

    @classmethod
    def of_size(cls, size: int) -> Self:
        """Make one of `size` zero bytes, to be filled through `memory()`. Errors: ValueError; OSError."""
        if size < 0:
            raise ValueError(f"Blob.of_size: expected a number of bytes, got {size}")
        blob = cls.__new__(cls)
        blob._open(_new_memory(size), size, sealed=False)
        return blob

    @classmethod
    def received(cls, fd: int, size: int) -> Self:
        """Take over a descriptor that another process has sent. Errors: ValueError if it is shorter than announced."""
        found = os.fstat(fd).st_size
        if size < 0 or found < size:
            raise ValueError(f"blob: expected {size} bytes behind its descriptor, got {found}")
        if _GET_SEALS is not None and fcntl.fcntl(fd, _GET_SEALS) & sum(_SEALS[:3]) != sum(_SEALS[:3]):
            raise ValueError("blob: expected sealed memory behind its descriptor, got some that may still change")
        blob = cls.__new__(cls)
        blob._open(fd, size, sealed=True)
        return blob

    def _open(self, fd: int, size: int, *, sealed: bool) -> None:
        self._fd: int | None = fd
        self._size = size
        self._sealed = sealed
        self._map: mmap.mmap | None = None

    def __len__(self) -> int:
        return self._size

    @property
    def closed(self) -> bool:
        """True once it was handed over or closed."""
        return self._fd is None

    @property
    def sealed(self) -> bool:
        """True once nobody can change it."""
        return self._sealed

    def memory(self) -> memoryview:
        """Give all of it, writable until it is sealed. The view is valid as long as it is held, also after a close.

        `numpy.frombuffer(blob.memory(), dtype=...)` reads it without a copy. Errors: BlobClosed.
        """
        fd = self._here("memory()")
        if not self._size:
            return memoryview(b"")
        if self._map is None:
            if self._sealed:  # private: before Linux 6.7 what is sealed cannot be shared, not even to be read
                self._map = mmap.mmap(fd, self._size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
            else:
                self._map = mmap.mmap(fd, self._size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        return memoryview(self._map)

    def seal(self) -> None:
        """Let nobody change it any more; done by itself when it is handed over.

        Errors: BlobClosed; BufferError while a view of it that can be written to is still held.
        """
        fd = self._here("seal()")
        if self._sealed:
            return
        if self._map is not None:
            self._map.close()  # BufferError if a view is held
            self._map = None
        if _ADD_SEALS is not None:
            fcntl.fcntl(fd, _ADD_SEALS, sum(_SEALS))
        self._sealed = True

    def copy(self) -> Blob:
        """Give a second handle on the same memory, sealed. Errors: BlobClosed, and as `seal`."""
        self.seal()
        twin = Blob.__new__(Blob)
        twin._open(os.dup(self._here("copy()")), self._size, sealed=True)
        return twin

    def close(self) -> None:
        """Let go of it. Views that are held stay valid. Safe to call twice."""
        fd, self._fd = self._fd, None
        self._map = None  # views keep the mapping
        if fd is not None:
            os.close(fd)

    def lend(self) -> int:
        """Give a descriptor of it to be sent, sealed. Errors: BlobClosed, and as `seal`."""
        self.seal()
        return os.dup(self._here("to be sent"))

    def __repr__(self) -> str:
        state = "closed" if self.closed else "sealed" if self._sealed else "open"
        return f"<Blob of {self._size} bytes, {state}>"

    def _here(self, what: str) -> int:
        if self._fd is None:
            raise BlobClosed(what)
        return self._fd


def _new_memory(size: int) -> int:
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("regrow-blob", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:  # macOS: an unlinked file is the same to us
        fd, path = tempfile.mkstemp(prefix="regrow-blob-")
        Path(path).unlink()
    try:
        os.ftruncate(fd, size)
    except BaseException:
        os.close(fd)
        raise
    return fd
