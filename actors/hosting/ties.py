"""Links, monitors and exits across the boundary between two systems.

What lives here: who watches whom of the other side. What must not: messages and refs (`peer.py`).
A link or monitor across the boundary is one in each system's own tables; each side watches the actors of the other that
somebody cares for, and announces their end at home, once.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, TypeAlias

from ...protocol.exits import NOPROC, ExitReason
from ...protocol.host.messages import (
    DemonitorRequest,
    DownSignal,
    ExitSignal,
    KillRequest,
    LinkRequest,
    MonitorRequest,
    StopRequest,
    UnlinkRequest,
)
from ..signals import Down
from .deadlines import deadline_of, remaining_ms
from .remembered import remember
from .remote_ref import Interest, RemoteRef, interest_of

if TYPE_CHECKING:
    from ..cell import Cell
    from ..ref import ActorRef
    from .peer import Peer

__all__ = ("Signal", "Ties")

Signal: TypeAlias = (
    LinkRequest
    | UnlinkRequest
    | MonitorRequest
    | DemonitorRequest
    | DownSignal
    | ExitSignal
    | StopRequest
    | KillRequest
)


class Ties:
    """A part of a Peer. Runs in: any thread, except `receive` and `close`: the I/O thread. Never blocks."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._system = peer.system
        self._lock = threading.Lock()
        self._ids = itertools.count(1)
        self._watching: dict[str, tuple[int, RemoteRef]] = {}  # theirs that we watch, by urn
        self._watched: dict[int, int] = {}  # ours that they watch: number of our monitor -> their id
        self._early: dict[int, Down] = {}  # ends that came before their monitor was noted
        self._late: OrderedDict[str, tuple[ExitReason, int]] = OrderedDict()  # how those ended that they may ask for
        self._agent = RemoteRef(peer, "", "peer")  # owns the monitors that the other side has asked for

    # Out.

    def request_link(self, source: ActorRef, target: str) -> None:
        """Have an actor of theirs linked to one of ours."""
        self._peer.say(source)
        self._peer.signal(LinkRequest(source.urn, target))

    def request_unlink(self, source: ActorRef, target: str) -> None:
        """Have such a link dropped."""
        self._peer.signal(UnlinkRequest(source.urn, target))

    def watch(self, ref: RemoteRef) -> None:
        """Hear of the end of one of theirs."""
        with self._lock:
            if ref.urn in self._watching:
                return
            number = next(self._ids)
            self._watching[ref.urn] = (number, ref)
        self._peer.signal(MonitorRequest(number, ref.urn))

    def unwatch_if_idle(self, ref: RemoteRef) -> None:
        """Stop listening for an end that nobody cares for."""
        with self._lock:
            if ref.interest or ref.urn not in self._watching:
                return
            number, _ = self._watching.pop(ref.urn)
        self._peer.signal(DemonitorRequest(number, ref.urn))

    def signal_exit(
        self, ref: ActorRef, interest: Interest, sender: ActorRef | None, reason: ExitReason, incarnation: int
    ) -> None:
        """Pass on an exit signal that was sent on purpose; an end of somebody linked is told by who watches it."""
        if sender is not None and not self._system.relations.is_living(sender) and interest.died(sender):
            with self._lock:
                remember(self._late, sender.urn, (reason, incarnation))
            return
        if sender is not None:
            self._peer.say(sender)
        self._peer.signal(ExitSignal(sender.urn if sender is not None else "", ref.urn, reason, incarnation))

    def signal_down(self, down: Down) -> None:
        """Tell of an end that they watch."""
        with self._lock:
            number = self._watched.pop(down.monitor, None)
            if number is None:
                self._early[down.monitor] = down
                return
        self._peer.signal(DownSignal(number, down.reason, down.incarnation))

    def request_stop(self, target: str, reason: ExitReason, deadline: float | None) -> None:
        """Ask one of theirs to end."""
        self._peer.signal(StopRequest(target, reason, remaining_ms(self._system, deadline)))

    def request_kill(self, target: str) -> None:
        """Have one of theirs killed."""
        self._peer.signal(KillRequest(target))

    # In.

    def receive(self, message: Signal) -> None:
        """Take what the other side says of links, monitors and ends."""
        match message:
            case LinkRequest(source, target):
                self._receive_link(source, target)
            case UnlinkRequest(source, target):
                self._receive_unlink(source, target)
            case MonitorRequest(monitor_id, target):
                self._receive_monitor(monitor_id, target)
            case DemonitorRequest(monitor_id):
                self._receive_demonitor(monitor_id)
            case DownSignal(monitor_id, reason, incarnation):
                self._receive_down(monitor_id, reason, incarnation)
            case ExitSignal(target=target) | StopRequest(target=target) | KillRequest(target=target):
                ref = self._peer.local(target)
                if ref is not None and ref.cell is not None:
                    self._receive_end(ref.cell, message)

    def close(self, reason: ExitReason) -> None:
        """The other side is gone: announce the end of all that somebody cares for."""
        with self._lock:
            watching, self._watching = self._watching, {}
            watched, self._watched = self._watched, {}
        for number in watched:
            self._system.demonitor(number)
        for _, remote in watching.values():
            remote.interest.forget()
            self._system.announce_exit(remote, 0, reason)

    def _receive_end(self, cell: Cell, message: ExitSignal | StopRequest | KillRequest) -> None:
        match message:
            case ExitSignal(source=source, reason=reason, incarnation=incarnation):
                cell.exit_signal(self._peer.remote(source) if source else None, reason, incarnation=incarnation)
            case StopRequest(reason=reason, deadline_ms=deadline_ms):
                cell.stop_request(reason, deadline_of(self._system, deadline_ms))
            case KillRequest():
                cell.kill()

    def _receive_link(self, source: str, target: str) -> None:
        ref = self._peer.local(target)
        if ref is None:
            reason, incarnation = self._late.get(target, (NOPROC, 0))
            self._peer.signal(ExitSignal(target, source, reason, incarnation))
            return
        remote = self._peer.remote(source)
        interest_of(remote).mirror(ref)
        self._system.link(ref, remote)

    def _receive_unlink(self, source: str, target: str) -> None:
        ref = self._peer.local(target)
        if ref is not None:
            remote = self._peer.remote(source)
            interest_of(remote).mirror(ref)
            self._system.unlink(ref, remote)

    def _receive_monitor(self, monitor_id: int, target: str) -> None:
        ref = self._peer.local(target)
        if ref is None:
            reason, incarnation = self._late.get(target, (NOPROC, 0))
            self._peer.signal(DownSignal(monitor_id, reason, incarnation))
            return
        number = self._system.monitor(self._agent, ref)
        with self._lock:
            down = self._early.pop(number, None)
            if down is None:
                self._watched[number] = monitor_id
        if down is not None:
            self._peer.signal(DownSignal(monitor_id, down.reason, down.incarnation))

    def _receive_demonitor(self, monitor_id: int) -> None:
        with self._lock:
            numbers = [number for number, known in self._watched.items() if known == monitor_id]
            for number in numbers:
                del self._watched[number]
        for number in numbers:
            self._system.demonitor(number)

    def _receive_down(self, monitor_id: int, reason: ExitReason, incarnation: int) -> None:
        with self._lock:
            found = next((ref for number, ref in self._watching.values() if number == monitor_id), None)
            if found is None:
                return  # taken back while it was on its way
            del self._watching[found.urn]
        found.interest.forget()
        self._system.announce_exit(found, incarnation, reason)
