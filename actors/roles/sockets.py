"""Which socket is which: the one in use, the one that a drain leaves behind, the dial under way.

What lives here: the wires of a connection, and saying something on the right one. What must not: what a message means,
and when to dial again.
"""

from __future__ import annotations

from ...protocol.session.messages import Closing, Message
from .link_messages import SessionReady
from .losses import Loss
from .wire import Dialer, Lost, Wire, WireClosed

__all__ = ("Sockets",)


class Sockets:
    """Runs in: the connection's thread. A send blocks while nobody reads; `Wire.abort` ends such a wait."""

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self.dial = 0  # number of the dial under way or in use
        self.dialing = False  # it is under way: neither open nor lost
        self.current: Wire | None = None  # open, perhaps not ready
        self.retiring: Wire | None = None  # draining, until its successor is ready
        self.greeted = False  # Hello has come on `current`
        self.ready: SessionReady | None = None  # of `current`, or of `retiring` until then

    def begin(self, url: str) -> int:
        """Dial; give the number of the dial. Never blocks."""
        self.dial, self.dialing = self._dialer.dial(url), True
        return self.dial

    def opened(self, wire: Wire, *, wanted: bool) -> None:
        """Take a wire that has opened, or let go of it if it is not wanted any more."""
        if wanted and wire.dial == self.dial:
            self.current, self.greeted, self.dialing = wire, False, False
        else:
            wire.abort(Loss(kind="closed", code="superseded", text="another dial has taken over"))

    def is_ready(self, ready: SessionReady) -> None:
        """Use this session from now on, and leave the one that drains."""
        self.ready = ready
        self.retire()

    def set_aside(self, wire: Wire) -> bool:
        """Make room for the successor of a wire that drains. False if it is not the one in use."""
        if wire is not self.current:
            return False
        self.retiring, self.current = wire, None
        return True

    def retire(self) -> None:
        """Leave the wire that drains, at once."""
        if self.retiring is not None:
            retiring, self.retiring = self.retiring, None
            self.say_on(retiring, Closing(reason="moved to another session"))
            retiring.abort(Loss(kind="closed", code="moved", text="moved to another session"))

    def lost(self, event: Lost) -> tuple[bool, bool]:
        """Forget a wire. Gives whether it was that of the ready session, and whether it was the last one dialed."""
        if event.wire is not None and event.wire is self.retiring:
            self.retiring = None
        session_ended = self.ready is not None and event.wire is self.ready.wire
        if session_ended:
            self.ready = None
        if event.dial != self.dial:
            return session_ended, False
        self.dialing = False
        if self.current is event.wire:
            self.current = None
        return session_ended, True

    def say(self, message: Message) -> None:
        """Say it in the session that is ready, or the one that drains; drop it if there is none.

        Nothing is lost by that: an ack that did not go out is a lease that is adopted, a result is on disk.
        Errors: FrameTooLarge, CodecError.
        """
        wire = self._speaking()
        if wire is not None:
            self.say_on(wire, message)

    def has(self, feature: str) -> bool:
        """Say whether the session that `say` would use has agreed on a feature."""
        wire = self._speaking()
        return wire is not None and wire.session.has(feature)

    def say_on(self, wire: Wire, message: Message) -> None:
        """Say it here. Errors: FrameTooLarge, CodecError."""
        try:
            wire.send(message)
        except WireClosed:
            return  # its Lost is under way

    def close_all(self, reason: str, *, release: bool) -> None:
        """Say Closing everywhere and close. Blocks for a second at most."""
        for wire in self._open():
            self.say_on(wire, Closing(reason=reason, release=release))
            wire.close()
        self._dialer.join(1.0)

    def abort_all(self, loss: Loss) -> None:
        """Let go of every wire."""
        for wire in self._open():
            wire.abort(loss)
        self._dialer.join(0.5)

    def _speaking(self) -> Wire | None:
        return self.ready.wire if self.ready is not None else self.retiring

    def _open(self) -> list[Wire]:
        return [wire for wire in (self.current, self.retiring) if wire is not None]
