"""Mailboxes that do more than append: with a bound, by priority, the latest of each kind, with water marks."""

from __future__ import annotations

import heapq
import sys
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from itertools import count
from typing import Any, Final, Protocol

from ..protocol.limits import WINDOW_MESSAGES
from .clock import monotonic
from .current import here
from .errors import ActorDeadError, MailboxFull
from .mailbox import Envelope, Mailbox, Owner
from .mailbox_options import MailboxOptions, Overflow
from .pykka_seam import ActorStop

__all__ = ("BoundedMailbox", "make_mailbox")


class _Lane(Protocol):
    """An order of messages. Used with the lock held, but for `mark`, which asks the user's functions."""

    def mark(self, item: object) -> object:
        """Find out what its place depends on. Errors: TypeError, and what the user's function raises."""

    def add(self, item: object, mark: Any) -> object | None:
        """Let one wait; gives the one that it has replaced."""

    def pop(self) -> object:
        """Take the next. Errors: IndexError."""

    def put_back(self, items: tuple[object, ...]) -> None:
        """Let these be the next."""

    def drop(self, most: int) -> list[object]:
        """Take out so many, those first that have waited longest, but no exempt ones."""

    def __len__(self) -> int: ...


class _Arrival:
    """In the order of arrival."""

    def __init__(self) -> None:
        self._items: deque[object] = deque()

    def mark(self, item: object) -> object:  # noqa: ARG002 - its place depends on nothing
        return None

    def add(self, item: object, mark: object) -> object | None:  # noqa: ARG002
        self._items.append(item)
        return None

    def pop(self) -> object:
        return self._items.popleft()

    def put_back(self, items: tuple[object, ...]) -> None:
        self._items.extendleft(reversed(items))

    def drop(self, most: int) -> list[object]:
        dropped: list[object] = []
        spared: list[object] = []
        while self._items and len(dropped) < most:
            oldest = self._items.popleft()
            (spared if _exempt(oldest) else dropped).append(oldest)
        self._items.extendleft(reversed(spared))
        return dropped

    def __len__(self) -> int:
        return len(self._items)


class _Keyed:
    """In the order of arrival, but a message takes the place of one with the same key: a dict keeps that order."""

    def __init__(self, latest_by: Callable[[object], object]) -> None:
        self._latest_by = latest_by
        self._items: dict[Hashable, object] = {}
        self._back: deque[object] = deque()  # what was put back goes first
        self._alone = count()

    def mark(self, item: object) -> Hashable:
        key = None if _exempt(item) else self._latest_by(_message(item))
        if key is None:
            return _Alone(next(self._alone))
        if not isinstance(key, Hashable):
            raise TypeError(f"mailbox: latest_by: expected a key that can be hashed or None, got {key!r}")
        return key

    def add(self, item: object, mark: Hashable) -> object | None:
        replaced = self._items.get(mark)
        self._items[mark] = item
        return replaced

    def pop(self) -> object:
        if self._back:
            return self._back.popleft()
        for key in self._items:
            return self._items.pop(key)
        raise IndexError

    def put_back(self, items: tuple[object, ...]) -> None:
        self._back.extendleft(reversed(items))

    def drop(self, most: int) -> list[object]:
        keys = [key for key, item in self._items.items() if not _exempt(item)][:most]
        return [self._items.pop(key) for key in keys]

    def __len__(self) -> int:
        return len(self._back) + len(self._items)


class _Alone(int):
    """A key that no user's key equals."""

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class _Priority:
    """The lowest rank first; equal ones in the order of arrival. What was put back goes before all."""

    def __init__(self, rank: Callable[[object], int]) -> None:
        self._rank = rank
        self._arrived = count()
        self._heap: list[tuple[int, int, object]] = []
        self._back: deque[object] = deque()

    def mark(self, item: object) -> int:
        if isinstance(item, Envelope) and type(item.message) is ActorStop:
            return sys.maxsize  # to end after all that waits is what it asks for
        rank: object = self._rank(_message(item))
        if not isinstance(rank, int):
            raise TypeError(f"mailbox: priority: expected an int, got {rank!r} for {_message(item)!r}")
        return rank

    def add(self, item: object, mark: int) -> object | None:
        heapq.heappush(self._heap, (mark, next(self._arrived), item))
        return None

    def pop(self) -> object:
        return self._back.popleft() if self._back else heapq.heappop(self._heap)[2]

    def put_back(self, items: tuple[object, ...]) -> None:
        self._back.extendleft(reversed(items))

    def drop(self, most: int) -> list[object]:
        """Those of the highest rank, and of these the oldest."""
        last_first = sorted(
            (entry for entry in self._heap if not _exempt(entry[2])), key=lambda entry: (-entry[0], entry[1])
        )
        gone = {entry[1] for entry in last_first[:most]}
        self._heap = [entry for entry in self._heap if entry[1] not in gone]
        heapq.heapify(self._heap)
        return [entry[2] for entry in last_first[:most]]

    def __len__(self) -> int:
        return len(self._back) + len(self._heap)


def _lane(options: MailboxOptions) -> _Lane:
    if options.priority is not None:
        return _Priority(options.priority)
    return _Arrival() if options.latest_by is None else _Keyed(options.latest_by)


_REFUSES: Final = (Overflow.BLOCK, Overflow.FAIL)


class BoundedMailbox(Mailbox):
    """Puts and takes messages of users under the lock, as the options say."""

    __slots__ = ("_is_high", "_not_full", "_options", "_waiting")

    plain = False

    def __init__(self, owner: Owner, lock: threading.Lock, options: MailboxOptions) -> None:
        super().__init__(owner, lock)
        self._options: Final = options
        self._not_full = threading.Condition(lock) if options.overflow is Overflow.BLOCK else None
        self._waiting = _lane(options)
        self._is_high = False

    def post(self, item: object) -> None:
        """Add to the user's lane. Errors: ActorDeadError once closed; MailboxFull as the options say.

        Runs in: any thread; blocks only with Overflow.BLOCK, up to `block_timeout` seconds.
        """
        maxsize = self._options.maxsize
        dropped: list[object] = []
        mark = self._waiting.mark(item)
        with self._lock:
            if self.gone:
                raise ActorDeadError(self.owner)
            if maxsize is not None and len(self._waiting) >= maxsize and not _exempt(item):
                dropped = self._make_room(item, maxsize)
            if not dropped or dropped[0] is not item:
                replaced = self._waiting.add(item, mark)
                if replaced is not None:
                    dropped.append(replaced)
            risen = self._risen()
        if self.heedful:
            self.call()
        for lost in dropped:
            self.owner.overflowed(lost, MailboxFull(self.owner, maxsize or 1))
        if risen is not None:
            self.owner.water(risen, high=True)

    def pop(self) -> object:
        """Take the next. Errors: IndexError."""
        with self._lock:
            item = self._waiting.pop()
            if self._not_full is not None:
                self._not_full.notify()
            fallen = self._fallen()
        if fallen is not None:
            self.owner.water(fallen, high=False)
        return item

    def drain(self) -> tuple[object, ...]:
        """Take all; the lock is held, because only `shut` asks for it here."""
        items: list[object] = []
        while len(self._waiting):
            items.append(self._waiting.pop())
        if self._not_full is not None:
            self._not_full.notify_all()
        return tuple(items)

    def put_back(self, items: Iterable[object]) -> None:
        """Put what was taken before all that waits; the bound is for what is new."""
        with self._lock:
            self._waiting.put_back(tuple(items))

    @property
    def full(self) -> bool:
        """True if another message of a user would have to wait, or be refused."""
        maxsize, overflow = self._options.maxsize, self._options.overflow
        return maxsize is not None and overflow in _REFUSES and len(self._waiting) >= maxsize

    def waiting(self) -> int:
        """How many messages of users wait."""
        return len(self._waiting)

    def _make_room(self, item: object, maxsize: int) -> list[object]:
        """Decide who has to go, with the lock held. Errors: MailboxFull, ActorDeadError."""
        match self._options.overflow:
            case Overflow.FAIL:
                raise MailboxFull(self.owner, maxsize)
            case Overflow.DROP_NEWEST:
                return [item]
            case Overflow.DROP_OLDEST:
                return self._waiting.drop(1)
            case Overflow.LATEST:
                return self._waiting.drop(len(self._waiting))
            case Overflow.BLOCK:
                if isinstance(item, Envelope) and item.hurried:
                    raise MailboxFull(self.owner, maxsize)
                if here().may_wait:
                    self._wait_for_room(maxsize)
                elif len(self._waiting) >= maxsize + WINDOW_MESSAGES:
                    raise MailboxFull(self.owner, maxsize + WINDOW_MESSAGES)
                return []

    def _wait_for_room(self, maxsize: int) -> None:
        if self._not_full is None:
            raise AssertionError("a blocking mailbox has a condition")
        deadline = monotonic() + self._options.block_timeout
        while len(self._waiting) >= maxsize and not self.gone:
            remaining = deadline - monotonic()
            if remaining <= 0:
                raise MailboxFull(self.owner, maxsize)
            self._not_full.wait(remaining)
        if self.gone:
            raise ActorDeadError(self.owner)

    def _risen(self) -> int | None:
        high = self._options.high_water
        if high is None or self._is_high or len(self._waiting) < high:
            return None
        self._is_high = True
        return len(self._waiting)

    def _fallen(self) -> int | None:
        if not self._is_high:
            return None
        high, low = self._options.high_water or 1, self._options.low_water
        if len(self._waiting) > (high // 2 if low is None else low):
            return None
        self._is_high = False
        return len(self._waiting)


def make_mailbox(owner: Owner, lock: threading.Lock, options: MailboxOptions) -> Mailbox:
    """Make the mailbox that the options ask for."""
    return Mailbox(owner, lock) if options.plain else BoundedMailbox(owner, lock, options)


def _message(item: object) -> object:
    return item.message if isinstance(item, Envelope) else item


def _exempt(item: object) -> bool:
    return isinstance(item, Envelope) and item.exempt
