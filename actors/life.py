"""One life of one local actor: what others can do to it, and its one announced end.

What lives here: the state of a life and who may end it. What must not: how messages are handled (`turn.py`), which
hook an end runs (`actor.HOOKS`), threads (`dispatchers/`), what an exit sets off elsewhere (`relations.py`).

A life ends once. Whoever sets `_ended` under the lock, the life's own turn or a kill from outside, announces the exit;
the other one finds it set and keeps quiet.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..protocol.exits import KILLED, ExitReason, Normal, crash_of
from .child_spec import Start
from .current import current_life, enter_life
from .describe import Describe, Description
from .errors import ActorDeadError, MailboxFull, StartTimeout
from .events import ActorStarted, CallbackFailed, DeadLetter
from .mailbox import Envelope, Lane, Mailbox, MailboxOptions
from .outcome import Ignored, Started, StartFailed, StartOutcome
from .pykka_seam import ActorStop
from .replies import ReplyHandle
from .signals import MONITORED, NEWS, Down, Exit, ExitReport, ExitSignal, StopRequest
from .timers import TimerSet
from .turn import run_turn

if TYPE_CHECKING:
    from .actor import Actor
    from .clock import TimerHandle
    from .futures import AskFuture, Gate
    from .ref import ActorRef
    from .system import ActorSystem

__all__ = ("ORPHAN_SECONDS", "Birth", "Life")

ORPHAN_SECONDS: Final = 5.0
"""What a life gets to end after its parent has, as the default Grace. Differs from OTP: there it ends at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """All that is needed to begin one life."""

    start: Start
    start_timeout: float  # seconds
    parent: ActorRef | None
    mailbox: MailboxOptions
    on_outcome: Callable[[StartOutcome], None]
    supervised: bool = False  # by `parent`: nothing cuts that link


class Life:
    """Implements Cell (for everybody) and Runnable (for its dispatcher)."""

    def __init__(self, system: ActorSystem, ref: ActorRef, incarnation: int, birth: Birth) -> None:
        self.system = system
        self.ref = ref
        self.incarnation = incarnation
        self.birth = birth
        self.parent = birth.parent
        self.mailbox = Mailbox(ref, birth.mailbox, self._overflowed)
        self.timers = TimerSet(system.clock, self.mailbox)
        self.continuations: deque[Envelope] = deque()
        self.actor: Actor | None = None  # set while a thread runs it
        self.born = False  # set by the first turn
        self.start_deferred = self.start_refused = False  # set by Actor.defer_start and by StartHandle.fail
        self.waiting_for: AskFuture[Any] | None = None  # set while its thread waits for an answer
        self.waiting_at: Gate | None = None  # set while its thread waits for an answer: a kill opens it
        self.stopped = threading.Event()  # set when the exit has been announced
        self.thread_over = False  # set when no thread runs it any more
        self.fenced = False  # set when it was ended while its code ran: that code may do no more
        self._lock = threading.Lock()
        self._ready = False
        self._ended = False
        self._settling = False  # while the starter is told; a kill waits for that: no exit overtakes its "started"
        self._kill_pending = False
        self._start_timer: TimerHandle | None = None
        self._orphan_timer: TimerHandle | None = None
        self._started_at: float | None = None
        self._deferred: set[ReplyHandle] = set()
        self._stop_futures: list[AskFuture[Any]] = []  # callers of pykka's stop(), answered when all is over

    # What a cell can do, on any thread.

    @property
    def alive(self) -> bool:
        """True as long as it takes messages."""
        return not self.mailbox.closed

    def put(self, envelope: Envelope) -> None:
        """Take a message. Errors: ActorDeadError, MailboxFull."""
        if envelope.reply_to is not None:
            envelope.reply_to.to = self
        kind = type(envelope.message)
        if kind is ActorStop:
            envelope.exempt = True
        self.mailbox.put(envelope, Lane.SYSTEM if kind is Describe or kind in NEWS else Lane.USER)

    def exit_signal(
        self,
        sender: ActorRef | None,
        reason: ExitReason,
        *,
        incarnation: int = 0,
        report: ExitReport | None = None,
    ) -> None:
        """Take an exit signal; what it does is decided when its turn comes, or when that does not come in time."""
        traps = self.actor is not None and self.actor.trap_exit
        from_parent = sender is not None and sender is self.birth.parent
        signal = ExitSignal(Exit(sender, reason, incarnation, report))
        self._put_signal(signal, Lane.SYSTEM if traps and not from_parent else Lane.STOP)
        if from_parent and (traps or not isinstance(reason, Normal)):
            self._limit_orphanhood(signal, traps=traps)

    def down_signal(self, down: Down) -> None:
        """Take the end of something monitored."""
        self._put_signal(down, Lane.SYSTEM)

    def withdraw_down(self, monitor: int) -> None:
        """Forget what waits of this monitor."""
        self.mailbox.discard(lambda signal: isinstance(signal, MONITORED) and signal.monitor == monitor)

    def stop_request(self, reason: ExitReason, deadline: float | None) -> None:
        """Take a request to end."""
        self._put_signal(StopRequest(reason, deadline), Lane.STOP)

    def kill(self) -> None:
        """End at once with KILLED; a busy thread is abandoned."""
        self._cut(KILLED, None)

    # What its dispatcher can do.

    @property
    def label(self) -> str:
        """What to call its thread."""
        return self.ref.name

    def on_wake(self, wake: Callable[[], object]) -> None:
        """Learn how to wake the dispatcher."""
        self.mailbox.wake = wake

    def turn(self) -> bool:
        """Run until nothing is left to do. False: it is over."""
        before = enter_life(self)
        try:
            return run_turn(self)
        except BaseException as error:
            # What users raise is dealt with in `turn.py`: this is a mistake of ours, or of an `on_outcome`. It must be
            # seen, and it must not leave a life behind that nobody runs.
            reason = crash_of(error)
            self._reject(self._unanswered(), reason)
            self.close(reason)
            self.end(reason, error=error)
            raise
        finally:
            enter_life(before)

    def finished(self) -> None:
        """Hear that no thread runs it any more."""
        self.actor = None
        self.system.abandoned.ended(self)

    # What its actor and its turns can do, on its own thread.

    def defer_reply(self) -> ReplyHandle:
        """Take over answering the ask in hand."""
        envelope = self.mailbox.in_hand
        future = None if envelope is None else envelope.reply_to
        if future is not None:
            future.deferred = True
        return self.owe(future)

    def owe(self, future: AskFuture[Any] | None) -> ReplyHandle:
        """Be the one who answers it; if this life ends first, that is the answer."""
        self._deferred.add(handle := ReplyHandle(future, self._deferred.discard))
        return handle

    def unlink(self, peer: ActorRef) -> None:
        """Take a link back, and an Exit that came over it."""
        if self.system.relations.tied(self.ref, peer):
            return
        self.system.unlink(self.ref, peer)
        self.mailbox.discard(lambda message: isinstance(message, ExitSignal) and message.exit.sender is peer)

    def describe(self) -> Description:
        """Say what is known of every actor."""
        kind = self.ref.actor_class
        return Description(
            name=self.ref.name,
            urn=self.ref.urn,
            kind=f"{kind.__module__}.{kind.__qualname__}",
            state="running",
            incarnation=self.incarnation,
            waiting_messages=len(self.mailbox),
            uptime=self._uptime(),
            pid=os.getpid(),
        )

    @property
    def ready(self) -> bool:
        """True once its starter has been told so, for ever."""
        return self._ready

    # Beginning.

    def arm_start_timeout(self) -> None:
        """Let the clock end it if it is not ready in time. Called once, before a dispatcher has it."""
        clock = self.system.clock
        timeout = self.birth.start_timeout
        self._start_timer = clock.call_at(clock.now() + timeout, self._time_out)
        if self._ended:  # killed before this: nobody else will take the timer back
            self._disarm()

    def settle_started(self, info: object) -> None:
        """Tell the starter that it is ready; a kill that came in between waits until this is told."""
        with self._lock:
            if self._ended or self._ready:
                return
            self._ready = self._settling = True
        self._disarm()
        self._started_at = self.system.clock.now()
        before = enter_life(None)  # those who are told are not this actor
        try:
            self.system.bus.publish(ActorStarted(self.ref, self.incarnation))
            with suppress(ActorDeadError):  # who began it has ended; the link between them tells the rest
                self.birth.on_outcome(Started(self.ref, self.incarnation, info))
        finally:
            enter_life(before)
            with self._lock:
                self._settling = False
                killed = self._kill_pending
            if killed:
                self._cut(KILLED, None)

    def answer_when_over(self, stop: AskFuture[Any]) -> None:
        """Keep a caller of pykka's stop() waiting until it has ended."""
        self._stop_futures.append(stop)

    def fail_to_begin(self, error: Exception) -> None:
        """End a life that no dispatcher could take. Runs in: the thread of the starter."""
        self.mailbox.busy = False
        reason = crash_of(error)
        self.close(reason)
        self.end(reason, error=error)
        self.finished()

    # Ending.

    def is_over(self) -> bool:
        """Say whether its end is decided and announced, or being announced; any thread may have done that."""
        return self._ended

    def close(self, reason: ExitReason, stop: AskFuture[Any] | None = None) -> None:
        """Take no more messages; what waits becomes dead letters, asks are answered. The first step of an end."""
        left, _ = self.mailbox.close()
        if stop is not None:
            self._stop_futures.append(stop)
        self._reject((*self._unused_continuations(), *left), reason)

    def bury(self, envelope: Envelope) -> None:
        """Report a message that was in hand, unhandled, when a kill came."""
        self._reject((envelope,), KILLED)

    def end(self, reason: ExitReason, *, error: BaseException | None = None, ignored: bool = False) -> None:
        """Announce the end that its own turn has come to; not if somebody has killed it meanwhile.

        Runs in: its own thread, after `close` and the hook. Whoever is told now may find nobody running as it.
        """
        with self._lock:
            if self._ended:
                return
            self._ended = True
        before = enter_life(None)
        try:
            self._depart(reason, error, ignored=ignored)
        finally:
            enter_life(before)

    def _limit_orphanhood(self, signal: ExitSignal, *, traps: bool) -> None:
        """Cut it if it hangs: with its parent gone nobody else would, and its name would be taken for ever.

        One that traps exits is left alone once it has taken the signal: it has others to stop first.
        """

        def due() -> None:
            if not traps or self.mailbox.discard(lambda waiting: waiting is signal):
                self._cut(KILLED, None)

        clock = self.system.clock
        self._orphan_timer = clock.call_at(clock.now() + ORPHAN_SECONDS, due)
        if self._ended:
            self._orphan_timer.cancel()

    def _time_out(self) -> None:
        error = StartTimeout(self.ref, self.birth.start_timeout)
        self._cut(error.reason, error, only_starting=True)

    def _cut(self, reason: ExitReason, error: BaseException | None, *, only_starting: bool = False) -> None:
        """End it from outside of its turn."""
        own = current_life() is self
        with self._lock:
            if self._ended or (only_starting and self._ready):
                return
            if self._settling:
                self._kill_pending = True
                return
            self._ended = True
            left, busy = self.mailbox.close()
            unanswered = self._unanswered()
            self.fenced = busy and not own
        before = enter_life(None)  # as in `end`; who kills may be fenced itself, and a subscriber may send
        try:
            self._reject((*self._unused_continuations(), *unanswered, *left), reason)
            self._depart(reason, error, ignored=False)
        finally:
            enter_life(before)
        if self.fenced:
            gate = self.waiting_at
            if gate is not None:
                gate.open()
            self.system.abandoned.note(self)

    def _depart(self, reason: ExitReason, error: BaseException | None, *, ignored: bool) -> None:
        self._disarm()
        if self._orphan_timer is not None:
            self._orphan_timer.cancel()
        self.timers.close()
        for handle in tuple(self._deferred):
            handle.fail(ActorDeadError(self.ref, reason))
        report = ExitReport(uptime=self._uptime(), in_hand=self._in_hand())
        parent = self.birth.parent
        if not self._ready and parent is not None:
            self.system.relations.untie(self.ref, parent)
        self.system.announce_exit(self.ref, self.incarnation, reason, report)
        self.stopped.set()
        for future in self._stop_futures:
            future.try_set(None)
        if self._ready:
            return
        failed = StartFailed(self.ref, self.incarnation, reason, report, error)
        try:
            self.birth.on_outcome(Ignored(self.ref, self.incarnation) if ignored else failed)
        except ActorDeadError:
            return  # who began it has ended, and a dead letter says what it missed
        except Exception as raised:  # noqa: BLE001 - whoever ends this life has no part in it
            self.system.bus.publish(CallbackFailed(crash_of(raised)))

    def _reject(self, left: Iterable[Envelope], reason: ExitReason) -> None:
        for envelope in left:
            future = envelope.reply_to
            if type(envelope.message) is ActorStop:
                if future is not None:
                    self._stop_futures.append(future)
            elif future is not None:
                future.try_fail(ActorDeadError(self.ref, reason))
            elif envelope.timer is None and type(envelope.message) not in _SIGNALS:
                self.system.bus.publish(DeadLetter(self.ref, envelope.message, f"it ended first: {reason}"))

    def _unanswered(self) -> tuple[Envelope, ...]:
        """The ask in hand, if it is one; a tell in hand is not lost, it is being handled."""
        in_hand = self.mailbox.in_hand
        return () if in_hand is None or in_hand.reply_to is None else (in_hand,)

    def _unused_continuations(self) -> tuple[Envelope, ...]:
        unused = tuple(self.continuations)
        self.continuations.clear()
        return unused

    def _overflowed(self, envelope: Envelope, error: MailboxFull) -> None:
        if envelope.reply_to is not None:
            envelope.reply_to.try_fail(error)
        else:
            self.system.bus.publish(DeadLetter(self.ref, envelope.message, "mailbox full"))

    def _put_signal(self, message: object, lane: Lane) -> None:
        try:
            self.mailbox.put(Envelope(message), lane)
        except ActorDeadError:
            return  # signals to the dead are nothing, as in OTP

    def _disarm(self) -> None:
        if self._start_timer is not None:
            self._start_timer.cancel()

    def _uptime(self) -> float | None:
        return None if self._started_at is None else self.system.clock.now() - self._started_at

    def _in_hand(self) -> str | None:
        envelope = self.mailbox.in_hand
        return None if envelope is None else type(envelope.message).__name__


_SIGNALS = frozenset((ExitSignal, StopRequest, Down, *NEWS))
