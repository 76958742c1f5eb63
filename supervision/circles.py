"""Who would wait for themselves: an order that comes from below what it is to end, and whose sender waits for it.

What lives here: how a supervisor finds out, before it does anything. What must not: which requests wait for whose end
(`Mind.awaited_end`).
Differs from OTP, where such a call deadlocks until a timeout or a kill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..actors.control import Reply
from ..actors.errors import CallingSelf
from ..actors.events import Deadlocked
from ..actors.lineage import lineage, way_down
from ..actors.replies import waiting_asker

if TYPE_CHECKING:
    from ..actors.life import Life
    from ..actors.ref import ActorRef

__all__ = ("asking_branch", "refuse_circle")


def asking_branch(life: Life) -> ActorRef[Any] | None:
    """Which child of a supervisor's `life` has sent the ask in hand, or has somebody below it that has; None: nobody.

    Runs in: the supervisor's own thread. Never blocks. Shape: O(depth).
    """
    future = life.ask_in_hand()
    asker = None if future is None else future.asker
    below: ActorRef[Any] | None = None
    for ref in lineage(asker) if asker is not None else ():
        if ref is life.ref:
            return below
        below = ref
    return None


def refuse_circle(life: Life, ending: ActorRef[Any] | None) -> None:
    """Refuse the ask that a supervisor's `life` has in hand, if its asker waits and lives at or below `ending`.

    Runs in: the supervisor's own thread. Never blocks: parents are looked up, nobody is asked. Shape: O(depth).
    Errors: Reply, which answers with CallingSelf and lets the supervisor go on.
    """
    if ending is None:
        return
    asker = waiting_asker(life)
    if asker is None:
        return
    circle = way_down(ending, asker, asked=life.ref)
    if circle:
        life.system.bus.publish(Deadlocked(tuple(circle)))
        raise Reply(CallingSelf(*circle))
