"""The places where functions run: which are up, which are busy with what.

What lives here: the table and its five verbs, pure. A report from an earlier life of a slot changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ("Slot", "SlotKind", "SlotTable")

SlotKind: TypeAlias = Literal["process", "thread", "inline"]


@dataclass(slots=True)
class Slot:
    """One place for one run at a time."""

    index: int
    kind: SlotKind
    incarnation: int = 0  # 0: has never been up
    pid: int = 0
    is_up: bool = False
    request_id: str | None = None


class SlotTable:
    """All slots of an executor.

    >>> table = SlotTable([(0, "process")]); table.up(0, 1, 4711); table.take("process", "r").index
    0
    >>> table.down(0, 1), table.alive
    ('r', False)
    """

    def __init__(self, slots: Iterable[tuple[int, SlotKind]]) -> None:
        self._slots = {index: Slot(index, kind) for index, kind in slots}
        self._up = {slot.kind: 0 for slot in self._slots.values()}  # how many of each kind are up

    @property
    def alive(self) -> bool:
        """Whether every kind of slot that exists has at least one that is up."""
        return all(self._up.values())

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run functions, in slot order."""
        return tuple(slot.pid for slot in self._slots.values() if slot.kind == "process" and slot.is_up)

    def all(self) -> tuple[Slot, ...]:
        """Every slot, for reading."""
        return tuple(self._slots.values())

    def kind(self, index: int) -> SlotKind:
        """What a slot is."""
        return self._slots[index].kind

    def incarnation(self, index: int) -> int:
        """The life that a slot is in."""
        return self._slots[index].incarnation

    def up(self, index: int, incarnation: int, pid: int) -> None:
        """A slot came up in a life of its own; an older life's word is ignored."""
        slot = self._slots[index]
        if incarnation > slot.incarnation:
            self._up[slot.kind] += not slot.is_up
            slot.incarnation, slot.pid, slot.is_up, slot.request_id = incarnation, pid, True, None

    def down(self, index: int, incarnation: int) -> str | None:
        """A slot went down; give the request that was in it."""
        slot = self._slots[index]
        if incarnation != slot.incarnation or not slot.is_up:
            return None
        self._up[slot.kind] -= 1
        request_id, slot.is_up, slot.request_id = slot.request_id, False, None
        return request_id

    def take(self, kind: SlotKind, request_id: str) -> Slot | None:
        """Give a free slot of this kind to a request, None if there is none."""
        for slot in self._slots.values():
            if slot.kind == kind and slot.is_up and slot.request_id is None:
                slot.request_id = request_id
                return slot
        return None

    def release(self, index: int, incarnation: int, request_id: str) -> Slot | None:
        """A run has ended in its slot; None if that slot is in another life or busy with something else."""
        slot = self._slots[index]
        if incarnation != slot.incarnation or slot.request_id != request_id:
            return None
        slot.request_id = None
        return slot
