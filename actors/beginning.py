"""How a life begins: what is needed for it, in what time, and who is told that it is ready."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from ..protocol.exits import KILLED, crash_of
from .child_spec import Start
from .current import enter_life
from .ending import close, cut, disarm, end, time_out
from .errors import ActorDeadError
from .events import ActorStarted
from .mailbox_options import UNBOUNDED, MailboxOptions
from .outcome import Started, StartOutcome

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = ("Birth", "arm_start_timeout", "fail_to_begin", "settle_started")


def _told_already(outcome: StartOutcome) -> None:
    raise AssertionError(f"a start has one outcome, got another one: {outcome}")


@dataclass(slots=True, kw_only=True)
class Birth:
    """All that is needed to begin one life. Not frozen, because that triples the time to make one."""

    start: Start
    start_timeout: float  # seconds
    parent: ActorRef | None
    on_outcome: Callable[[StartOutcome], None]
    mailbox: MailboxOptions = UNBOUNDED
    supervised: bool = False  # by `parent`: nothing cuts that link
    dispatcher: str | None = None  # its name; None: the class's own, else the system's
    waited: bool = False  # for it, by its starter, who does nothing else: it may start on his thread
    exact: bool = False  # the starter has set a time of his own


def arm_start_timeout(life: Life, timeout: float) -> None:
    """Let the clock end it if it is not ready in time. Called once."""
    if timeout == inf:
        return
    clock = life.system.clock
    life.start_timer = clock.call_at(clock.now() + timeout, lambda: time_out(life, timeout))
    if life.ended or life.ready:  # by now: nobody else will take the timer back
        disarm(life)


def settle_started(life: Life, info: object) -> None:
    """Tell the starter that it is ready; a kill that came in between waits until this is told."""
    with life.lock:
        if life.ended or life.ready:
            return
        life.ready = life.settling = True
    disarm(life)
    life.started_at = life.system.clock.now()
    before = enter_life(None)  # those who are told are not this actor
    try:
        bus = life.system.bus
        if bus.wants(ActorStarted):
            bus.publish(ActorStarted(life.ref, life.incarnation))
        told, life.on_outcome = life.on_outcome, _told_already
        told(Started(life.ref, life.incarnation, info))
    except ActorDeadError:
        pass  # who began it has ended; the link between them tells the rest
    finally:
        enter_life(before)
        with life.lock:
            life.settling = False
            killed = life.kill_pending
        if killed:
            cut(life, KILLED, None)


def fail_to_begin(life: Life, error: Exception) -> None:
    """End a life that no dispatcher could take. Runs in: the thread of the starter."""
    reason = crash_of(error)
    close(life, reason)
    end(life, reason, error=error)
    life.finished()
