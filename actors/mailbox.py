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
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from .errors import ActorDeadError
from .rest import IDLE, MORE, OVER, Rest
from .urgent import Urgent

if TYPE_CHECKING:
    from .errors import MailboxFull
    from .futures import AskFuture
    from .timers import Timer

__all__ = (
    "Envelope",
    "Lane",
    "Mailbox",
    "Owner",
    "reply_to_of",
)


class Lane(Enum):
    """Who goes first: what a handler goes on with, a request to stop, the runtime's signals, then all the rest."""

    NEXT = 0
    STOP = 1
    SYSTEM = 2
    USER = 3


class Envelope:
    """A message with more to it than itself: where its answer goes, the timer that it is of, the right to get in.

    `exempt` ones (timers, pykka's stop) get in whatever the bound, `hurried` ones are refused rather than kept waiting.
    What is merely told waits without one.
    """

    __slots__ = ("exempt", "hurried", "message", "reply_to", "timer")

    def __init__(
        self,
        message: object,
        reply_to: AskFuture[Any] | None = None,
        *,
        timer: Timer | None = None,
        exempt: bool = False,
        hurried: bool = False,
    ) -> None:
        self.message = message
        self.reply_to = reply_to
        self.timer = timer
        self.exempt = exempt
        self.hurried = hurried

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


class Mailbox:
    """Any thread puts, one reader takes. `lock` is the life's own: it guards the lanes before the users' and the end.

    Two tokens say who may do what; to take one is one step for all threads (`list.pop`), and so is to give it back.
    `_turn`: whoever has it is the reader, and runs the actor's code. `_call`: whoever takes it calls the reader, once;
    the reader gives it back when it comes. A message that is put while neither is there needs no more care.
    """

    __slots__ = (
        "_call",
        "_lock",
        "_turn",
        "_watch",
        "gone",
        "heedful",
        "in_hand",
        "owner",
        "running",
        "urgent",
        "user",
    )

    plain = True  # `user` may be appended to directly

    def __init__(self, owner: Owner, lock: threading.Lock) -> None:
        self.owner = owner
        self._lock = lock
        self._turn = [None]
        self._call: list[None] = []  # it is called at birth
        self.user: deque[object] = deque()
        self.urgent: Urgent | None = None
        self._watch: Callable[[object], object] | None = None
        self.heedful = False  # true if who has put something is to look further: it sleeps, or is gone
        self.gone = False  # nothing is taken any more
        self.running = False  # set while somebody is the reader
        self.in_hand: object = None

    # Any thread.

    def post(self, item: object) -> None:
        """Add to the user's lane: a message, or an Envelope of one.

        Errors: ActorDeadError once closed. Runs in: any thread; never blocks.
        """
        self.user.append(item)
        if self.heedful:
            self.notice(item)

    def post_all(self, items: Sequence[object]) -> None:
        """Add several to the user's lane, in this order, with one call of the reader; not where there is a bound.

        What comes too late is reported, and nothing raised. Runs in: any thread; never blocks.
        """
        self.user.extend(items)
        if not self.heedful:
            return
        if self.gone:
            self.owner.came_late(self.drain())
        else:
            self.call()

    def put(self, envelope: Envelope, lane: Lane = Lane.USER) -> None:
        """Add to a lane. Errors: as `post`. Runs in: any thread; blocks only in the user's lane of a bounded one."""
        if lane is Lane.USER:
            self.post(envelope)
            return
        with self._lock:
            if self.gone:
                raise ActorDeadError(self.owner)
            if self.urgent is None:
                self.urgent = Urgent()
            if lane is Lane.STOP:
                self.urgent.stop.append(envelope)
            elif lane is Lane.SYSTEM:
                self.urgent.system.append(envelope)
            else:
                self.urgent.next.append(envelope)
            watch = self._watch if lane is Lane.STOP else None
        if self.heedful:
            self.call()
        if watch is not None:
            watch(envelope.message)

    def notice(self, item: object) -> None:
        """Look after a message that was just appended: call who sleeps. Errors: ActorDeadError if it came too late.

        One that is not there any more was taken: handled, or reported by whoever has closed.
        """
        if not self.gone:
            self.call()
            return
        late = self.drain()
        self.owner.came_late(late)
        if any(other is item for other in late):
            raise ActorDeadError(self.owner)

    def call(self) -> None:
        """Have the reader come, unless it has been called already."""
        try:
            self._call.pop()
        except IndexError:
            return
        self.heedful = False
        if self.gone:
            self._stay_closed()
        self.owner.woken()

    def close(self) -> tuple[tuple[object, ...], bool]:
        """Take no message any more; gives what still waited, and whether the reader runs the actor's code."""
        with self._lock:
            left, running, after = self.shut()
        after()
        return left, running

    def shut(self) -> tuple[tuple[object, ...], bool, Callable[[], object]]:
        """Do the same with the lock held; the third is to be called once it is not."""
        self.gone = True
        self.heedful = True
        urgent, self.urgent = self.urgent, None
        left = () if urgent is None else (*urgent.next, *urgent.stop, *urgent.system)
        watch, self._watch = self._watch, None
        left = (*left, *self.drain())
        running = self.running

        def after() -> None:
            if not running:
                self.call()  # to have its last turn
            if watch is not None:
                watch(None)

        return left, running, after

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
            closed = self.gone
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
        return self.gone

    @property
    def idle(self) -> bool:
        """True while the reader sleeps and has not been called."""
        return bool(self._turn) and bool(self._call)

    def __len__(self) -> int:
        urgent = self.urgent
        return self.waiting() if urgent is None else self.waiting() + len(urgent)

    def waiting(self) -> int:
        """How many messages of users wait."""
        return len(self.user)

    @property
    def full(self) -> bool:
        """True if another message of a user would have to wait, or be refused."""
        return False

    def empty(self) -> bool:
        """True if nothing waits: what pykka's code asks of its inbox."""
        return not len(self)

    # The reader, and those who want to be it.

    def begin(self) -> bool:
        """Come when called, and be the reader. Gives False if somebody else is: he will see what there is."""
        self._call.append(None)
        return self.seize()

    def seize(self) -> bool:
        """Be the reader, called or not. Gives False if somebody else is."""
        try:
            self._turn.pop()
        except IndexError:
            return False
        self.running = True
        self.heedful = False
        if self.gone:
            self._stay_closed()
        return True

    def seize_idle(self) -> bool:
        """Be the reader if nothing waits, so that who puts now is the next. Gives False otherwise."""
        return not (self.gone or self.urgent is not None or self.waiting()) and self.seize()

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

    def rest(self, *, deaf: bool = False) -> Rest:
        """Be the reader no longer, because there is nothing to take. MORE: there is something after all, it stays.

        OVER: it was the last turn; nobody is the reader ever again. `deaf`: users' messages do not count, because it is
        suspended.
        """
        if self.gone:
            self.running = False
            return OVER
        self.in_hand = None
        self.running = False
        self.heedful = True
        self._turn.append(None)
        if (self.closed or self.urgent is not None or (not deaf and self.waiting())) and self.seize():
            # Put by one who has seen us busy. Whoever else came first has seen it as well.
            return MORE
        return IDLE

    def pause(self) -> None:
        """Be the reader no longer although there is something to take: others have their turn first."""
        self.running = False
        self._turn.append(None)
        self.call()

    def hand_over(self) -> None:
        """Be the reader no longer, and leave it called: whoever comes next is another dispatcher's."""
        with suppress(IndexError):  # called by a kill at this very moment: then it comes twice, which does no harm
            self._call.pop()
        self.running = False
        self._turn.append(None)

    def put_back(self, items: Iterable[object]) -> None:
        """Put what was taken before all that waits, in this order. Runs in: the reader."""
        self.user.extendleft(reversed(tuple(items)))

    def _stay_closed(self) -> None:
        """Be heedful again. Who has put something a moment ago has not seen it closed: that is reported here."""
        self.heedful = True
        with self._lock:
            late = self.drain()
        self.owner.came_late(late)


def _matches(item: object, matches: Callable[[object], bool]) -> bool:
    return matches(item.message if isinstance(item, Envelope) else item)
