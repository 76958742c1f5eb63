"""What an open end of a port needs: a link as the one to a host, and what is behind it as a peer.

The frames, the credit and the refs are those of the link between a host and its process; its two ends are equals.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Final

from ...protocol.errors import ProtocolError
from ...protocol.exits import NOPROC, ExitReason, crash_of
from ...protocol.host.messages import ClosePort, LinkMessage, Parcel
from ...protocol.host.protocol import LinkProtocol
from ...protocol.host.states import Side
from ..actor import Actor
from ..errors import ActorDeadError
from ..mailbox import Envelope
from ..ref import ActorRef
from ..told import Told
from .carried import close_descriptors
from .link_socket import LinkSocket
from .pace import Pace
from .peer import Peer
from .port import Port, PortClosed, PortMessage
from .port_states import Act, PortState, Step
from .remote_ref import RemoteRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..futures import AskFuture
    from ..life import Life
    from .loop import IoLoop

__all__ = ("PortLink",)

LOOK_SECONDS: Final = 0.25  # between looks at whether the rest was written
STALLED_SECONDS: Final = 5.0  # without a byte taken: as good as gone
_OPENER = ""  # the urn of whoever has opened the other end; no actor has it


class _Far(RemoteRef):
    """Whoever has opened the other end."""

    def __str__(self) -> str:
        return "the other end of a port"


class _Inlet(ActorRef[Actor]):
    """Leads to one life of an actor: whatever comes this way is a PortMessage to it."""

    def __init__(self, port: Port, life: Life) -> None:
        ref = life.ref
        super().__init__(ref.system, name=ref.name, actor_class=ref.actor_class, urn=ref.urn, path=ref.path)
        self.bind(life)
        self._port = port

    @property
    def direct(self) -> None:
        """None: there is more to sending."""

    def tell(self, message: object) -> Told:  # type: ignore[override]  # pykka gives nothing
        """Send it on. Errors: as ActorRef.tell."""
        return super().tell(PortMessage(self._port, message))

    def ask_for(self, asker: ActorRef | None, message: object, *, waits: bool = False) -> AskFuture[object]:
        """Send it on. Errors: MailboxFull."""
        return super().ask_for(asker, PortMessage(self._port, message), waits=waits)


class _PortPeer(Peer):
    """The process at the other end."""

    def __init__(self, inlet: _Inlet) -> None:
        super().__init__(inlet.system)
        self._inlet = inlet

    def local(self, urn: str) -> ActorRef | None:
        """Who of this side has this urn, None if nobody who lives."""
        return self._inlet if urn == _OPENER else super().local(urn)


class PortLink:
    """Runs in: the I/O thread, but for `act`: any thread. Never blocks. `left` is called when it has let go of all.

    A port is told what has happened (`Port.take`), and says what is to be done about it (`act`).
    """

    def __init__(self, port: Port, life: Life, loop: IoLoop, left: Callable[[PortLink], None]) -> None:
        """Take one that is held; nothing is read yet. Errors: PortUnusable, OSError."""
        self.port = port
        self.life = life
        self._loop = loop
        self._left = left
        protocol = LinkProtocol(Side.PORT, acknowledge_on_receipt=False)
        sock = socket.socket(fileno=port.lend())
        self._link = LinkSocket(loop, sock, protocol, on_message=self._receive, on_end=self._link_ended)
        self._peer = peer = _PortPeer(_Inlet(port, life))
        self.far = far = _Far(peer, _OPENER, "port")
        peer.outlet = self._link
        peer.reads = self._link.read_here
        peer.pace = Pace(self._link, loop, life.system, whom=lambda: far, backlog=peer.backlog)

    def act(self, act: Act, reason: ExitReason) -> None:
        """Do what a step of the port asks for. Runs in: any thread for LINK and SAY_CLOSED."""
        match act:
            case Act.LINK:
                self._loop.call(self._begin)
            case Act.SAY_CLOSED:
                self._say_closed(reason)
                if not self._loop.call(lambda: self._leave_if_written(reason)):
                    self.leave(reason)  # the system has ended: there is no thread that could write the rest
            case Act.ANNOUNCE:
                self._peer.close(reason)
                with contextlib.suppress(ActorDeadError):  # it ends at this moment
                    self.life.put(Envelope(PortClosed(self.port, reason), exempt=True))
                self.leave(reason)
            case Act.LEAVE:
                self.leave(reason)

    def leave(self, reason: ExitReason = NOPROC) -> None:
        """Let go of everything. Runs in: the I/O thread, or any other when that has ended."""
        if self._peer.open:
            self._peer.close(reason)
        self._link.close()
        self._left(self)

    def flush(self, timeout: float) -> bool:
        """Wait until all is written, at most so many seconds. Runs in: any thread."""
        return self._link.flush(timeout)

    def disown(self) -> None:
        """Let go of it in a fork. Runs in: the only thread of the fork."""
        self._link.disown()

    def _begin(self) -> None:
        if self.port.state in (PortState.OPEN, PortState.LEAVING):
            self._link.start()

    def _receive(self, message: LinkMessage) -> None:
        if isinstance(message, ClosePort):
            self.port.take(Step.CLOSED_THERE, message.reason)
        elif self.port.state is PortState.OPEN:
            self._peer.receive(message)
        elif isinstance(message, Parcel):
            close_descriptors(message)

    def _link_ended(self, error: Exception | None) -> None:
        reason = NOPROC if error is None else crash_of(error)
        if error is not None:
            self._say_closed(reason)
        self.port.take(Step.CLOSED_THERE, reason)

    def _say_closed(self, reason: ExitReason) -> None:
        with contextlib.suppress(ProtocolError):  # the other end has said so first
            self._link.send(ClosePort(reason))

    def _leave_if_written(self, reason: ExitReason) -> None:
        """Leave; if the socket takes no more now, when the other end has read all, or reads nothing any more."""
        if self.port.state is not PortState.LEAVING:
            return  # the other end was closed meanwhile
        if self._peer.open:
            self._peer.close(reason)
        self._linger(reason, self._link.waiting_bytes, 0.0)

    def _linger(self, reason: ExitReason, left: int, stalled: float) -> None:
        """Go on until all is written, or the other end has taken nothing for a while: then it never will."""
        if self.port.state is not PortState.LEAVING:
            return
        if self._link.flush(0) or stalled >= STALLED_SECONDS:
            self.port.take(Step.WRITTEN, reason)
            return
        now_left, clock = self._link.waiting_bytes, self.life.system.clock
        stalled = 0.0 if now_left < left else stalled + LOOK_SECONDS
        clock.call_at(
            clock.now() + LOOK_SECONDS, lambda: self._loop.call(lambda: self._linger(reason, now_left, stalled))
        )
