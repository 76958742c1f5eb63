"""How a life ends: by its own turn or from outside, and announced once.

Whoever sets `ended` under the lock, the life's own turn or a kill from outside, announces the exit; the other one finds
it set and keeps quiet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ..protocol.exits import KILLED, ExitReason, crash_of
from .current import FENCES, enter_life, here
from .errors import ActorDeadError, StartTimeout
from .events import CallbackFailed, DeadLetter
from .extras import Batch
from .in_words import in_words
from .mailbox import Envelope, reply_to_of
from .outcome import Ignored, StartFailed, StartOutcome
from .pykka_seam import ActorStop
from .signals import NEWS, Down, ExitReport, ExitSignal, StopRequest

if TYPE_CHECKING:
    from .life import Life

__all__ = (
    "ORPHAN_SECONDS",
    "bury",
    "came_late",
    "close",
    "cut",
    "disarm",
    "end",
    "limit_orphanhood",
    "reject",
    "time_out",
    "unanswered",
)

ORPHAN_SECONDS: Final = 5.0
"""What a life gets to end after its parent has, as the default Grace. Differs from OTP: there it ends at once."""

_SIGNALS: Final = frozenset((ExitSignal, Down, StopRequest, *NEWS))


def close(life: Life, reason: ExitReason) -> None:
    """Take no more messages; what waits becomes dead letters, asks are answered. The first step of an end."""
    left, _ = life.mailbox.close()
    if life.extras is not None:
        with life.lock:
            left = (*life.extras.take_stash(), *left)
    reject(life, left, reason)


def end(life: Life, reason: ExitReason, *, error: BaseException | None = None, ignored: bool = False) -> None:
    """Announce the end that its own turn has come to; not if somebody has killed it meanwhile.

    Runs in: its own thread, after `close` and the hook. Whoever is told now may find nobody running as it.
    """
    with life.lock:
        if life.ended:
            return
        life.ended = True
    before = enter_life(None)
    try:
        _depart(life, reason, error, ignored=ignored)
    finally:
        enter_life(before)


def cut(life: Life, reason: ExitReason, error: BaseException | None, *, only_starting: bool = False) -> None:
    """End it from outside of its turn. Runs in: any thread."""
    own = here().life is life
    with life.lock:
        if life.ended or (only_starting and life.ready):
            return
        if life.settling:
            life.kill_pending = True
            return
        life.ended = True
        left, running, after = life.mailbox.shut()
        asked = unanswered(life)
        extras = life.extras
        if extras is not None:
            left = (*extras.take_stash(), *left)
        if running and not own:
            FENCES.put_up()
            life.fenced = True
    after()
    if extras is not None and extras.kept is not None:
        left = (*extras.kept(), *left)
    before = enter_life(None)  # as in `end`; who kills may be fenced itself, and a subscriber may send
    try:
        reject(life, (*asked, *left), reason)
        _depart(life, reason, error, ignored=False)
    finally:
        enter_life(before)
    if life.fenced:
        life.system.abandoned.note(life)  # before those are let go who will come to their end by that
        gate = life.waiting_at
        if gate is not None:
            gate.open()
        life.dispatcher.cut(life)


def time_out(life: Life, timeout: float) -> None:
    """End it because it is not ready in time. Runs in: the clock's thread."""
    error = StartTimeout(life.ref, timeout)
    cut(life, error.reason, error, only_starting=True)


def limit_orphanhood(life: Life, signal: ExitSignal, *, traps: bool) -> None:
    """Cut it if it hangs: with its parent gone nobody else would, and its name would be taken for ever.

    One that traps exits is left alone once it has taken the signal: it has others to stop first.
    """

    def due() -> None:
        if not traps or life.mailbox.discard(lambda waiting: waiting is signal):
            cut(life, KILLED, None)

    clock = life.system.clock
    life.orphan_timer = clock.call_at(clock.now() + ORPHAN_SECONDS, due)
    if life.ended:
        life.orphan_timer.cancel()


def bury(life: Life, item: object) -> None:
    """Report a message that was in hand, unhandled, when a kill came."""
    reject(life, item if isinstance(item, Batch) else (item,), KILLED)


def came_late(life: Life, items: Iterable[object]) -> None:
    """Answer, or report, what was put while the mailbox closed."""
    for item in items:
        future = reply_to_of(item)
        if future is not None:
            future.try_fail(ActorDeadError(life.ref))
        elif not isinstance(item, Envelope):
            life.system.bus.publish(DeadLetter(life.ref, item, "not alive"))
        elif item.timer is None and type(item.message) not in _SIGNALS:
            life.system.bus.publish(DeadLetter(life.ref, item.message, "not alive"))


def reject(life: Life, left: Iterable[object], reason: ExitReason) -> None:
    """Answer, or report, what will not be handled because the life is over."""
    for item in left:
        if not isinstance(item, Envelope):
            life.system.bus.publish(DeadLetter(life.ref, item, f"it ended first: {reason}"))
            continue
        future = item.reply_to
        if type(item.message) is ActorStop:
            if future is not None:
                life.answer_when_over(future)
        elif future is not None:
            future.try_fail(ActorDeadError(life.ref, reason))
        elif item.timer is None and type(item.message) not in _SIGNALS:
            life.system.bus.publish(DeadLetter(life.ref, item.message, f"it ended first: {reason}"))


def unanswered(life: Life) -> tuple[object, ...]:
    """The ask in hand, if it is one; a tell in hand is not lost, it is being handled."""
    in_hand = life.mailbox.in_hand
    return () if reply_to_of(in_hand) is None else (in_hand,)


def _depart(life: Life, reason: ExitReason, error: BaseException | None, *, ignored: bool) -> None:
    disarm(life)
    if life.orphan_timer is not None:
        life.orphan_timer.cancel()
    life.drop_timers()
    if life.extras is not None:
        life.extras.close()
    life.give_up_answers(reason)
    report = ExitReport(uptime=life.uptime(), in_hand=in_words(life.mailbox.in_hand))
    if not life.ready and life.parent is not None:
        life.system.relations.untie(life.ref, life.parent)
    life.system.announce_exit(life.ref, life.incarnation, reason, report)
    life.stopped_now()
    for future in life.stop_futures:
        future.try_set(None)
    if life.ready:
        return
    outcome: StartOutcome = StartFailed(life.ref, life.incarnation, reason, report, error)
    try:
        life.on_outcome(Ignored(life.ref, life.incarnation) if ignored else outcome)
    except ActorDeadError:
        return  # who began it has ended, and a dead letter says what it missed
    except Exception as raised:  # noqa: BLE001 - whoever ends this life has no part in it
        life.system.bus.publish(CallbackFailed(crash_of(raised)))


def disarm(life: Life) -> None:
    """Take the start's timer back."""
    if life.start_timer is not None:
        life.start_timer.cancel()
        life.start_timer = None
