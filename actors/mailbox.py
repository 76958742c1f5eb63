"""The mailbox: four lanes, one reader, and no message lost silently.

What lives here: order, bounds, the closing that no late message can slip past. What must not: what messages mean.
The kill lane is not a queue: a kill closes the mailbox (`Life.kill`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final

from .clock import monotonic
from .errors import ActorDeadError, MailboxFull

if TYPE_CHECKING:
    from .futures import AskFuture
    from .timers import Timer

__all__ = ("CLOSED", "Closed", "Envelope", "Lane", "Mailbox", "MailboxOptions", "Overflow")


class Closed(Enum):
    """What `take` gives when there will never be a message again."""

    CLOSED = "closed"


CLOSED: Final = Closed.CLOSED


class Lane(Enum):
    """Who goes first: a request to stop, then the runtime's signals, then everything else in order."""

    STOP = 0
    SYSTEM = 1
    USER = 2


class Overflow(StrEnum):
    """What a full mailbox does with a new message of a user; signals, stops and timers always get in."""

    BLOCK = "block"  # let the sender wait, up to `block_timeout`, then fail
    FAIL = "fail"  # raise MailboxFull in the sender
    DROP_OLDEST = "drop_oldest"
    DROP_NEWEST = "drop_newest"
    LATEST = "latest"  # drop all that wait: only the newest counts


@dataclass(frozen=True, slots=True)
class MailboxOptions:
    """The bound of a mailbox, in messages (None: no bound), and what happens beyond it."""

    maxsize: int | None = None
    overflow: Overflow = Overflow.FAIL
    block_timeout: float = 5.0


class Envelope:
    """A message and where its answer goes; `exempt` ones (timers, pykka's stop) get in whatever the bound."""

    __slots__ = ("exempt", "message", "reply_to", "timer")

    def __init__(
        self,
        message: object,
        reply_to: AskFuture[Any] | None = None,
        *,
        timer: Timer | None = None,
        exempt: bool = False,
    ) -> None:
        self.message = message
        self.reply_to = reply_to
        self.timer = timer
        self.exempt = exempt

    def __repr__(self) -> str:
        return f"Envelope({self.message!r})"


class Mailbox:
    """Any thread puts, one reader takes.

    The reader is idle (waits to be woken) or busy (runs the actor's code). `wake` is called once for each time that
    it goes idle; `in_hand` and `busy` change under the lock, so a kill knows exactly what it interrupts.
    """

    __slots__ = (
        "_closed",
        "_lock",
        "_maxsize",
        "_not_full",
        "_options",
        "_overflowed",
        "_owner",
        "_stop",
        "_system",
        "_user",
        "_watch",
        "busy",
        "idle",
        "in_hand",
        "wake",
    )

    def __init__(
        self,
        owner: object,
        options: MailboxOptions,
        overflowed: Callable[[Envelope, MailboxFull], None],
    ) -> None:
        self._owner = owner
        self._options = options
        self._maxsize = options.maxsize
        self._overflowed = overflowed
        self._lock = threading.Lock()
        self._not_full = threading.Condition(self._lock) if options.overflow is Overflow.BLOCK else None
        self._stop: deque[Envelope] = deque()
        self._system: deque[Envelope] = deque()
        self._user: deque[Envelope] = deque()
        self._closed = False
        self._watch: Callable[[object], object] | None = None
        self.busy = True  # from birth on: construction and on_start are the actor's code
        self.idle = False
        self.in_hand: Envelope | None = None
        self.wake: Callable[[], object] = lambda: None  # set by the dispatcher before the first take

    def put(self, envelope: Envelope, lane: Lane = Lane.USER) -> None:
        """Add to a lane. Errors: ActorDeadError once closed; MailboxFull as the options say.

        Runs in: any thread; blocks only with Overflow.BLOCK.
        """
        dropped: tuple[Envelope, ...] = ()
        with self._lock:
            if self._closed:
                raise ActorDeadError(self._owner)
            if lane is Lane.USER:
                if self._maxsize is not None and len(self._user) >= self._maxsize and not envelope.exempt:
                    dropped = self._make_room(envelope)
                if not dropped or dropped[0] is not envelope:
                    self._user.append(envelope)
            elif lane is Lane.SYSTEM:
                self._system.append(envelope)
            else:
                self._stop.append(envelope)
            watch = self._watch if lane is Lane.STOP else None
            wake, self.idle = self.idle, False
        if wake:
            self.wake()
        if watch is not None:
            watch(envelope.message)
        for lost in dropped:
            self._overflowed(lost, MailboxFull(self._owner, self._options.maxsize or 0))

    def take(self) -> Envelope | Closed | None:
        """The next message; None if there is none: the reader is idle then and must wait to be woken."""
        with self._lock:
            if self._stop:
                envelope = self._stop.popleft()
            elif self._system:
                envelope = self._system.popleft()
            elif self._user:
                envelope = self._user.popleft()
                if self._not_full is not None:
                    self._not_full.notify()
            else:
                self.busy = False
                self.in_hand = None
                if self._closed:
                    return CLOSED
                self.idle = True
                return None
            self.busy = True
            self.in_hand = envelope
            return envelope

    def close(self) -> tuple[tuple[Envelope, ...], bool]:
        """Take no message any more; gives what still waited, and whether the reader runs the actor's code."""
        with self._lock:
            self._closed = True
            left = (*self._stop, *self._system, *self._user)
            self._stop.clear()
            self._system.clear()
            self._user.clear()
            if self._not_full is not None:
                self._not_full.notify_all()
            wake, self.idle = self.idle, False
            busy = self.busy
            watch, self._watch = self._watch, None
        if wake:
            self.wake()
        if watch is not None:
            watch(None)
        return left, busy

    def watch_stops(self, watch: Callable[[object], object] | None) -> None:
        """Hear of what gets into the stop lane, for a handler that lasts: `watch` is called with each message, those
        that wait already too, and with None when the mailbox closes; None takes it back. The messages stay.

        `watch` runs in: the thread of the sender; it must neither wait nor raise.
        """
        with self._lock:
            closed = self._closed
            self._watch = None if closed else watch
            waiting = tuple(self._stop)
        if watch is not None:
            for envelope in waiting:
                watch(envelope.message)
            if closed:
                watch(None)

    def discard(self, matches: Callable[[object], bool]) -> int:
        """Take signals that match back out of the stop and system lanes; gives how many."""
        with self._lock:
            before = len(self._system) + len(self._stop)
            self._system = deque(kept for kept in self._system if not matches(kept.message))
            self._stop = deque(kept for kept in self._stop if not matches(kept.message))
            return before - len(self._system) - len(self._stop)

    @property
    def closed(self) -> bool:
        """True once no message gets in."""
        return self._closed

    def __len__(self) -> int:
        return len(self._stop) + len(self._system) + len(self._user)

    def empty(self) -> bool:
        """True if nothing waits."""
        return not len(self)

    def _make_room(self, envelope: Envelope) -> tuple[Envelope, ...]:
        """Decide who has to go, with the lock held. Errors: MailboxFull, ActorDeadError."""
        maxsize = self._options.maxsize or 0
        match self._options.overflow:
            case Overflow.FAIL:
                raise MailboxFull(self._owner, maxsize)
            case Overflow.DROP_NEWEST:
                return (envelope,)
            case Overflow.DROP_OLDEST:
                return self._drop(1)
            case Overflow.LATEST:
                return self._drop(len(self._user))
            case Overflow.BLOCK:
                self._wait_for_room(maxsize)
                return ()

    def _drop(self, most: int) -> tuple[Envelope, ...]:
        dropped: list[Envelope] = []
        spared: list[Envelope] = []
        while self._user and len(dropped) < most:
            oldest = self._user.popleft()
            (spared if oldest.exempt else dropped).append(oldest)
        self._user.extendleft(reversed(spared))
        return tuple(dropped)

    def _wait_for_room(self, maxsize: int) -> None:
        if self._not_full is None:
            raise AssertionError("a blocking mailbox has a condition")
        deadline = monotonic() + self._options.block_timeout
        while len(self._user) >= maxsize and not self._closed:
            remaining = deadline - monotonic()
            if remaining <= 0:
                raise MailboxFull(self._owner, maxsize)
            self._not_full.wait(remaining)
        if self._closed:
            raise ActorDeadError(self._owner)
