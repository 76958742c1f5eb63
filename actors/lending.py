"""Whoever waits for an answer runs the one who has to give it, on his own thread: no change of threads, no wait.

What lives here: when that is right. What must not: the turn itself. Only dispatchers that say so lend their lives
(`Dispatcher.lends`), only classes whose handlers have been quick so far (`Pace`), and only to those who wait without a
deadline of their own: a handler that runs on the asker's thread cannot be left behind when a time is over.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from ..protocol.exits import KILLED
from .control import ActorExit
from .current import here
from .errors import CallingSelf

if TYPE_CHECKING:
    from .futures import AskFuture
    from .life import Life

__all__ = ("DEPTH_MAX", "lend", "may_lend")

DEPTH_MAX: Final = 16
"""Turns inside each other on one thread: each of them takes stack. Beyond, the next one gets a thread of its own."""


def may_lend(life: Life) -> bool:
    """Say whether this thread may run a turn of `life` now."""
    if here.depth >= DEPTH_MAX or not life.pace.trusted:
        return False
    asyncio_events = sys.modules.get("asyncio.events")
    return asyncio_events is None or asyncio_events._get_running_loop() is None


def lend(life: Life, future: AskFuture[Any]) -> bool:
    """Run turns of `life` here until `future` has its answer. Gives False if it has none yet, and must be waited for.

    Errors: CallingSelf; ActorExit if who waits has been killed meanwhile.
    """
    if not may_lend(life):
        return False
    waiting = here.life
    if waiting is not None:
        waiting.waiting_for = future
    try:
        if waiting is not None and (circle := future.find_circle(waiting)):
            raise CallingSelf(*circle)
        if not life.mailbox.seize():
            return False
        here.depth += 1
        try:
            life.lent()
        finally:
            here.depth -= 1
        if waiting is not None and waiting.fenced:
            raise ActorExit(KILLED, killed=True)
        return future.done
    finally:
        if waiting is not None:
            waiting.waiting_for = None
