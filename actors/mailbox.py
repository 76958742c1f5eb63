"""The mailbox: four lanes, one reader, and no message lost silently.

What lives here: order, who is woken, the closing that no late message can slip past. What must not: what messages
mean; bounds and priorities (`bounded.py`). The kill lane is not a queue: a kill closes the mailbox (`Life.kill`).

To put a message takes no lock: it is appended first, and only then is looked whether the reader sleeps or is gone.
The reader does the reverse: it says first that it sleeps (or is gone), and only then looks whether there is a message.
So one of the two always sees the other, and the lock is left to those who wake and those who close.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from .errors import ActorDeadError

if TYPE_CHECKING:
    from .errors import MailboxFull
    from .futures import AskFuture
    from .timers import Timer

__all__ = (
    "Envelope",
    "Lane",
    "Mailbox",
    "Owner",
    "Reader",
    "Urgent",
    "reply_to_of",
)


class Reader(IntEnum):
    """What the reader does. The others are true, so that one look says whether a message just put needs more care."""

    BUSY = 0  # it will look again before it sleeps
    IDLE = 1
    GONE = 2  # nothing is taken any more


BUSY: Final = Reader.BUSY
IDLE: Final = Reader.IDLE
GONE: Final = Reader.GONE


class Lane(Enum):
    """Who goes first: what a handler goes on with, a request to stop, the runtime's signals, then all the rest."""

    NEXT = 0
    STOP = 1
    SYSTEM = 2
    USER = 3


class Envelope:
    """A message with more to it than itself: where its answer goes, the timer that it is of, the right to get in.

    `exempt` ones (timers, pykka's stop) get in whatever the bound. What is merely told waits without one.
    """

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


def reply_to_of(item: object) -> AskFuture[Any] | None:
    """Give where the answer to what waits, or is in hand, goes; None if nobody wants one."""
    return item.reply_to if type(item) is Envelope else None


class Owner(Protocol):
    """Whose mailbox it is: hears of what is not handled, and is woken."""

    def overflowed(self, item: object, error: MailboxFull) -> None:
        """Take what a full mailbox had to drop."""

    def came_late(self, items: Iterable[object]) -> None:
        """Take what was put while the mailbox closed."""

    def woken(self) -> None:
        """Have a turn: there is something to take, or the mailbox has closed. Once for each time that it went idle."""

    def water(self, waiting: int, *, high: bool) -> None:
        """Hear that many messages wait, or no longer."""


class Urgent:
    """The lanes before the user's; made when there is something in them, which is rare."""

    __slots__ = ("next", "stop", "system")

    def __init__(self) -> None:
        self.next: deque[object] = deque()
        self.stop: deque[object] = deque()
        self.system: deque[object] = deque()

    def __len__(self) -> int:
        return len(self.next) + len(self.stop) + len(self.system)


class Mailbox:
    """Any thread puts, one reader takes. `lock` is the life's own: both change together when it ends.

    A reader that is busy either runs (`running`: its code is on some thread), or waits for its turn.
    """

    __slots__ = ("_lock", "_owner", "_watch", "in_hand", "queued", "running", "state", "urgent", "user")

    plain = True  # `user` may be appended to directly

    def __init__(self, owner: Owner, lock: threading.Lock) -> None:
        self._owner = owner
        self._lock = lock
        self.user: deque[object] = deque()
        self.urgent: Urgent | None = None
        self._watch: Callable[[object], object] | None = None
        self.state = BUSY  # from birth on: construction and on_start are the actor's code
        self.running = False  # set while a thread runs the actor's code
        self.queued = False  # for dispatchers that keep a queue: it is in there
        self.in_hand: object = None

    # Any thread.

    def post(self, item: object) -> None:
        """Add to the user's lane: a message, or an Envelope of one.

        Errors: ActorDeadError once closed. Runs in: any thread; never blocks.
        """
        self.user.append(item)
        if self.state:
            self.notice(item)

    def put(self, envelope: Envelope, lane: Lane = Lane.USER) -> None:
        """Add to a lane. Errors: as `post`. Runs in: any thread; blocks only in the user's lane of a bounded one."""
        if lane is Lane.USER:
            self.post(envelope)
            return
        with self._lock:
            if self.state is GONE:
                raise ActorDeadError(self._owner)
            if self.urgent is None:
                self.urgent = Urgent()
            if lane is Lane.STOP:
                self.urgent.stop.append(envelope)
            elif lane is Lane.SYSTEM:
                self.urgent.system.append(envelope)
            else:
                self.urgent.next.append(envelope)
            watch = self._watch if lane is Lane.STOP else None
            wake = self.state is IDLE
            if wake:
                self.state = BUSY
        if wake:
            self._owner.woken()
        if watch is not None:
            watch(envelope.message)

    def notice(self, item: object) -> None:
        """Look after a message that was just appended: wake who sleeps. Errors: ActorDeadError if it came too late.

        One that is not there any more was taken: handled, or reported by whoever has closed.
        """
        with self._lock:
            state = self.state
            if state is IDLE:
                self.state = BUSY
        if state is IDLE:
            self._owner.woken()
        elif state is GONE:
            late = self.drain()
            self._owner.came_late(late)
            if any(other is item for other in late):
                raise ActorDeadError(self._owner)

    def close(self) -> tuple[tuple[object, ...], bool]:
        """Take no message any more; gives what still waited, and whether the reader runs the actor's code."""
        with self._lock:
            left, running, after = self.shut()
        after()
        return left, running

    def shut(self) -> tuple[tuple[object, ...], bool, Callable[[], object]]:
        """Do the same with the lock held; the third is to be called once it is not."""
        was, self.state = self.state, GONE
        urgent, self.urgent = self.urgent, None
        left = () if urgent is None else (*urgent.next, *urgent.stop, *urgent.system)
        watch, self._watch = self._watch, None
        left = (*left, *self.drain())

        def after() -> None:
            if was is IDLE:
                self._owner.woken()
            if watch is not None:
                watch(None)

        return left, self.running, after

    def drain(self) -> tuple[object, ...]:
        """Take all that users have put. Every item is given to one caller alone."""
        items: list[object] = []
        try:
            while True:
                items.append(self.pop())
        except IndexError:
            return tuple(items)

    def watch_stops(self, watch: Callable[[object], object] | None) -> None:
        """Hear of what gets into the stop lane, for a handler that lasts: `watch` is called with each message, those
        that wait already too, and with None when the mailbox closes; None takes it back. The messages stay.

        `watch` runs in: the thread of the sender; it must neither wait nor raise.
        """
        with self._lock:
            closed = self.state is GONE
            self._watch = None if closed else watch
            waiting = () if self.urgent is None else tuple(self.urgent.stop)
        if watch is not None:
            for item in waiting:
                watch(item.message if isinstance(item, Envelope) else item)
            if closed:
                watch(None)

    def discard(self, matches: Callable[[object], bool]) -> int:
        """Take signals that match back out of the stop and system lanes; gives how many."""
        with self._lock:
            urgent = self.urgent
            if urgent is None:
                return 0
            before = len(urgent)
            urgent.system = deque(kept for kept in urgent.system if not _matches(kept, matches))
            urgent.stop = deque(kept for kept in urgent.stop if not _matches(kept, matches))
            return before - len(urgent)

    @property
    def closed(self) -> bool:
        """True once no message gets in."""
        return self.state is GONE

    @property
    def idle(self) -> bool:
        """True while the reader waits to be woken."""
        return self.state is IDLE

    def __len__(self) -> int:
        urgent = self.urgent
        return self.waiting() if urgent is None else self.waiting() + len(urgent)

    def waiting(self) -> int:
        """How many messages of users wait."""
        return len(self.user)

    def empty(self) -> bool:
        """True if nothing waits."""
        return not len(self)

    # The reader, and those who want to be it.

    def begin(self) -> bool:
        """Begin a turn. Gives False if there is none to be had: another thread runs it, or it sleeps."""
        with self._lock:
            self.queued = False
            if self.running or self.state is IDLE:
                return False
            self.running = True
            return True

    def seize(self) -> bool:
        """Begin a turn in the place of whoever would be woken, or has it in a queue. Gives False as above."""
        with self._lock:
            if self.running or self.state is GONE:
                return False
            self.state = BUSY
            self.running = True
            return True

    def pop(self) -> object:
        """Take the next message of a user. Errors: IndexError if there is none."""
        return self.user.popleft()

    def pop_urgent(self) -> object | None:
        """Take the next of the lanes before it; None if there is none."""
        with self._lock:
            urgent = self.urgent
            if urgent is None:
                return None
            for lane in (urgent.next, urgent.stop, urgent.system):
                if lane:
                    return lane.popleft()
            self.urgent = None
            return None

    def rest(self, *, deaf: bool = False) -> Reader:
        """End a turn because there is nothing to take. BUSY: there is something after all, the turn goes on.

        `deaf`: users' messages are not looked at, because it is suspended.
        """
        with self._lock:
            if self.state is not GONE:
                if self.urgent is not None or (not deaf and self.waiting()):
                    return BUSY
                self.state = IDLE
                if not deaf and self.waiting():  # put by one who has seen us busy
                    self.state = BUSY
                    return BUSY
            self.running = False
            self.in_hand = None
            return self.state

    def pause(self) -> bool:
        """End a turn that others should have theirs before it goes on. Gives False if it is in a queue already."""
        with self._lock:
            self.running = False
            queued, self.queued = self.queued, True
            return not queued

    def put_back(self, items: Iterable[object]) -> None:
        """Put what was taken before all that waits, in this order. Runs in: the reader."""
        self.user.extendleft(reversed(tuple(items)))

    def take(self) -> object | None:
        """Take the next of all lanes; None if there is none. For those who look at a mailbox from outside of a turn."""
        item = self.pop_urgent()
        try:
            return self.pop() if item is None else item
        except IndexError:
            return None


def _matches(item: object, matches: Callable[[object], bool]) -> bool:
    return matches(item.message if isinstance(item, Envelope) else item)
