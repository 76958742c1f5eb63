"""The digests of messages: by one of them a message is known again that comes with the same bytes.

What lives here: the digest, and the way of one in a hosted process from the bytes that came to the message that is
handled. Only where there is a suspicion: a digest takes some 2 microseconds.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ...protocol.frames import Buffer

__all__ = ("Digests", "digest_of", "who_notes")

_WAITING_MAX: Final = 10_000  # messages between arrival and handling that are known by their digests,
_WAITING_BYTES: Final = 16 * 1024 * 1024  # as long as they came in so many bytes, or there is but one


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
    """Digests of what has come for the root and has not been handled.

    Runs in: the I/O thread notes, the root's thread takes. `urn`: the root's; nobody takes the messages of others.
    """

    def __init__(self, urn: str) -> None:
        self.urn: Final = urn
        # By identity. The message is held, so that no other one can have its number meanwhile; a small integer may
        # wait several times.
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, tuple[object, int, int, int]] = OrderedDict()  # message, digest, bytes, times
        self._bytes = 0

    def note(self, message: object, data: Buffer) -> None:
        """Note a message, and the bytes that it came in, before it is given to the root; who cannot, takes it back."""
        digest, size = digest_of(data), len(data)
        with self._lock:
            waiting = self._waiting
            _, _, before, times = waiting.pop(id(message), (None, 0, 0, 0))
            self._bytes += size - before
            waiting[id(message)] = (message, digest, size, times + 1)
            while len(waiting) > _WAITING_MAX or (self._bytes > _WAITING_BYTES and len(waiting) > 1):
                _, (_, _, forgotten, _) = waiting.popitem(last=False)
                self._bytes -= forgotten

    def taken(self, message: object) -> int:
        """Give the digest of a message that is to be handled now, 0 if it did not come over the link."""
        with self._lock:
            _, digest, size, times = self._waiting.pop(id(message), (None, 0, 0, 0))
            if times > 1:
                self._waiting[id(message)] = (message, digest, size, times - 1)
            else:
                self._bytes -= size
        return digest


def who_notes(digests: Digests | None, urn: str) -> Digests | None:
    """Give those in which a message to this urn is noted, if in any."""
    return digests if digests is not None and digests.urn == urn else None
