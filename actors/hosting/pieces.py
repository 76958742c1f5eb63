"""What a protocol has given and the socket has not taken yet: bytes in order, with the descriptors beside them."""

from __future__ import annotations

import os
import socket
from array import array
from collections import deque
from collections.abc import Sequence
from typing import Final

from ...protocol.host.protocol import Carrying, Piece

__all__ = ("Pieces",)

_VECTORS_MAX: Final = 64  # Linux allows 1,024 a call; more than this many no longer makes it faster


class Pieces:
    """Runs in: any thread, with the lock of its owner. It owns the descriptors that are in it."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[memoryview, tuple[int, ...]]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, fresh: Sequence[Piece]) -> None:
        """Take what comes next."""
        for piece in fresh:
            data, beside = (piece.data, piece.descriptors) if isinstance(piece, Carrying) else (piece, ())
            self._waiting.append((memoryview(data), beside))

    def send(self, sock: socket.socket) -> int:
        """Write what goes with one call: up to the next piece that has descriptors of its own. Errors: OSError."""
        vectors: list[memoryview] = []
        for data, beside in self._waiting:
            if vectors and (beside or len(vectors) >= _VECTORS_MAX):
                break
            vectors.append(data)
        descriptors = self._waiting[0][1]
        sent = sock.sendmsg(
            vectors, [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", descriptors))] if descriptors else []
        )
        self._consume(sent)
        return sent

    def forget(self) -> None:
        """Write nothing of it: nobody will read it."""
        for _, descriptors in self._waiting:
            for descriptor in descriptors:
                os.close(descriptor)
        self._waiting.clear()

    def _consume(self, sent: int) -> None:
        waiting = self._waiting
        if sent and waiting[0][1]:
            data, descriptors = waiting[0]
            waiting[0] = data, ()
            for descriptor in descriptors:
                os.close(descriptor)  # it has one of its own now
        while sent:
            data, _ = waiting[0]
            if sent < data.nbytes:
                waiting[0] = data[sent:], ()
                return
            sent -= data.nbytes
            waiting.popleft()
        while waiting and not waiting[0][0].nbytes:
            waiting.popleft()
