"""Who lives, who is linked, who is monitored; and the one place where every life ends.

What lives here: the lock around the pure tables and the order of what an exit sets off. What must not: why it ended.
Signals are sent with no lock held.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from ..protocol.exits import NOPROC, ExitReason
from .bus import EventBus
from .cell import Cell
from .events import ActorExited
from .links import LinkTable
from .monitors import MonitorTable
from .ref import ActorRef
from .signals import Down, ExitReport

__all__ = ("Relations",)


class Relations:
    """Links and monitors between the living of one system."""

    def __init__(self, bus: EventBus, release: Callable[[ActorRef], object]) -> None:
        self._bus = bus
        self._release = release  # all that it holds elsewhere: names, keys, memberships
        self._lock = threading.Lock()
        self._living: dict[ActorRef, None] = {}  # in start order
        self._urns: dict[str, ActorRef] = {}  # of those of the living whose urn somebody knows
        self._links: LinkTable[ActorRef] = LinkTable()
        self._ties: dict[ActorRef, ActorRef] = {}  # child -> supervisor, as long as the child lives
        self._orphans: set[ActorRef] = set()  # children that live although the life of their supervisor is over
        self._monitors: MonitorTable[ActorRef] = MonitorTable()

    def enroll(self, ref: ActorRef, cell: Cell | None = None) -> None:
        """Count one among the living; before its life can end.

        With `cell` the ref is bound to it in the same step, so that no signal for the new life goes to the last one.
        """
        with self._lock:
            self._living[ref] = None
            if ref.known_urn is not None:
                self._urns[ref.known_urn] = ref
            if cell is not None:
                ref.bind(cell)

    def is_living(self, ref: ActorRef) -> bool:
        """Say whether it has begun and its exit has not been announced."""
        return ref in self._living or ref.lives_elsewhere

    def is_staying(self, ref: ActorRef) -> bool:
        """Say whether it lives, and all its supervisors do; else its end is decided, and others may have its name.

        Shape: O(depth), iterative.
        """
        if not self.is_living(ref):
            return False
        above: ActorRef | None = ref
        while above is not None and above not in self._orphans:
            above = self._ties.get(above)
        return above is None

    def living(self) -> tuple[ActorRef, ...]:
        """Everybody, in start order."""
        with self._lock:
            return tuple(self._living)

    def resolve(self, urn: str) -> ActorRef | None:
        """Who has this urn, None if it does not live here."""
        return self._urns.get(urn)

    def name_urn(self, ref: ActorRef) -> str:
        """Give a ref its urn, by which it can be found as long as it lives."""
        with self._lock:
            urn = ref.known_urn
            if urn is None:
                urn = ref.take_urn(uuid.uuid4().urn)
                if ref in self._living:
                    self._urns[urn] = ref
            return urn

    def link(self, one: ActorRef, other: ActorRef) -> None:
        """Link two; if `other` is dead, `one` gets an exit signal with NOPROC at once."""
        if one is other:
            return
        with self._lock:
            present = self.is_living(other)
            made = present and self.is_living(one) and self._links.link(one, other)
        if made:
            one.link_made(other)
            other.link_made(one)
        elif not present:
            _signal_exit(one, other, NOPROC, other.incarnation, None)

    def tie(self, child: ActorRef, supervisor: ActorRef) -> None:
        """Link a child to its supervisor for the whole of its life: `unlink` leaves this link alone.

        Differs from OTP, where a child may cut it; its supervisor then learns of its end only when it stops it.
        """
        with self._lock:
            if self.is_living(child):  # else it was killed before it began, and nobody would clear its row
                self._ties[child] = supervisor
                (self._orphans.discard if self.is_living(supervisor) else self._orphans.add)(child)
        self.link(child, supervisor)

    def untie(self, child: ActorRef, parent: ActorRef) -> None:
        """Take back whatever links a child to who began it: its end is nothing that the parent has to hear of."""
        with self._lock:
            self._ties.pop(child, None)
        self.unlink(child, parent)

    def tied(self, one: ActorRef, other: ActorRef) -> bool:
        """Say whether one of the two is the other's supervisor."""
        return self._ties.get(one) is other or self._ties.get(other) is one

    def unlink(self, one: ActorRef, other: ActorRef) -> bool:
        """Take a link back: no exit signal passes any more. Gives False if there was none, or if it is a tie."""
        with self._lock:
            dropped = not self.tied(one, other) and self._links.unlink(one, other)
        if dropped:
            one.link_dropped(other)
            other.link_dropped(one)
        return dropped

    def links(self, ref: ActorRef) -> tuple[ActorRef, ...]:
        """Everybody linked to this one."""
        with self._lock:
            return self._links.peers(ref)

    def monitor(self, owner: ActorRef, subject: ActorRef) -> int:
        """Let `owner` get a Down when `subject` ends; at once, with NOPROC, if it is dead. Gives the number."""
        with self._lock:
            present = self.is_living(subject)
            made = present and self.is_living(owner)  # an abandoned life may still run; nobody would clear its table
            number = self._monitors.monitor(owner, subject) if made else self._monitors.next_number()
        if made:
            subject.monitor_made(number, owner)
        elif not present:
            _signal_down(owner, Down(number, subject, NOPROC, subject.incarnation))
        return number

    def next_monitor(self) -> int:
        """Give the number for a monitor of something else than an actor, kept elsewhere."""
        return self._monitors.next_number()

    def demonitor(self, number: int, owner: ActorRef | None = None) -> bool:
        """Take a monitor back; a Down of it that `owner` has not handled yet is flushed. False if it is gone."""
        with self._lock:
            pair = self._monitors.demonitor(number)
        if pair is not None:
            pair[1].monitor_dropped(number)
        holder = pair[0] if pair is not None else owner
        if holder is not None and holder.cell is not None:
            holder.cell.withdraw_down(number)
        return pair is not None

    def announce_exit(
        self, ref: ActorRef, incarnation: int, reason: ExitReason, report: ExitReport | None = None
    ) -> None:
        """Let the world know that a life has ended: what it held is free first, then the event, links and monitors.

        The event goes before the signals: they may set off the next life, whose events are to come after this one's.

        Runs in: the thread that ends the life. Never blocks. Called once a life.
        """
        report = ExitReport() if report is None else report  # which tells an end from a signal sent on purpose
        with self._lock:
            self._living.pop(ref, None)
            if ref.known_urn is not None:
                self._urns.pop(ref.known_urn, None)
            self._ties.pop(ref, None)
            self._orphans.discard(ref)
            peers = self._links.drop(ref)
            if peers:
                self._orphans.update(peer for peer in peers if self._ties.get(peer) is ref)
            downs = self._monitors.drop_subject(ref)
            held = self._monitors.drop_owner(ref)
        # Not before: whoever registers asks afterwards whether it lives, so nothing can come in behind this.
        self._release(ref)
        for number, subject in held:
            subject.monitor_dropped(number)
        self._bus.publish(ActorExited(ref, incarnation, reason, report))
        for peer in peers:
            _signal_exit(peer, ref, reason, incarnation, report)
        for number, owner in downs:
            _signal_down(owner, Down(number, ref, reason, incarnation))


def _signal_exit(
    to: ActorRef, sender: ActorRef, reason: ExitReason, incarnation: int, report: ExitReport | None
) -> None:
    if to.cell is not None:
        to.cell.exit_signal(sender, reason, incarnation=incarnation, report=report)


def _signal_down(to: ActorRef, down: Down) -> None:
    if to.cell is not None:
        to.cell.down_signal(down)
