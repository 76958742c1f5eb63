"""A WebSocket connection that does not read before it has asked.

What lives here: the order of the first write and the first read of `websockets.sync`, which has a thread for each.
Third-party entry point: websockets' threading client; imported when something is dialed.

OpenSSL allows no two threads in one connection at once. Afterwards reads and writes keep out of each other's way, but
right after a handshake of TLS 1.3 the server's session tickets arrive: a read that is in the middle of them makes a
write wait for the rest of the handshake, which never comes. 3 of 450 dials hung that way until their timeout.
The tickets come before the answer to what is asked, so who asks first is past them when it writes again.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from websockets.sync.client import ClientConnection

if TYPE_CHECKING:
    import socket

    from websockets.client import ClientProtocol

__all__ = ("AskFirst",)

_ASK_SECONDS: Final = 60.0  # longer than any open timeout, with which the handshake ends at the latest


class AskFirst(ClientConnection):
    """Runs in: the thread that dials, and the library's own that reads."""

    def __init__(self, socket: socket.socket, protocol: ClientProtocol, **options: Any) -> None:
        self._asked = threading.Event()
        super().__init__(socket, protocol, **options)

    def handshake(self, *arguments: Any, **options: Any) -> None:
        """Ask, and wait for the answer. Errors: those of the library."""
        try:
            super().handshake(*arguments, **options)
        finally:
            self._asked.set()  # it could not even ask: let the reader find that out, and end

    def send_data(self) -> None:
        """Write what there is to write. Errors: OSError."""
        try:
            super().send_data()
        finally:
            self._asked.set()  # after an error the library waits for the reader, who finds out the same

    def recv_events(self) -> None:
        """Read until the end."""
        self._asked.wait(_ASK_SECONDS)
        super().recv_events()
