"""Who watches whom: a pure table. Callers hold the lock."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import count
from typing import Generic, TypeVar

__all__ = ("MonitorTable",)

K = TypeVar("K", bound=Hashable)


class MonitorTable(Generic[K]):
    """Monitors go one way and each has a number; several between the same two are independent.

    Source: erlang:monitor/2.
    """

    def __init__(self) -> None:
        self._numbers = count(1)
        self._monitors: dict[int, tuple[K, K]] = {}
        self._by_owner: dict[K, dict[int, None]] = {}
        self._by_subject: dict[K, dict[int, None]] = {}

    def next_number(self) -> int:
        """A number for a monitor that never gets into the table, because its subject is dead."""
        return next(self._numbers)

    def monitor(self, owner: K, subject: K) -> int:
        """Let `owner` watch `subject`; gives the monitor's number."""
        number = next(self._numbers)
        self._monitors[number] = (owner, subject)
        self._by_owner.setdefault(owner, {})[number] = None
        self._by_subject.setdefault(subject, {})[number] = None
        return number

    def demonitor(self, number: int) -> tuple[K, K] | None:
        """Take a monitor back; gives (owner, subject), None if there is none with this number."""
        pair = self._monitors.pop(number, None)
        if pair is not None:
            self._forget(self._by_owner, pair[0], number)
            self._forget(self._by_subject, pair[1], number)
        return pair

    def drop_subject(self, subject: K) -> tuple[tuple[int, K], ...]:
        """Take back all monitors of one that has ended; gives (number, owner) of each, oldest first."""
        numbers = self._by_subject.get(subject)
        if numbers is None:
            return ()
        downs = tuple((number, self._monitors[number][0]) for number in numbers)
        for number, _ in downs:
            self.demonitor(number)
        return downs

    def drop_owner(self, owner: K) -> tuple[tuple[int, K], ...]:
        """Take back all monitors that one who has ended held; gives (number, subject) of each."""
        numbers = self._by_owner.get(owner)
        if numbers is None:
            return ()
        held = tuple((number, self._monitors[number][1]) for number in numbers)
        for number, _ in held:
            self.demonitor(number)
        return held

    def __len__(self) -> int:
        return len(self._monitors)

    @staticmethod
    def _forget(index: dict[K, dict[int, None]], key: K, number: int) -> None:
        numbers = index[key]
        del numbers[number]
        if not numbers:
            del index[key]
