"""What few lives need: made when one of them is asked for, so that a life without it pays one slot.

What lives here: the stash, the message handed on, what is refused, the time without messages. What must not: how
messages are handled meanwhile (`slow_turn.py`); what others can look at (`inquiries.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ..protocol.exits import KILLED, ExitReason
from .control import GIVEN_AWAY, ActorExit
from .errors import ActorDeadError, CallingSelf, MailboxFull, NothingInHand, StashFull
from .events import Deadlocked
from .inquiries import LookAgain
from .mailbox import Envelope, Lane, reply_to_of
from .signals import ExitSignal
from .trace import Taps

if TYPE_CHECKING:
    from .clock import TimerHandle
    from .life import Life
    from .ref import ActorRef
    from .timers import Timer

__all__ = (
    "Batch",
    "Extras",
    "ReceiveTimeout",
    "extras_of",
    "forward",
    "give_back",
    "look_again",
    "receive_timeout",
    "stash",
    "unstash",
)

NEVER: Final = -1


class Batch(list[object]):
    """Told messages that are handled at once."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ReceiveTimeout:
    """No message of a user has come for so many seconds. Source: Akka's ReceiveTimeout."""

    seconds: float


class Extras:
    """Of one life. What is not said otherwise changes in its own turn only."""

    __slots__ = ("batch_max", "idle", "kept", "refuses", "starts_with", "stashed", "suspended", "taken", "taps")

    def __init__(self) -> None:
        self.stashed: list[object] = []  # changed with the life's lock held
        self.kept: Callable[[], Iterable[object]] | None = None  # what a kill is to report besides; on any thread
        self.refuses: ExitReason | None = None  # set by any thread: no message of a user gets in any more
        self.starts_with: ActorRef[Any] | None = None  # set by StartHandle.until: whose start its own waits for
        self.suspended = False
        self.batch_max = 0
        self.idle: _IdleTimer | None = None
        self.taps = Taps()
        self.taken = 0  # messages of users, while somebody wants to know when the last one came

    @property
    def slow(self) -> bool:
        """Say whether each message needs a look."""
        return self.suspended or self.batch_max > 0 or self.idle is not None or self.taps.any

    def take_stash(self) -> Sequence[object]:
        """Give what is stashed, to be rejected. Runs in: who ends the life, with its lock held."""
        stashed, self.stashed = self.stashed, []
        return stashed

    def going_idle(self) -> None:
        """Hear, in the slow loop, that nothing waits."""
        if self.idle is not None:
            self.idle.rest(self.taken)

    def close(self) -> None:
        """Forget what could still wake a life that has ended. Runs in: any thread."""
        idle = self.idle
        if idle is not None:
            idle.cancel()
        self.taps.close()


class _IdleTimer:
    """Sends ReceiveTimeout when a life has been idle for so long; its acceptance is looked at as that of a timer."""

    __slots__ = ("_armed", "_due", "_extras", "_handle", "_life", "_over", "_seconds")

    def __init__(self, life: Life, extras: Extras, seconds: float) -> None:
        self._life = life
        self._extras = extras
        self._seconds = seconds
        self._armed = NEVER  # what `taken` was when it was armed
        self._due = 0.0
        self._over = False
        self._handle: TimerHandle | None = None

    def rest(self, taken: int) -> None:
        """Begin to count, unless nothing has come since that was done."""
        if self._armed == taken or self._over:
            return
        if self._handle is not None:
            self._handle.cancel()
        clock = self._life.system.clock
        self._armed, self._due = taken, clock.now() + self._seconds
        handle = self._handle = clock.call_at(self._due, self._fire)
        if self._life.ended:  # who has ended it may not have seen the handle
            handle.cancel()

    def accept(self) -> bool:
        """Say, as the message is taken, whether it is still true. Counts from anew in any case."""
        extras, life = self._extras, self._life
        true = (
            not self._over
            and not extras.suspended
            and self._armed == extras.taken
            and life.system.clock.now() >= self._due
            and not life.mailbox.waiting()
        )
        self._armed = NEVER
        return true

    def cancel(self) -> None:
        """Never send again."""
        self._over = True
        if self._handle is not None:
            self._handle.cancel()

    def _fire(self) -> None:
        # Ahead of users' messages: `accept` looks whether there are any, and it is no message for their `priority`.
        with suppress(ActorDeadError):
            message = Envelope(ReceiveTimeout(self._seconds), timer=cast("Timer", self), exempt=True)
            self._life.mailbox.put(message, Lane.SYSTEM)


def extras_of(life: Life) -> Extras:
    """Give those of a life. Runs in: any thread that does not hold its lock."""
    with life.lock:
        if life.extras is None:
            life.extras = Extras()
        return life.extras


def look_again(life: Life) -> None:
    """Let a turn that handles messages fast see that each needs a look now. Errors: ActorDeadError."""
    life.mailbox.put(Envelope(LookAgain()), Lane.SYSTEM)


def receive_timeout(life: Life, seconds: float | None) -> None:
    """Count the time without messages from now on, or no more. Runs in: its own turn. Errors: ValueError."""
    if seconds is not None and not seconds > 0:
        raise ValueError(f"receive timeout: expected more than 0 seconds or None, got {seconds}")
    extras = extras_of(life)
    if extras.idle is not None:
        extras.idle.cancel()
    extras.idle = None if seconds is None else _IdleTimer(life, extras, seconds)
    if seconds is not None:
        with suppress(ActorDeadError):  # it ends: nothing will come any more
            look_again(life)


def stash(life: Life, most: int) -> None:
    """Keep the message in hand. Runs in: its own turn. Errors: NothingInHand; StashFull."""
    item = _in_hand(life, "stash")
    items = [*item] if isinstance(item, Batch) else [_without_timer(item)]
    extras = extras_of(life)
    with life.lock:
        _stop_if_ended(life)
        if len(extras.stashed) + len(items) > most:
            raise StashFull(life.ref, most)
        extras.stashed += items
        life.mailbox.in_hand = GIVEN_AWAY


def unstash(life: Life, number: int | None) -> int:
    """Let so many of the stashed, oldest first, or all be the next; gives how many. Runs in: its own turn."""
    extras = life.extras
    if extras is None:
        return 0
    with life.lock:
        items = extras.stashed[:number]
        del extras.stashed[:number]
    give_back(life, items)
    return len(items)


def give_back(life: Life, items: Sequence[object]) -> None:
    """Put what was taken before all that waits; it is rejected if a kill has come in between."""
    box = life.mailbox
    box.put_back(items)
    if box.closed:
        left: list[object] = []
        with suppress(IndexError):
            while True:
                left.append(box.pop())
        life.turn_down(left)


def forward(life: Life, to: ActorRef[Any]) -> None:
    """Hand the message in hand on. Runs in: its own turn. Errors: NothingInHand; as `tell` if nobody has asked."""
    item = _in_hand(life, "forward")
    if isinstance(item, Batch):
        for message in item:
            to.tell(message)
        return
    future = reply_to_of(item)
    message = item.message if isinstance(item, Envelope) else item
    if isinstance(message, ExitSignal):
        message = message.exit
    if future is None:
        to.tell(message)
        return
    with life.lock:
        _stop_if_ended(life)
        life.mailbox.in_hand = GIVEN_AWAY
    life.note_out(message, to)
    future.to = None
    cell = to.cell
    try:
        if cell is None:
            raise ActorDeadError(to)
        cell.put(Envelope(message, future))
    except (ActorDeadError, MailboxFull) as error:
        future.try_fail(error)
        return
    waiting = None if future.asker is None else future.asker.cell
    if isinstance(waiting, type(life)) and waiting.waiting_for is future:
        circle = future.find_circle(waiting)
        if circle:
            life.system.bus.publish(Deadlocked(circle))
            future.try_fail(CallingSelf(*circle))


def _in_hand(life: Life, what: str) -> object:
    item = life.mailbox.in_hand
    if item is None or item is GIVEN_AWAY or life.mailbox.closed:
        _stop_if_ended(life)
        raise NothingInHand(life.ref, what)
    return item


def _stop_if_ended(life: Life) -> None:
    if life.ended:
        raise ActorExit(KILLED, killed=True)


def _without_timer(item: object) -> object:
    return item.message if isinstance(item, Envelope) and item.timer is not None else item
