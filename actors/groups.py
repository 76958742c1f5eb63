"""Groups: any number of actors under one name, and who wants to know of their coming and going."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from .broadcast import Broadcast, broadcast
from .deliveries import Deliveries
from .entries import Entry
from .errors import ActorDeadError
from .group_monitors import GroupMonitor, GroupMonitors
from .holdings import holder_or_caller
from .living_table import LivingTable
from .mailbox import Envelope
from .signals import GroupJoined, GroupLeft

if TYPE_CHECKING:
    from .ref import ActorRef
    from .system import ActorSystem

__all__ = ("Groups",)


class Groups:
    """One scope of process groups: `system.groups` is one; whoever makes another shares nothing with it.

    A group is there as long as it has members. Who joins twice is in it twice, and has to leave twice. A membership
    belongs to a life: it ends before the exit of that life is announced, and the next life joins anew.
    `ref` is the calling actor where it is left out, and an actor of this process.

    Runs in: any thread; never blocks.
    Shape: O(1) for each membership, and for each of them and each monitor of its group one message.
    Source: OTP pg. Differs from OTP: groups do not span processes; the dead cannot join; members come in the order in
    which they joined.
    """

    def __init__(self, system: ActorSystem) -> None:
        self.system = system
        self._closed = False
        self._news = _News()
        self._table: LivingTable[Hashable, None] = LivingTable(system.relations.is_staying, self._news)
        system.holdings.add(self)

    # Membership.

    def join(self, group: Hashable, *refs: ActorRef) -> None:
        """Add these, or the calling actor, to a group: all of them or none.

        Errors: ActorDeadError if one of them is dead, or below a supervisor that is; ValueError once it is closed.
        """
        if self._closed:
            raise ValueError("groups: join: expected an open scope, got one that was closed")
        self._table.add(Entry(group, ref, None) for ref in self._meant(refs, "join"))

    def leave(self, group: Hashable, *refs: ActorRef) -> bool:
        """Take one membership of each of these, or of the calling actor, back. Gives False if there was none."""
        return bool(self._table.take_last(group, self._meant(refs, "leave")))

    def members(self, group: Hashable) -> tuple[ActorRef, ...]:
        """Who is in this group, each as often as it has joined; nobody who takes no messages."""
        return tuple(entry.ref for entry in self._table.entries(group))

    def which_groups(self, ref: ActorRef | None = None) -> tuple[Hashable, ...]:
        """Which groups there are; with `ref`, those that it is in."""
        if ref is not None:
            ref = holder_or_caller(ref, "groups: which_groups")
        with self._table.lock:
            table = self._table.table
            return table.all_keys() if ref is None else table.keys(ref)

    def tell_all(self, group: Hashable, message: object) -> Broadcast:
        """Tell each member once; who is dead or full is reported and keeps nobody else from getting it.

        Runs in: the caller's thread; waits only for mailboxes that let senders wait.
        """
        return broadcast(dict.fromkeys(self.members(group)), lambda ref: ref, lambda ref: ref.tell(message))

    # Monitors.

    def monitor(self, group: Hashable, *, owner: ActorRef | None = None) -> tuple[int, tuple[ActorRef, ...]]:
        """Let `owner`, or the calling actor, get GroupJoined and GroupLeft of this group, ahead of users' messages.

        Gives the number of the monitor and the members that the first message is a change of: all who have joined and
        not left, so also one that is about to end and takes no messages any more. Errors: ActorDeadError.
        Source: pg:monitor/2. Differs from OTP: what one call changes is one message.
        """
        number, members = self._monitor(owner, group, whole=False)
        return number, members.get(group, ())

    def monitor_all(self, *, owner: ActorRef | None = None) -> tuple[int, dict[Hashable, tuple[ActorRef, ...]]]:
        """The same of all groups of this scope. Source: pg:monitor_scope/1."""
        return self._monitor(owner, None, whole=True)

    def demonitor(self, monitor: int) -> bool:
        """Take a monitor back; nothing of it is handled after this. Gives False if there is none of this number."""
        owner = self._news.remove(monitor, self._table.lock)
        if owner is None:
            return False
        if owner.cell is not None:
            owner.cell.withdraw_down(monitor)
        return True

    # For the system.

    def close(self) -> None:
        """Forget everything, and take nothing any more; nobody is told."""
        self._closed = True
        self.system.holdings.remove(self)
        with self._table.lock:
            self._news.monitors = GroupMonitors()
        self._table.clear()

    def release(self, ref: ActorRef) -> None:
        """Forget what one holds who has ended."""
        if self._news.monitors.owns(ref):
            with self._table.lock:
                self._news.monitors.drop_owner(ref)
        self._table.release(ref)

    def _monitor(
        self, owner: ActorRef | None, group: Hashable, *, whole: bool
    ) -> tuple[int, dict[Hashable, tuple[ActorRef, ...]]]:
        owner = holder_or_caller(owner, "groups: monitor")
        if owner.hosted:
            raise ValueError(f"groups: monitor: expected an actor of this process as the owner, got {owner}")
        monitor = GroupMonitor(self.system.relations.next_monitor(), owner, group, whole)
        with self._table.lock:
            table = self._table.table
            self._news.monitors.add(monitor)
            # Asked last, as by whoever registers: an end after this finds the monitor and drops it.
            if not self.system.relations.is_living(owner):
                self._news.monitors.remove(monitor.number)
                raise ActorDeadError(owner)
            groups = table.all_keys() if whole else (group,)
            return monitor.number, {one: tuple(entry.ref for entry in table.entries(one)) for one in groups}

    def _meant(self, refs: tuple[ActorRef, ...], doing: str) -> Iterable[ActorRef]:
        return tuple(holder_or_caller(ref, f"groups: {doing}") for ref in refs or (None,))

    def __repr__(self) -> str:
        with self._table.lock:
            return f"<Groups: {len(self._table.table.all_keys())} groups, {len(self._table.table)} memberships>"


class _News:
    """Takes changes of groups to who monitors them."""

    def __init__(self) -> None:
        self.monitors = GroupMonitors()  # guarded by the lock of the table
        self._deliveries = Deliveries()
        self._sending = threading.RLock()  # so that no news of a monitor is on its way while that is taken back

    def note(self, entries: tuple[Entry[Hashable, object], ...], *, added: bool) -> None:
        """Take down a change: one message for each group and monitor."""
        if not self.monitors:
            return
        changed: dict[Hashable, list[ActorRef]] = {}
        for entry in entries:
            changed.setdefault(entry.key, []).append(entry.ref)
        kind = GroupJoined if added else GroupLeft
        for group, refs in changed.items():
            for monitor in self.monitors.of(group):
                news = kind(monitor.number, group, tuple(refs))
                self._deliveries.add(partial(self._send, monitor, news))

    def deliver(self) -> None:
        """Send what is noted."""
        self._deliveries.deliver()

    def remove(self, number: int, table_lock: threading.Lock) -> ActorRef | None:
        """Take a monitor back; gives its owner. No news of it are sent once this has returned."""
        with self._sending:
            with table_lock:
                monitor = self.monitors.remove(number)
            return None if monitor is None else monitor.owner

    def _send(self, monitor: GroupMonitor, news: GroupJoined | GroupLeft) -> None:
        with self._sending:
            cell = monitor.owner.cell
            if cell is None or monitor.number not in self.monitors:
                return
            try:
                cell.put(Envelope(news))
            except ActorDeadError:
                return  # it is ending, and its monitors with it
