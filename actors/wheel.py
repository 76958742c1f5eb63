"""The timer wheel: what is due, in which order, and when next. Pure: no clock, no threads, no locks.

A timer waits in a slot with others of about the same time, a slot being the wider the farther away it is; what comes
near goes over to narrower slots, and in the end to a small heap that has the exact order. A slot is a dict, so that
cancelling takes a timer out at once. (Of one within the next 1/64 second the place in the small heap stays.)

A callback leaves a slot by one `pop`, which is one step for all threads: see `SystemClock` for what that is good for.
Source: Varghese and Lauck, Hashed and Hierarchical Timing Wheels, scheme 7, with dicts in place of rings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from math import floor, inf
from operator import attrgetter
from typing import Final

__all__ = ("TimerWheel", "WheelTimer")

WIDTHS: Final = (1 / 64, 1.0, 64.0, 4096.0)  # seconds, powers of two: bounds of slots are exact
# A level takes what is at least so many of its widths away: a slot opens when 1/16 of the wait is left, or less, and
# among a million timers over an hour it holds some 17,000. Smaller slots would mean more moves for each timer.
NEAREST_SLOT: Final = 16
REACH: Final = tuple(width * NEAREST_SLOT for width in WIDTHS[1:])

_WHEN: Final = attrgetter("when")


class _Slot(dict["WheelTimer", Callable[[], object]]):
    """Timers of about the same time, in the order in which they came, with their callbacks."""

    __slots__ = ("first",)

    def __init__(self) -> None:
        self.first: WheelTimer | None = None  # the earliest that came; perhaps it is cancelled by now

    def earliest(self) -> WheelTimer | None:
        """Give the timer that is due first, None if all are cancelled. O(1) unless it was the first that was."""
        if self.first not in self:
            self.first = min(list(self), key=_WHEN, default=None)  # a copy: others may cancel meanwhile
        return self.first


class WheelTimer:
    """One timer. It has no callback: that is in the slot it waits in, and nowhere once it has fired or is cancelled."""

    __slots__ = ("order", "slot", "when")

    def __init__(self, when: float, slot: dict[WheelTimer, Callable[[], object]]) -> None:
        self.when = when
        self.slot = slot
        self.order = 0  # set when it is placed

    def cancel(self) -> bool:
        """Take it back. Gives True if its callback had not been handed out, and now never will be."""
        return self.slot.pop(self, None) is not None


class _Level:
    """The slots of one width. They do not overlap, so the first that is not empty has the level's earliest timer."""

    __slots__ = ("indexes", "rate", "slots")

    def __init__(self, width: float) -> None:
        self.rate = 1 / width
        self.slots: dict[int, _Slot] = {}
        self.indexes: list[int] = []  # a heap of the keys of `slots`

    def slot_of(self, when: float) -> _Slot:
        index = floor(when * self.rate)
        slot = self.slots.get(index)
        if slot is None:
            slot = self.slots[index] = _Slot()
            heappush(self.indexes, index)
        return slot

    def opened(self, until: float) -> Iterator[_Slot]:
        """Take out the slots that begin before `until`, in their order."""
        end = until * self.rate
        while self.indexes and self.indexes[0] < end:
            yield self.slots.pop(heappop(self.indexes))

    def earliest(self) -> WheelTimer | None:
        while self.indexes:
            timer = self.slots[self.indexes[0]].earliest()
            if timer is not None:
                return timer
            del self.slots[heappop(self.indexes)]
        return None

    def clear(self) -> None:
        for slot in self.slots.values():
            slot.clear()
        self.slots.clear()
        self.indexes.clear()


class TimerWheel:
    """All timers of one clock. Times are seconds, of any origin that is not after the times to come."""

    def __init__(self, now: float) -> None:
        self._levels = tuple(_Level(width) for width in WIDTHS)
        self._near: list[tuple[float, int, WheelTimer]] = []  # a heap, with the cancelled ones until they are due
        self._near_slot = _Slot()
        self._never = _Slot()
        self._frontier = _frontier_of(now)  # who is due before it is near; all slots begin at it or later
        self._order = 0

    def __len__(self) -> int:
        slots = (slot for level in self._levels for slot in level.slots.values())
        return len(self._near_slot) + len(self._never) + sum(map(len, slots))

    def add(self, when: float, callback: Callable[[], object]) -> WheelTimer:
        """Arm a timer. Among timers of the same time the first to be added fires first; one for `inf` never fires."""
        timer = WheelTimer(when, self._near_slot)
        self.place(timer, callback)
        return timer

    def place(self, timer: WheelTimer, callback: Callable[[], object]) -> None:
        """Arm a timer that was made elsewhere and is in no slot of this wheel."""
        self._order = timer.order = self._order + 1
        self._put(timer, callback)

    def due(self, now: float) -> Callable[[], object] | None:
        """Hand out the callback that comes first of those due at `now`, None if there is none. It is out for good."""
        if now >= self._frontier:
            self._open(_frontier_of(now))
        near, live = self._near, self._near_slot
        while near and near[0][0] <= now:
            callback = live.pop(heappop(near)[2], None)
            if callback is not None:
                return callback
        return None

    def next_due(self) -> float | None:
        """Say when the earliest timer is due, exactly; None if none ever is."""
        near, live = self._near, self._near_slot
        while near:
            if near[0][2] in live:
                return near[0][0]
            heappop(near)
        firsts = [timer.when for level in self._levels if (timer := level.earliest()) is not None]
        return min(firsts, default=None)

    def clear(self) -> None:
        """Forget all timers and their callbacks."""
        self._near.clear()
        self._near_slot.clear()
        self._never.clear()
        for level in self._levels:
            level.clear()

    def _put(self, timer: WheelTimer, callback: Callable[[], object]) -> None:
        when = timer.when
        ahead = when - self._frontier
        if ahead < 0:
            timer.slot = slot = self._near_slot
            slot[timer] = callback
            heappush(self._near, (when, timer.order, timer))
            return
        levels = self._levels
        if ahead < REACH[0]:
            level = levels[0]
        elif ahead < REACH[1]:
            level = levels[1]
        elif ahead < REACH[2]:
            level = levels[2]
        elif when < inf:
            level = levels[3]
        else:
            timer.slot = self._never
            self._never[timer] = callback
            return
        timer.slot = slot = level.slot_of(when)
        slot[timer] = callback
        first = slot.first
        if first is None or when < first.when:
            slot.first = timer

    def _open(self, frontier: float) -> None:
        """Move the frontier, and what is in the slots that it passes."""
        self._frontier = frontier
        for level in reversed(self._levels):
            for slot in level.opened(frontier):
                for timer in list(slot):
                    callback = slot.pop(timer, None)
                    if callback is not None:
                        self._put(timer, callback)


def _frontier_of(now: float) -> float:
    return (floor(now / WIDTHS[0]) + 1) * WIDTHS[0]
