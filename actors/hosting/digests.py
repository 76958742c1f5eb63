"""The digests of messages: by one of them a message is known again that comes with the same bytes.

What lives here: the digest, and the way of one in a hosted process from the bytes that came to the message that is
handled. Only where there is a suspicion: a digest takes some 2 microseconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from ...protocol.codec import decode

if TYPE_CHECKING:
    from ...protocol.codec import ReadRef
    from ...protocol.frames import Buffer

__all__ = ("Digests", "digest_of")

_WAITING_MAX: Final = 10_000  # messages between arrival and handling that are known by their digests


def digest_of(*pieces: Buffer) -> int:
    """Give the digest of bytes, in any pieces: 64 bits, never 0.

    >>> digest_of(b"ab", b"c") == digest_of(b"abc") != digest_of(b"abd")
    True
    """
    made = blake2b(digest_size=8)
    for piece in pieces:
        made.update(piece)
    return int.from_bytes(made.digest(), "little") or 1


class Digests:
    """Digests of what has come and has not been handled. Runs in: the I/O thread notes, the root's thread takes."""

    def __init__(self) -> None:
        # By identity. The message is held, so that no other one can have its number meanwhile; a small integer may
        # wait several times.
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, tuple[object, int, int]] = OrderedDict()

    def decode(self, data: Buffer, *, refs: ReadRef) -> object:
        """Read a message, and note it. Errors: RemoteProtocolError."""
        message, digest = decode(data, refs=refs), digest_of(data)
        with self._lock:
            waiting = self._waiting
            _, _, times = waiting.pop(id(message), (None, 0, 0))
            waiting[id(message)] = (message, digest, times + 1)
            while len(waiting) > _WAITING_MAX:
                waiting.popitem(last=False)
        return message

    def taken(self, message: object) -> int:
        """Give the digest of a message that is to be handled now, 0 if it did not come over the link."""
        with self._lock:
            _, digest, times = self._waiting.pop(id(message), (None, 0, 0))
            if times > 1:
                self._waiting[id(message)] = (message, digest, times - 1)
        return digest
