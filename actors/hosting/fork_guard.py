"""What a fork of this process must not keep open: sockets whose end tells others that this process has died.

User code forks (os.fork, multiprocessing); such a fork may outlive us, and with our sockets in it a zygote and its
forks would never hear that we are gone. Nothing else may be undone there: the selector is shared with the parent.
"""

from __future__ import annotations

import os
import socket
import weakref
from typing import Final, Protocol

__all__ = ("Disowning", "close_in_forks", "disown_in_forks")


class Disowning(Protocol):
    """What a fork must neither keep nor speak through."""

    def disown(self) -> None:
        """Let go of it, without a lock that another thread may have held. Runs in: the only thread of the fork."""


_SOCKETS: Final[weakref.WeakSet[socket.socket]] = weakref.WeakSet()
_OTHERS: Final[weakref.WeakSet[Disowning]] = weakref.WeakSet()


def close_in_forks(sock: socket.socket) -> None:
    """Have it closed in whatever forks this process from now on; it is not kept alive. Runs in: any thread."""
    _SOCKETS.add(sock)


def disown_in_forks(one: Disowning) -> None:
    """As `close_in_forks`, for what has more to let go of than a socket."""
    _OTHERS.add(one)


def _close_all() -> None:
    """Runs in: the only thread of a fork; takes no lock."""
    for one in list(_OTHERS):
        one.disown()
    for sock in list(_SOCKETS):
        sock.close()


os.register_at_fork(after_in_child=_close_all)
