"""One WebSocket session as the link's threads share it: anyone may send, one thread reads.

What lives here: the dial, the reader thread, and a send that keeps the order of the protocol and of the wire the same.
What must not: what a message means, and whether to dial again.
Third-party entry point: websockets' threading client.
"""

from __future__ import annotations

import logging
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from ...protocol.errors import RegrowError, RemoteProtocolError
from ...protocol.limits import SESSION_MAX_BYTES
from ...protocol.session.messages import Message
from ...protocol.session.speaking import ConnectionProtocol, Data, RegrowProtocol
from ...protocol.session.states import Phase
from .dial_errors import loss_of_error
from .losses import Loss
from .tls import DialTls

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from ..clock import Clock

__all__ = ("Dialer", "Heard", "Lost", "Opened", "Wire", "WireClosed", "WireEvent")

CLOSE_SECONDS: Final = 0.5
"""How long a close may take. websockets' default of 10 s would hold a drain, and the autoclose of a dead peer, that
long."""

SEND_SECONDS: float = 10.0
"""How long a send may wait without any progress; then the session is given up."""


class WireClosed(RegrowError):
    """The session cannot take a message: it is closed, or closing."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The WebSocket is open; the gateway speaks next."""

    wire: Wire


@dataclass(frozen=True, slots=True)
class Heard:
    """The gateway said something."""

    wire: Wire
    message: Message


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no session (any more); `wire` is None if there never was one."""

    wire: Wire | None
    dial: int
    loss: Loss


WireEvent: TypeAlias = Opened | Heard | Lost


class Wire:
    """An open WebSocket with the session protocol on it.

    Runs in: any thread. `send` blocks while the socket's buffer is full, at most SEND_SECONDS without any progress;
    `abort` ends such a wait.
    """

    def __init__(
        self,
        websocket: ClientConnection,
        session: ConnectionProtocol,
        tell: Callable[[Heard], None],
        now: Callable[[], float],
        dial: int,
    ) -> None:
        self._websocket = websocket
        self._tell = tell
        self._now = now
        self._lock = threading.Lock()
        self.session = session
        self.dial = dial
        self.loss: Loss | None = None  # set by whoever ended it first

    @property
    def phase(self) -> Phase:
        """How far the session is."""
        return self.session.phase

    def send(self, message: Message) -> None:
        """Say it. Errors: WireClosed; FrameTooLarge and CodecError, after which the wire is as good as before."""
        from websockets.exceptions import WebSocketException

        with self._lock:
            if self.session.phase >= Phase.CLOSED:
                raise WireClosed("session is closed")
            if not self.session.may_send(type(message)):
                raise WireClosed(f"{type(message).__name__} cannot be sent in phase {self.session.phase.name}")
            try:
                for data in self.session.send(message, self._now()):
                    self._websocket.send(data)
            except (WebSocketException, OSError) as error:
                raise WireClosed(f"session is closed: {error}") from error
            heard = self.session.sent(message, self._now())
        self._hear(heard)

    def opened(self) -> None:
        """The connection is open: hear what the session makes of that."""
        with self._lock:
            heard = self.session.opened(self._now())
        self._hear(heard)

    def receive(self, data: Data) -> None:
        """Read it. Errors: RemoteProtocolError."""
        with self._lock:
            heard = self.session.receive(data, self._now())
        self._hear(heard)

    def _hear(self, messages: Sequence[Message]) -> None:
        for message in messages:
            self._tell(Heard(self, message))

    def silent_for(self) -> float:
        """Seconds since the gateway said anything."""
        return self.session.silent_for(self._now())

    def abort(self, loss: Loss) -> None:
        """End it now, without a closing handshake; a blocked `send` fails. Idempotent."""
        if self.loss is None:
            self.loss = loss
        sock: object = self._websocket.socket
        with suppress(OSError):  # it was gone already
            if isinstance(sock, socket.socket):
                # Not as an SSLSocket does it, which first forgets its TLS: a sender could come between, in plain text.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            else:  # TLS inside of the TLS of a proxy
                self._websocket.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close with a handshake that takes at most CLOSE_SECONDS. Blocks that long."""
        self._websocket.close()
        with self._lock:
            self.session.close()


class Dialer:
    """Makes one attempt at a time, each in a thread of its own that then reads until the end.

    `tell` gets `Opened`, then `Heard`..., then exactly one `Lost` for every dial.
    """

    def __init__(
        self,
        tell: Callable[[WireEvent], None],
        clock: Clock,
        *,
        open_timeout: float = 10.0,
        tls: DialTls | None = None,
        proxy: str | Literal[True] | None = None,
        protocol: Callable[[], ConnectionProtocol] = RegrowProtocol,
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._open_timeout = open_timeout
        self._tls = DialTls() if tls is None else tls  # read for every dial, because certificates are renewed
        self._proxy: Final = proxy
        self._protocol = protocol
        self._threads: list[threading.Thread] = []
        self._dials = 0

    def dial(self, url: str) -> int:
        """Begin an attempt; give its number. Never blocks."""
        self._dials += 1
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(
            target=self._run, args=(self._dials, url), name=f"regrow-session-{self._dials}", daemon=True
        )
        self._threads.append(thread)
        thread.start()
        return self._dials

    def join(self, timeout: float) -> None:
        """Wait for the threads of all dials."""
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def _run(self, dial: int, url: str) -> None:
        wire: Wire | None = None
        try:
            from websockets.sync.client import connect
            from websockets.typing import Subprotocol

            from .ask_first import AskFirst

            session = self._protocol()
            wanted = None if session.subprotocol is None else [Subprotocol(session.subprotocol)]
            with connect(
                url,
                subprotocols=wanted,
                compression=None,
                proxy=self._proxy,
                open_timeout=self._open_timeout,
                ping_interval=session.pings,
                ping_timeout=session.pings,
                close_timeout=CLOSE_SECONDS,
                max_size=SESSION_MAX_BYTES,  # refused by its header, before it fills the memory
                ssl=self._tls.context() if url.startswith("wss:") else None,
                logger=_quiet_logger(),
                create_connection=AskFirst,
            ) as websocket:
                # A gateway that no longer reads: without this, whoever sends would wait for TCP's quarter of an hour,
                # and the heartbeat, which would notice, waits behind it.
                limit = struct.pack("ll", int(SEND_SECONDS), int(SEND_SECONDS % 1 * 1e6))
                websocket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
                wire = Wire(websocket, session, self._tell, self._clock.now, dial)
                self._tell(Opened(wire))
                wire.opened()
                self._read(websocket, wire)
        except Exception as error:  # noqa: BLE001 - whatever a dial can raise: resolver, TLS, HTTP, protocol
            if wire is None:
                self._tell(Lost(None, dial, loss_of_error(error, self._clock.epoch(), opened=False)))
                return
            wire.loss = wire.loss or loss_of_error(error, self._clock.epoch(), opened=True)
        wire.session.close()
        self._tell(Lost(wire, dial, wire.loss or Loss(kind="closed", code="lost", text="connection lost")))

    def _read(self, websocket: ClientConnection, wire: Wire) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            while True:
                wire.receive(websocket.recv())
        except (ConnectionClosed, RemoteProtocolError) as error:
            wire.loss = wire.loss or loss_of_error(error, self._clock.epoch(), opened=True)


def _quiet_logger() -> logging.Logger:
    """Make the logger of one connection. Below INFO the library logs the frames themselves, and so our token."""
    quiet = logging.Logger("websockets.client", logging.INFO)  # noqa: LOG001 - not registered: nothing global changes
    quiet.parent = logging.getLogger()
    return quiet
