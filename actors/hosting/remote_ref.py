"""A ref to an actor on the other side of a link: of the host in a hosted process, of a hosted process in its host."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ...protocol.exits import ExitReason
from ..actor import Actor
from ..current import FENCES
from ..errors import ActorDeadError
from ..mailbox import Envelope
from ..ref import ActorRef
from ..signals import Down, ExitReport
from ..told import Told

if TYPE_CHECKING:
    from .pace import Pace
    from .peer import Peer

__all__ = ("Interest", "RemoteCell", "RemoteRef", "interest_of")


class Interest:
    """Which local actors are linked to, or monitor, one actor of the other side; guarded by its own lock.

    `mirrored` are links that the other side has asked for: those are not asked for again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._linked: set[ActorRef] = set()
        self._mirrored: set[ActorRef] = set()
        self._monitors: set[int] = set()

    def mirror(self, peer: ActorRef) -> None:
        """Expect a link that the other side has asked for, or the end of it."""
        with self._lock:
            self._mirrored.add(peer)

    def linked(self, peer: ActorRef) -> bool:
        """Note a link; say whether the other side has to be asked for it."""
        with self._lock:
            self._linked.add(peer)
            asked = peer in self._mirrored
            self._mirrored.discard(peer)
            return not asked

    def unlinked(self, peer: ActorRef) -> bool:
        """Note the end of a link; say whether the other side has to be told."""
        with self._lock:
            self._linked.discard(peer)
            told = peer in self._mirrored
            self._mirrored.discard(peer)
            return not told

    def linked_ones(self) -> tuple[ActorRef, ...]:
        """Give those who are linked."""
        with self._lock:
            return tuple(self._linked)

    def died(self, peer: ActorRef) -> bool:
        """Note the end of somebody; say whether it was linked."""
        with self._lock:
            linked = peer in self._linked
            self._linked.discard(peer)
            return linked

    def monitored(self, monitor: int) -> None:
        """Note a monitor."""
        with self._lock:
            self._monitors.add(monitor)

    def demonitored(self, monitor: int) -> None:
        """Note the end of a monitor."""
        with self._lock:
            self._monitors.discard(monitor)

    def forget(self) -> None:
        """Nobody is interested any more: it has ended."""
        with self._lock:
            self._linked.clear()
            self._monitors.clear()

    def __bool__(self) -> bool:
        return bool(self._linked or self._monitors)


class RemoteRef(ActorRef[Actor]):
    """Leads to an actor by its urn, over one link; the same object for the same actor as long as anybody holds it.

    `is_alive` says whether the link is; whether the actor lives only its own system knows.
    """

    def __init__(self, peer: Peer, urn: str, name: str) -> None:
        super().__init__(peer.system, name=name, actor_class=Actor, urn=urn)
        self.peer = peer
        self.interest = Interest()
        self.bind(RemoteCell(self))

    def tell(self, message: object) -> Told:  # type: ignore[override]  # pykka gives nothing
        """Send and forget, or await what it gives to keep the pace of the other side."""
        peer = self.peer
        if not peer.open:
            return super().tell(message)
        if FENCES.count:
            self._note_out(message)
        try:
            return peer.tell(self, message)
        except ActorDeadError:
            self._undelivered(message)
            raise

    @property
    def lives_elsewhere(self) -> bool:
        """True: links and monitors may be made without knowing whether it lives; its own system answers."""
        return self.peer.open

    def link_made(self, peer: ActorRef) -> None:
        """Have the other side make the link, too."""
        if self.interest.linked(peer):
            self.peer.ties.request_link(peer, self.urn)
        self.peer.ties.watch(self)

    def link_dropped(self, peer: ActorRef) -> None:
        """Have the other side drop the link, too."""
        if self.interest.unlinked(peer):
            self.peer.ties.request_unlink(peer, self.urn)
        self.peer.ties.unwatch_if_idle(self)

    def monitor_made(self, monitor: int, owner: ActorRef) -> None:  # noqa: ARG002 - its number is enough
        """Have the other side tell of its end."""
        self.interest.monitored(monitor)
        self.peer.ties.watch(self)

    def monitor_dropped(self, monitor: int) -> None:
        """Tell the other side when nobody cares any more."""
        self.interest.demonitored(monitor)
        self.peer.ties.unwatch_if_idle(self)


class RemoteCell:
    """Passes everything on; a `Cell`. `incarnation` is 0: lives are counted where they are lived."""

    incarnation = 0
    parent: ActorRef | None = None

    def __init__(self, ref: RemoteRef) -> None:
        self._ref = ref

    @property
    def alive(self) -> bool:
        """True as long as the link is open."""
        return self._ref.peer.open

    @property
    def full(self) -> bool:
        """Whether the other side has a window of messages that it has not begun with."""
        return self.pace.full()

    @property
    def pace(self) -> Pace:
        """That of the link."""
        return self._ref.peer.pace

    def put(self, envelope: Envelope) -> None:
        """Send a message over. Errors: ActorDeadError, CodecError, OutboxFull."""
        if not self._ref.peer.open:
            raise self._ref.peer.dead(self._ref)
        self._ref.peer.post(self._ref, envelope)

    def exit_signal(
        self,
        sender: ActorRef | None,
        reason: ExitReason,
        *,
        incarnation: int = 0,
        report: ExitReport | None = None,  # noqa: ARG002 - what the reason does not say stays here
    ) -> None:
        """Send an exit signal over, unless it is the end of somebody linked: of that the other side hears by itself."""
        self._ref.peer.ties.signal_exit(self._ref, self._ref.interest, sender, reason, incarnation)

    def down_signal(self, down: Down) -> None:
        """Tell the other side of an end that it wanted to hear of."""
        self._ref.peer.ties.signal_down(down)

    def withdraw_down(self, monitor: int) -> None:
        """Nothing waits here."""

    def stop_request(self, reason: ExitReason, deadline: float | None) -> None:
        """Ask it to end."""
        self._ref.peer.ties.request_stop(self._ref.urn, reason, deadline)

    def kill(self) -> None:
        """Have it killed."""
        self._ref.peer.ties.request_kill(self._ref.urn)


def interest_of(ref: ActorRef) -> Interest:
    """Who of this side cares for an actor of the other one."""
    interest = getattr(ref, "interest", None)
    if interest is None:  # the root of a hosted process: its interest is kept by its present life
        interest = getattr(ref.cell, "interest", None)
    if not isinstance(interest, Interest):
        raise AssertionError(f"{ref} is not of the other side")
    return interest
