"""Whoever waits for an answer runs the one who has to give it, on his own thread: no change of threads, no wait.

What lives here: how. What must not: the turn itself, and when that is right, which its dispatcher says: the pool lends
only lives of classes whose handlers have been quick so far (`Pace`), and only to those who wait without a deadline of
their own, because a handler that runs on the asker's thread cannot be left behind when a time is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..protocol.exits import KILLED
from .control import ActorExit
from .current import Here, here
from .errors import CallingSelf
from .events import Deadlocked

if TYPE_CHECKING:
    from .futures import AskFuture
    from .life import Life

__all__ = ("lend", "run_lent")

TURNS_MAX: Final = 64
"""Messages ahead of the one whose answer is waited for that are handled to get there."""


def run_lent(life: Life, me: Here) -> None:
    """Run a turn of a life, seized, on this thread. Errors: an interrupt that was meant for it."""
    me.depth += 1
    try:
        life.dispatcher.run_here(life, me)
    finally:
        me.depth -= 1
    interrupt = me.interrupt
    if interrupt is not None:
        me.interrupt = None
        raise interrupt


def lend(life: Life, future: AskFuture[Any], *, exact: bool) -> bool:
    """Run a turn of one who was asked already. Gives False if `future` has no answer yet, and must be waited for.

    Errors: CallingSelf; ActorExit if who waits has been killed meanwhile; an interrupt meant for this thread.
    """
    me = here()
    if not life.dispatcher.lends_here(life, me, exact=exact):
        return False
    waiting = me.life
    if waiting is None:
        _run_until_answered(life, future, me)
        return future.done
    waiting.waiting_for = future
    try:
        circle = future.find_circle(waiting)
        if circle:
            waiting.system.bus.publish(Deadlocked(circle))
            raise CallingSelf(*circle)
        _run_until_answered(life, future, me)
        if waiting.fenced:
            raise ActorExit(KILLED, killed=True)
        return future.done
    finally:
        waiting.waiting_for = None


def _run_until_answered(life: Life, future: AskFuture[Any], me: Here) -> None:
    """Run turn after turn, for there may be messages ahead of the one that `future` is of; but not for ever."""
    for _ in range(TURNS_MAX):
        if not life.mailbox.seize():
            return
        run_lent(life, me)
        if future.done or life.mailbox.idle:
            return
