"""Timers of one life: messages to itself, later, and none of them after its end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .clock import Clock, TimerHandle
from .errors import ActorDeadError
from .mailbox import Envelope, Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ("Timer", "TimerSet")


class Timer:
    """One timer of an actor. After `cancel()` gave True its message is never handled, not even if it waits already."""

    __slots__ = ("_cancelled", "_handle", "_queued", "_timers", "due", "interval", "message")

    def __init__(self, timers: TimerSet, message: object, due: float, interval: float | None) -> None:
        self._timers = timers
        self.message = message
        self.due = due  # monotonic seconds
        self.interval = interval
        self._handle: TimerHandle | None = None
        self._cancelled = False
        self._queued = False

    def cancel(self) -> bool:
        """Take it back. Gives False if it is over already: fired and handled, or cancelled before."""
        return self._timers._cancel(self)

    @property
    def active(self) -> bool:
        """True while a message of it can still come."""
        return self in self._timers


class TimerSet:
    """All timers of one life; a firing that comes late, after cancel or after the life, is dropped."""

    def __init__(self, clock: Clock, mailbox: Mailbox) -> None:
        self._clock = clock
        self._mailbox = mailbox
        self._lock = threading.Lock()
        self._timers: set[Timer] = set()
        self._closed = False

    def start(self, delay: float, message: object, *, interval: float | None = None) -> Timer:
        """Put `message` into the mailbox after `delay` seconds, and every `interval` from then on."""
        if delay < 0 or (interval is not None and interval <= 0):
            raise ValueError(f"timer: expected delay >= 0 and interval > 0, got {delay} and {interval}")
        timer = Timer(self, message, self._clock.now() + delay, interval)
        with self._lock:
            if self._closed:
                timer._cancelled = True
                return timer
            self._timers.add(timer)
        self._arm(timer)
        return timer

    def accept(self, timer: Timer) -> bool:
        """Say, as its message is taken from the mailbox, whether it is still wanted."""
        with self._lock:
            timer._queued = False
            if timer.interval is None:
                self._timers.discard(timer)
            return not timer._cancelled

    def close(self) -> None:
        """Cancel all of them, for good."""
        with self._lock:
            self._closed = True
            timers = tuple(self._timers)
        for timer in timers:
            self._cancel(timer)

    def __contains__(self, timer: Timer) -> bool:
        return timer in self._timers

    def __len__(self) -> int:
        return len(self._timers)

    def _arm(self, timer: Timer) -> None:
        handle = self._clock.call_at(timer.due, self._fire_of(timer))
        with self._lock:
            timer._handle = handle
            cancelled = timer._cancelled
        if cancelled:
            handle.cancel()

    def _fire_of(self, timer: Timer) -> Callable[[], None]:
        def fire() -> None:
            with self._lock:
                if timer._cancelled:
                    return
                waits, timer._queued = timer._queued, True
            # A tick that finds the one before it unhandled is dropped: a slow actor gets no pile of them.
            if not waits:
                try:
                    self._mailbox.put(Envelope(timer.message, timer=timer, exempt=True))
                except ActorDeadError:
                    return  # the life has ended between: that is what "cancelled with it" means
            if timer.interval is not None:
                now = self._clock.now()
                missed = max(0, int((now - timer.due) // timer.interval))
                timer.due += (missed + 1) * timer.interval
                self._arm(timer)

        return fire

    def _cancel(self, timer: Timer) -> bool:
        with self._lock:
            if timer._cancelled or timer not in self._timers:
                return False
            timer._cancelled = True
            self._timers.discard(timer)
            handle = timer._handle
        if handle is not None:
            handle.cancel()
        return True
