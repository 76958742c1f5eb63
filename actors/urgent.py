"""The lanes of a mailbox that go before the user's."""

from __future__ import annotations

from collections import deque

__all__ = ("Urgent",)


class Urgent:
    """One for each lane, in the order in which they go; made when there is something in them, which is rare."""

    __slots__ = ("next", "stop", "system")

    def __init__(self) -> None:
        self.next: deque[object] = deque()
        self.stop: deque[object] = deque()
        self.system: deque[object] = deque()

    def __len__(self) -> int:
        return len(self.next) + len(self.stop) + len(self.system)
