"""One life of one local actor: what others can do to it, and what it knows of itself.

What lives here: the state of a life, and the doors to it. What must not: how it begins (`beginning.py`), how messages
are handled (`turn.py`), how it ends (`ending.py`), which hook an end runs (`actor.HOOKS`), threads (`dispatchers/`),
what an exit sets off elsewhere (`relations.py`).

There may be a million of them: what few of them need is made when it is needed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ..protocol.exits import KILLED, ExitReason, Normal, crash_of
from .bounded import make_mailbox
from .child_spec import Start
from .current import FENCES
from .describe import Description
from .ending import came_late, close, cut, end, limit_orphanhood, reject, unanswered
from .errors import ActorDeadError, MailboxFull
from .events import DeadLetter, MailboxHigh, MailboxLow
from .extras import Extras, extras_of
from .inquiries import INQUIRIES
from .mailbox import Envelope, Lane, Mailbox, reply_to_of
from .outcome import StartOutcome
from .pykka_seam import ActorStop
from .replies import UNWANTED, ReplyHandle
from .signals import MONITORED, NEWS, Down, Exit, ExitReport, ExitSignal, StopRequest
from .timers import TimerSet

if TYPE_CHECKING:
    from .actor import Actor
    from .beginning import Birth
    from .clock import TimerHandle
    from .dispatchers.bell import Waiter
    from .dispatchers.dispatcher import Dispatcher
    from .futures import AskFuture, Gate
    from .pace import Pace
    from .ref import ActorRef
    from .system import ActorSystem

__all__ = ("Life",)


class Life:
    """Implements Cell (for everybody) and Owner (for its mailbox). One turn at a time, on any thread."""

    __slots__ = (
        "_deferred",
        "_stopped",
        "_timers",
        "actor",
        "announced",
        "born",
        "coroutine",
        "dispatcher",
        "ended",
        "extras",
        "fenced",
        "handled",
        "incarnation",
        "kill_pending",
        "lingers",
        "lock",
        "mailbox",
        "movable",
        "on_outcome",
        "orphan_timer",
        "pace",
        "parent",
        "place",
        "ready",
        "ref",
        "settling",
        "start",
        "start_deferred",
        "start_refused",
        "start_timer",
        "started_at",
        "stop_futures",
        "system",
        "thread_over",
        "waiting_at",
        "waiting_for",
    )

    def __init__(
        self, system: ActorSystem, ref: ActorRef, incarnation: int, birth: Birth, dispatcher: Dispatcher, pace: Pace
    ) -> None:
        self.system = system
        self.ref = ref
        self.incarnation = incarnation
        self.start: Start | None = birth.start  # None once it has been constructed: what it was given is its own affair
        self.parent = birth.parent
        self.on_outcome: Callable[[StartOutcome], None] = birth.on_outcome
        self.dispatcher = dispatcher
        self.pace = pace
        self.movable = birth.dispatcher is None
        self.place: Any = None  # for the dispatcher: where it sleeps
        self.lingers: Callable[[Waiter], object] | None = None  # where its own thread may wait for the next message
        self.lock = threading.Lock()
        self.mailbox: Mailbox = make_mailbox(self, self.lock, birth.mailbox)
        self.actor: Actor | None = None  # set while a dispatcher runs it
        self.handled = 0  # messages
        self.born = False  # set by the first turn
        self.start_deferred = self.start_refused = False  # set by Actor.defer_start and by StartHandle.fail
        self.waiting_for: AskFuture[Any] | None = None  # set while its thread waits for an answer
        self.waiting_at: Gate | None = None  # set while its thread waits for an answer: a kill opens it
        self.coroutine: object = None  # set by the dispatcher while one of it runs
        self.thread_over = False  # set when no thread runs it any more
        self.fenced = False  # set when it was ended while its code ran: that code may do no more
        self.ready = False  # once its starter has been told so, for ever
        self.ended = False  # its end is decided; who has set this announces it
        self.announced = False
        self.settling = False  # while the starter is told; a kill waits for that: no exit overtakes its "started"
        self.kill_pending = False
        self.start_timer: TimerHandle | None = None
        self.orphan_timer: TimerHandle | None = None
        self.started_at: float | None = None
        self.extras: Extras | None = None
        self.stop_futures: tuple[AskFuture[Any], ...] = ()  # callers of pykka's stop(), answered when all is over
        self._deferred: set[ReplyHandle] | None = None
        self._stopped: threading.Event | None = None
        self._timers: TimerSet | None = None

    def __str__(self) -> str:
        return str(self.ref)

    # What a cell can do, on any thread.

    @property
    def alive(self) -> bool:
        """True as long as it takes messages."""
        return not self.mailbox.closed

    @property
    def direct(self) -> Mailbox | None:
        """The mailbox, if all there is to sending is to append to it."""
        refuses = self.extras is not None and self.extras.refuses is not None
        return self.mailbox if self.mailbox.plain and not refuses else None

    @property
    def full(self) -> bool:
        """Whether its mailbox is full, and does not help itself."""
        return self.mailbox.full

    def put(self, envelope: Envelope) -> None:
        """Take a message. Errors: ActorDeadError, MailboxFull."""
        if envelope.reply_to is not None:
            envelope.reply_to.to = self
        kind = type(envelope.message)
        if kind is ActorStop:
            envelope.exempt = True
        if kind in _AHEAD:
            self.mailbox.put(envelope, Lane.SYSTEM)
            return
        if self.extras is not None and self.extras.refuses is not None and not envelope.exempt:
            raise ActorDeadError(self.ref, self.extras.refuses)
        self.mailbox.put(envelope)

    def refuse_new(self, reason: ExitReason) -> None:
        """Take no more messages of users, as if it had ended for `reason`; what waits is still handled.

        Those get in whose senders were on their way already. Runs in: any thread.
        """
        extras_of(self).refuses = reason
        self.ref.bind(self)

    def turn_down(self, items: Iterable[object]) -> None:
        """Answer, or report, what it cannot handle any more, because it was killed."""
        reject(self, items, KILLED)

    def note_out(self, message: object, to: ActorRef) -> None:
        """Hear that its code sends."""
        if self.extras is not None:
            self.extras.taps.note("out", message, to)

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
        from_parent = sender is not None and sender is self.parent
        signal = ExitSignal(Exit(sender, reason, incarnation, report))
        self._put_signal(signal, Lane.SYSTEM if traps and not from_parent else Lane.STOP)
        if from_parent and (traps or not isinstance(reason, Normal)):
            limit_orphanhood(self, signal, traps=traps)

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
        cut(self, KILLED, None)

    # What its mailbox tells it.

    def woken(self) -> None:
        """Have a turn."""
        self.dispatcher.wake(self)

    def overflowed(self, item: object, error: MailboxFull) -> None:
        """Answer, or report, what a full mailbox had to drop."""
        future = reply_to_of(item)
        if future is not None:
            future.try_fail(error)
        else:
            message = item.message if isinstance(item, Envelope) else item
            self.system.bus.publish(DeadLetter(self.ref, message, "mailbox full"))

    def came_late(self, items: Iterable[object]) -> None:
        """Answer, or report, what was put while it ended."""
        came_late(self, items)

    def water(self, waiting: int, *, high: bool) -> None:
        """Say that many messages wait, or no longer."""
        event = MailboxHigh(self.ref, waiting) if high else MailboxLow(self.ref, waiting)
        self.system.bus.publish(event)

    # What its dispatcher can do.

    @property
    def label(self) -> str:
        """What to call its thread."""
        return self.ref.name

    def move(self, kind: type[Actor], start: Start) -> None:
        """Be run where its class says, which was known only when it was imported. Runs in: its first turn."""
        self.start = start
        self.born = self.movable = False
        self.dispatcher = self.system.dispatchers.get(kind.dispatcher)
        self.pace = self.system.dispatchers.pace(self.dispatcher.name, kind)
        self.ref.actor_class = kind
        self.mailbox.hand_over()
        self.dispatcher.launch(self)

    def may_move(self) -> bool:
        """Say whether it may still turn out, as it is born, that it is to run elsewhere: its class is not known yet."""
        start = self.start
        return self.movable and start is not None and not isinstance(start.target, type)

    def awaits(self) -> bool:
        """Say whether a coroutine of it runs."""
        return self.coroutine is not None

    def broken(self, error: BaseException) -> None:
        """End because of a mistake of ours, or of an `on_outcome`: what users raise is dealt with in `turn.py`.

        It must be seen, and it must not leave a life behind that nobody runs.
        """
        reason = crash_of(error)
        reject(self, unanswered(self), reason)
        close(self, reason)
        end(self, reason, error=error)

    def finished(self) -> None:
        """Hear that no thread runs it any more."""
        self.actor = None
        self.coroutine = None
        if self.fenced:
            FENCES.take_down()
        self.system.abandoned.ended(self)

    # What its actor and its turns can do, on its own thread.

    @property
    def timers(self) -> TimerSet:
        """Its timers."""
        if self._timers is None:
            with self.lock:
                if self._timers is None:
                    self._timers = TimerSet(self.system.clock, self.mailbox)
            if self.ended:
                self._timers.close()
        return self._timers

    def drop_timers(self) -> None:
        """Cancel all of them, for good."""
        if self._timers is not None:
            self._timers.close()

    @property
    def stopped(self) -> threading.Event:
        """What pykka's code looks at to see whether it has ended."""
        with self.lock:
            if self._stopped is None:
                self._stopped = threading.Event()
            stopped = self._stopped
        if self.announced:  # asked second: `stopped_now` says it first, and looks second whether there is an event
            stopped.set()
        return stopped

    def stopped_now(self) -> None:
        """Let those know who look at it."""
        self.announced = True
        stopped = self._stopped
        if stopped is not None:
            stopped.set()

    def ask_in_hand(self) -> AskFuture[Any] | None:
        """Give where the answer to the message in hand goes; None if nobody wants one."""
        return reply_to_of(self.mailbox.in_hand)

    def continue_with(self, message: object) -> None:
        """Have `message` handled next; none of it comes if the life ends first."""
        self.mailbox.put(Envelope(message), Lane.NEXT)

    def defer_reply(self) -> ReplyHandle:
        """Take over answering the ask in hand."""
        future = self.ask_in_hand()
        if future is None:
            return UNWANTED
        future.deferred = True
        return self.owe(future)

    def owe(self, future: AskFuture[Any] | None) -> ReplyHandle:
        """Be the one who answers it; if this life ends first, that is the answer."""
        if self._deferred is None:
            self._deferred = set()
        self._deferred.add(handle := ReplyHandle(future, self._deferred.discard))
        return handle

    def give_up_answers(self, reason: ExitReason) -> None:
        """Tell those whose answers it owes that there will be none."""
        for handle in tuple(self._deferred) if self._deferred else ():
            handle.fail(ActorDeadError(self.ref, reason))

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
            state="running" if self.extras is None or not self.extras.suspended else "suspended",
            incarnation=self.incarnation,
            waiting_messages=len(self.mailbox),
            uptime=self.uptime(),
            pid=os.getpid(),
        )

    def uptime(self) -> float | None:
        """Seconds since it was ready."""
        return None if self.started_at is None else self.system.clock.now() - self.started_at

    # Ending.

    def answer_when_over(self, stop: AskFuture[Any]) -> None:
        """Keep a caller of pykka's stop() waiting until it has ended."""
        self.stop_futures = (*self.stop_futures, stop)

    def is_over(self) -> bool:
        """Say whether its end is decided and announced, or being announced; any thread may have done that."""
        return self.ended

    def _put_signal(self, message: object, lane: Lane) -> None:
        try:
            self.mailbox.put(Envelope(message), lane)
        except ActorDeadError:
            return  # signals to the dead are nothing, as in OTP


_AHEAD: Final = NEWS | INQUIRIES
