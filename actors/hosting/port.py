"""Ports: private channels between two actors in any two processes, which no message of theirs leaves.

What lives here: the end of a port that users hold, and what its actor is told. What must not: the rule of its life
(`port_states.py`), what an open one needs (`port_link.py`).
Source: MessageChannel of the web and of Node; a port is moved as they are, by its descriptor.
"""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...protocol.exits import NORMAL, ExitReason
from ..named_ref import resolved
from .closing import Closing
from .errors import PortUnusable
from .fork_guard import disown_in_forks
from .port_states import TABLE, Act, PortState, Step

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..told import Told
    from .port_link import PortLink

__all__ = ("Port", "PortClosed", "PortMessage")


class Port(Closing):
    """One end of a private channel. `Port.pair()` gives both; what is told at one comes to the actor of the other.

    An end that nobody has opened may stand in a message, as a Blob may: sent to another process it is the receiver's
    from then on, and used up here. `open` has an actor hear of it: PortMessage for each message, in order, and
    PortClosed once if the other end is closed, or dropped unopened, or its process dies. What was told before waits.
    An open end belongs to its actor's life and is closed with it. One that is dropped unopened is closed, too. In forks
    that user code makes all are closed, and nobody hears of that.

    Runs in: any thread; never blocks.
    """

    __slots__ = ("__weakref__", "_descriptor", "_link", "_lock", "_state")

    def __init__(self) -> None:
        raise TypeError("Port(): expected Port.pair(), which gives both ends")

    @classmethod
    def pair(cls) -> tuple[Port, Port]:
        """Make a channel; give its two ends, neither of them open. Errors: OSError if there are no descriptors left."""
        first, second = socket.socketpair()
        return cls._held(first.detach()), cls._held(second.detach())

    @classmethod
    def received(cls, descriptor: int) -> Port:
        """Take over an end that another process has sent. Errors: ValueError, OSError for what is none."""
        sock = socket.socket(fileno=descriptor)
        found = (sock.family, sock.type)
        sock.detach()
        if found != (socket.AF_UNIX, socket.SOCK_STREAM):
            raise ValueError(f"port: expected a stream socket of this machine behind its descriptor, got {found}")
        return cls._held(descriptor)

    @classmethod
    def _held(cls, descriptor: int) -> Port:
        port = cls.__new__(cls)
        port._descriptor = descriptor
        port._link = None
        port._lock = threading.Lock()
        port._state = PortState.HELD
        disown_in_forks(port)
        return port

    _descriptor: int | None
    _link: PortLink | None
    _lock: threading.Lock
    _state: PortState

    @property
    def state(self) -> PortState:
        """How far it is; a moment's value."""
        return self._state

    @property
    def closed(self) -> bool:
        """True once nothing can be told here: it was closed at either end, or handed over."""
        return self._state not in (PortState.HELD, PortState.LENT, PortState.OPEN)

    def open(self, ref: ActorRef) -> None:
        """Have an actor of this process hear of it, from the first message on. Once; it cannot be handed over then.

        Errors: PortUnusable; ValueError for a ref to another process; ActorDeadError; SystemClosed.
        """
        from .ports import Ports  # whoever only makes ports and hands them over needs nothing of it

        owner = resolved(ref)
        owner.system.part(Ports).open(self, owner)

    def tell(self, message: object) -> Told:
        """Send to the other end, or await what it gives to keep the pace of the actor there.

        Errors: PortUnusable unless it is open here; ActorDeadError once the other end is closed; CodecError with the
        path of what cannot be said; OutboxFull if 64 MiB wait to be written.
        """
        return self._opened("tell").far.tell(message)

    def try_tell(self, message: object) -> bool:
        """Send only if the window of the other end has room; False if it has none, and then nothing was sent.

        Errors: as `tell`.
        """
        return self._opened("try_tell").far.try_tell(message)

    def close(self, reason: ExitReason = NORMAL) -> None:
        """Let go of it. What was told before still arrives, then PortClosed with this reason. Nothing more comes here
        than waits in the mailbox already, not even a PortClosed. Safe to call twice.

        Errors: TypeError for what is no exit reason.
        """
        if not isinstance(reason, ExitReason):
            raise TypeError(f"Port.close: expected an exit reason, got {reason!r}")
        self.take(Step.CLOSED_HERE, reason)

    def lend(self) -> int:
        """Give a descriptor of it, to be sent or opened. Errors: PortUnusable if it was opened, sent or closed."""
        with self._lock:
            if self._descriptor is None:
                raise PortUnusable("to be handed over or opened", PortState.HELD, self._state)
            return os.dup(self._descriptor)

    def take(self, step: Step, reason: ExitReason = NORMAL, link: PortLink | None = None) -> None:
        """Go a step of its life; what has to be done is done. `link`: what it is opened with.

        Only for those who keep ports. Errors: PortUnusable for a step that its state does not allow.
        """
        with self._lock:
            state = self._state
            if step not in TABLE[state]:
                raise PortUnusable(step.value, PortState.HELD, state)
            self._state, act = TABLE[state][step]
            if self._descriptor is not None and self._state not in (PortState.HELD, PortState.LENT):
                # It was held until now; what opens it has one of its own.
                os.close(self._descriptor)
                self._descriptor = None
            if act is Act.LINK:
                self._link = link
        if self._link is not None:
            self._link.act(act, reason)

    def disown(self) -> None:
        """Be closed in a fork, whatever it is to our parent, and say nothing. Runs in: the only thread of the fork."""
        self._lock = threading.Lock()  # another thread may have held it when it forked
        self._state = PortState.CLOSED
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        link, self._link = self._link, None
        if link is not None:
            link.disown()

    def _opened(self, what: str) -> PortLink:
        if self._link is None or self._state not in (PortState.OPEN, PortState.LOST):
            raise PortUnusable(what, PortState.OPEN, self._state)
        return self._link

    def __repr__(self) -> str:
        return f"<Port, {self._state.value}>"


@dataclass(frozen=True, slots=True)
class PortMessage:
    """What was told at the other end of `port`, to the actor that has opened it."""

    port: Port
    message: object


@dataclass(frozen=True, slots=True)
class PortClosed:
    """The other end of `port` is closed, for `reason`; comes once, after its last message.

    NOPROC: it is gone without a word, as when its process was killed or nobody has opened it. A Crash of the
    protocol's error: what came was no message.
    """

    port: Port
    reason: ExitReason
