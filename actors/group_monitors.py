"""Who monitors groups: a pure table. Callers hold the lock."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("GroupMonitor", "GroupMonitors")


@dataclass(frozen=True, slots=True)
class GroupMonitor:
    """One who wants to know of the changes of one group, or, if `whole`, of all."""

    number: int
    owner: ActorRef
    group: Hashable = None
    whole: bool = False


class GroupMonitors:
    """Monitors by number, by owner and by group; several of the same owner are independent."""

    def __init__(self) -> None:
        self._monitors: dict[int, GroupMonitor] = {}
        self._by_owner: dict[ActorRef, dict[int, None]] = {}
        self._by_group: dict[Hashable, dict[int, GroupMonitor]] = {}
        self._whole: dict[int, GroupMonitor] = {}

    def add(self, monitor: GroupMonitor) -> None:
        """Put one in."""
        self._monitors[monitor.number] = monitor
        self._by_owner.setdefault(monitor.owner, {})[monitor.number] = None
        if monitor.whole:
            self._whole[monitor.number] = monitor
        else:
            self._by_group.setdefault(monitor.group, {})[monitor.number] = monitor

    def remove(self, number: int) -> GroupMonitor | None:
        """Take one out; None if there is none of this number."""
        monitor = self._monitors.pop(number, None)
        if monitor is None:
            return None
        owned = self._by_owner[monitor.owner]
        del owned[number]
        if not owned:
            del self._by_owner[monitor.owner]
        if monitor.whole:
            del self._whole[number]
        else:
            others = self._by_group[monitor.group]
            del others[number]
            if not others:
                del self._by_group[monitor.group]
        return monitor

    def drop_owner(self, owner: ActorRef) -> None:
        """Take out all of one that has ended."""
        for number in tuple(self._by_owner.get(owner, ())):
            self.remove(number)

    def owns(self, owner: ActorRef) -> bool:
        """Say whether it monitors anything. Safe without the lock."""
        return owner in self._by_owner

    def of(self, group: Hashable) -> tuple[GroupMonitor, ...]:
        """Who has to hear of this group."""
        return (*self._by_group.get(group, {}).values(), *self._whole.values())

    def __contains__(self, number: int) -> bool:
        return number in self._monitors

    def __len__(self) -> int:
        return len(self._monitors)
