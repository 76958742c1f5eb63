"""What every dispatcher does with a turn: have it run on this thread, and leave the life as it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..rest import MORE, OVER, Rest
from ..turn import run_turn
from .dispatcher import report_mistake

if TYPE_CHECKING:
    from ..current import Here
    from ..life import Life

__all__ = ("leave", "lent_limit", "take_turn")


def take_turn(life: Life, me: Here, limit: int) -> Rest:
    """Run a turn of a life on this thread, which `me` is. A mistake of ours ends that life, and is seen."""
    before, me.life = me.life, life
    try:
        return run_turn(life, limit)
    except BaseException as error:  # noqa: BLE001 - a mistake of ours; the others have their turn all the same
        life.broken(error)
        report_mistake(error)
        return OVER
    finally:
        me.life = before


def leave(life: Life, rest: Rest) -> None:
    """Let a life wait for its next turn, or be over."""
    if rest is MORE:
        life.mailbox.pause()
    elif rest is OVER:
        life.finished()


def lent_limit(life: Life) -> int:
    """How many messages a turn may handle for somebody who waits: a birth none, else one.

    What he waits for may be there then. He can answer nobody until this turn is over, so it must not go on to a handler
    that asks him.
    """
    return 1 if life.born else 0
