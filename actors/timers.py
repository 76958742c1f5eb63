"""Timers of one life: messages to itself, later, and none of them after its end."""

from __future__ import annotations

import threading
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from .clock import Clock, TimerHandle
from .errors import ActorDeadError
from .mailbox import Envelope

if TYPE_CHECKING:
    from .cell import Cell
    from .named_ref import NamedRef
    from .ref import ActorRef

__all__ = ("Timer", "TimerSet", "send_after")

_MAKING = threading.Lock()  # one for all: held for a moment, when a life sets its first timer


class Timer:
    """One timer of an actor. After `cancel()` gave True its message is never handled, not even if it waits already."""

    __slots__ = ("_handle", "_queued", "_timers", "due", "interval", "message")

    def __init__(self, timers: TimerSet, message: object, due: float, interval: float | None) -> None:
        self._timers = timers
        self.message = message
        self.due = due  # monotonic seconds; of the next tick, if there is an interval
        self.interval = interval
        self._handle: TimerHandle | None = None
        self._queued = False  # set by the clock's thread, and taken back by the actor as it handles the message

    def cancel(self) -> bool:
        """Take it back. Gives False if it is over already: fired and handled, or cancelled before.

        Runs in: any thread. Differs from OTP: erlang:cancel_timer/1 gives the time left, which `remaining()` tells
        here, and leaves a message that waits already, which this one takes back.
        """
        if not self._timers._discard(self):
            return False
        handle = self._handle
        if handle is not None:
            handle.cancel()
        return True

    def remaining(self) -> float | None:
        """Say in how many seconds it sends (again), 0.0 if its message waits to be handled; None if it is over.

        Source: erlang:read_timer/1.
        """
        return max(0.0, self.due - self._timers._clock.now()) if self.active else None

    @property
    def active(self) -> bool:
        """True while a message of it can still come."""
        return self in self._timers

    def accept(self) -> bool:
        """Say, as its message is taken from the mailbox, whether it is still wanted. Only for those who handle it."""
        self._queued = False
        return self.active if self.interval is not None else self._timers._discard(self)

    def _arm(self) -> None:
        timers = self._timers
        handle = self._handle = timers._clock.call_at(self.due, self._fire)
        if self not in timers:  # cancelled meanwhile, by somebody who may not have seen the handle
            handle.cancel()

    def _fire(self) -> None:
        timers, interval = self._timers, self.interval
        if self not in timers:
            return
        # A tick that finds the one before it unhandled is dropped: a slow actor gets no pile of them.
        if not self._queued:
            self._queued = True
            try:
                timers._to.put(Envelope(self.message, timer=self, exempt=True))
            except ActorDeadError:
                timers._discard(self)  # the life has ended: that is what "cancelled with it" means
                return
        if interval is not None:
            missed = max(0, int((timers._clock.now() - self.due) // interval))
            self.due += (missed + 1) * interval
            self._arm()


class _Recipient(Protocol):
    """Where messages of timers go: a mailbox, or what leads to one."""

    def put(self, envelope: Envelope) -> None:
        """Take a message. Errors: ActorDeadError if it does not any more."""


class TimerSet:
    """All timers of one life; a firing that comes late, after cancel or after the life, is dropped.

    Runs in: any thread, and without a lock: a timer is in the dict while its message can still come, and who takes it
    out decides. That is one step for all threads.
    """

    __slots__ = ("_clock", "_closed", "_timers", "_to")

    def __init__(self, clock: Clock, to: _Recipient) -> None:
        self._clock = clock
        self._to = to
        self._timers: dict[Timer, None] | None = None  # made with the first timer: most lives have none
        self._closed = False

    def start(self, delay: float, message: object, *, interval: float | None = None) -> Timer:
        """Put `message` into the mailbox after `delay` seconds, and every `interval` from then on.

        Errors: ValueError for a negative, infinite or undefined time.
        """
        if not 0 <= delay < inf or (interval is not None and not 0 < interval < inf):
            wrong = f"{delay}" if interval is None else f"{delay} and {interval}"
            raise ValueError(f"timer: expected delay >= 0 and interval > 0, both finite seconds, got {wrong}")
        timer = Timer(self, message, self._clock.now() + delay, interval)
        timers = self._timers
        if timers is None:
            timers = self._first()
        timers[timer] = None
        if self._closed:  # looked at after the timer is in, as `close` looks for timers after it has said so
            timers.pop(timer, None)
            return timer
        timer._arm()
        return timer

    def accept(self, timer: Timer) -> bool:
        """Say, as its message is taken from the mailbox, whether it is still wanted."""
        return timer.accept()

    def close(self) -> None:
        """Cancel all of them, for good."""
        self._closed = True
        for timer in list(self._timers or ()):
            timer.cancel()

    def __contains__(self, timer: Timer) -> bool:
        timers = self._timers
        return timers is not None and timer in timers

    def __len__(self) -> int:
        return len(self._timers or ())

    def _first(self) -> dict[Timer, None]:
        with _MAKING:
            if self._timers is None:
                self._timers = {}
            return self._timers

    def _discard(self, timer: Timer) -> bool:
        timers = self._timers
        return timers is not None and timers.pop(timer, self) is None


class _Life:
    """One life of a ref, without keeping it: its timer is over when the ref leads to another one, or to none."""

    __slots__ = ("incarnation", "ref")

    def __init__(self, ref: ActorRef[Any]) -> None:
        self.ref = ref
        self.incarnation = ref.incarnation

    def put(self, envelope: Envelope) -> None:
        cell = self.ref.cell
        if cell is None or cell.incarnation != self.incarnation:
            raise ActorDeadError(self.ref)
        _put(self.ref, cell, envelope)


class _Name:
    """Whoever has a name when the timer fires."""

    __slots__ = ("ref",)

    def __init__(self, ref: NamedRef) -> None:
        self.ref = ref

    def put(self, envelope: Envelope) -> None:
        holder = self.ref.holder()
        cell = None if holder is None else holder.cell
        if holder is None or cell is None:
            raise ActorDeadError(self.ref)
        _put(holder, cell, envelope)


def _put(ref: ActorRef[Any], cell: Cell, envelope: Envelope) -> None:
    timer = envelope.timer
    if timer is not None and (ref.hosted or ref.lives_elsewhere):
        if not timer.accept():  # over with the sending: nobody takes it back from another process
            return
        envelope = Envelope(envelope.message)
    cell.put(envelope)


def send_after(clock: Clock, ref: ActorRef[Any], delay: float, message: object) -> Timer:
    """Send `message` after `delay` seconds to the life that `ref` has now, or to who has the name then.

    Nobody gets it if that life has ended, or nobody has the name. Runs in: any thread.
    Errors: ActorDeadError if it has no life now; ValueError for an impossible delay.
    Source: erlang:send_after/3. Differs from OTP: the dead are refused at once, as by `tell`.
    """
    from .named_ref import NamedRef

    if isinstance(ref, NamedRef):
        return TimerSet(clock, _Name(ref)).start(delay, message)
    life = _Life(ref)
    if not ref.is_alive():
        raise ActorDeadError(ref)
    return TimerSet(clock, life).start(delay, message)
