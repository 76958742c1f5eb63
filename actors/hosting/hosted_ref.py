"""A ref to the root actor of a hosted process: stable through all of its lives, like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ...protocol.errors import LocalProtocolError
from ...protocol.host.credit import check_window
from ...protocol.host.messages import Window
from ..actor import Actor
from ..current import FENCES
from ..errors import ActorDeadError
from ..ref import ActorRef
from ..told import TOLD, Told
from .black_box import Recorded
from .verdicts import Verdict

if TYPE_CHECKING:
    from .hosted_process import HostedProcess

__all__ = ("HostedRef",)


class HostedRef(ActorRef[Actor]):
    """tell and ask encode in the caller, so what cannot be said is a CodecError there.

    Errors of `tell`, besides ActorRef's: CodecError with the path inside the message, OutboxFull. What an ask's handler
    raised comes back as RemoteError, which carries it as data. Proxies do not cross process boundaries.
    """

    @property
    def process(self) -> HostedProcess | None:
        """The latest life, None before the first."""
        return cast("HostedProcess | None", self._cell)  # nothing else is bound to a ref of this kind

    @property
    def hosted(self) -> bool:
        """True."""
        return True

    @property
    def pid(self) -> int | None:
        """Its process, None before it is launched."""
        return None if self.process is None else self.process.pid

    @property
    def black_box(self) -> Recorded | None:
        """What the process has written down last; read without asking it, also after its death."""
        return None if self.process is None else self.process.recorded

    @property
    def verdict(self) -> Verdict:
        """Whether its process gets on, by the latest look; healthy while it has none."""
        return Verdict.HEALTHY if self.process is None else self.process.watch.verdict

    def tell(self, message: object) -> Told:  # type: ignore[override]  # pykka gives nothing
        """Send and forget, or await what it gives: then the sender goes on while the window of the process has room."""
        process: HostedProcess | None = self._cell  # type: ignore[assignment]  # as in `process`
        if process is None or not process.peer.straight:
            super().tell(message)
            return TOLD if process is None else process.peer.pace.told()
        if FENCES.count:
            self._note_out(message)
        try:
            return process.peer.tell(self, message)
        except ActorDeadError:
            self._undelivered(message)
            raise

    def resize_window(self, messages: int, size_bytes: int) -> None:
        """Have another window: what may be unfinished on either side before the other is told that there is no room.

        For this life only. Errors: LocalProtocolError for numbers that make none; ActorDeadError.
        """
        process = self.process
        if process is None or not process.alive:
            raise ActorDeadError(self)
        window = Window(messages, size_bytes)
        check_window(window, LocalProtocolError)  # here, as one that cannot hear yet is sent it later
        process.peer.outlet.send(window)
        process.pace.look()  # those who wait may have room now

    def load(self) -> int:
        """How many messages its process was given and is not done with; read from its page, so nobody is asked."""
        process: HostedProcess | None = self._cell  # type: ignore[assignment]  # as in `process`
        return 0 if process is None else process.load

    def link_made(self, peer: ActorRef) -> None:
        """Have the root linked, too."""
        if self.process is not None:
            self.process.linked(peer)

    def link_dropped(self, peer: ActorRef) -> None:
        """Have the root unlinked, too."""
        if self.process is not None:
            self.process.unlinked(peer)
