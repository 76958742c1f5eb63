"""What a fork of this process must not keep open: sockets whose end tells others that this process has died.

User code forks (os.fork, multiprocessing); such a fork may outlive us, and with our sockets in it a zygote and its
forks would never hear that we are gone. Nothing else may be undone there: the selector is shared with the parent.
"""

from __future__ import annotations

import os
import socket
import weakref
from typing import Final

__all__ = ("close_in_forks",)

_SOCKETS: Final[weakref.WeakSet[socket.socket]] = weakref.WeakSet()


def close_in_forks(sock: socket.socket) -> None:
    """Have it closed in whatever forks this process from now on; it is not kept alive. Runs in: any thread."""
    _SOCKETS.add(sock)


def _close_all() -> None:
    """Runs in: the only thread of a fork; takes no lock."""
    for sock in list(_SOCKETS):
        sock.close()


os.register_at_fork(after_in_child=_close_all)
