"""Asking one who sleeps: the asker seizes his turn before he is called, so that nobody else need wake up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..protocol.exits import KILLED
from .control import ActorExit
from .futures import AskFuture
from .lending import run_lent
from .mailbox import Envelope

if TYPE_CHECKING:
    from .current import Here
    from .life import Life

__all__ = ("ask_here",)


def ask_here(life: Life, message: object, me: Here) -> AskFuture[Any] | None:
    """Ask one who sleeps, and run him until he sleeps again. Gives None if he cannot be lent, and has not been asked.

    The answer may still be missing: he may have deferred it. Errors: ActorExit, and an interrupt, as `lend`.
    """
    box = life.mailbox
    if not life.dispatcher.lends_here(life, me, exact=False) or not box.seize_idle():
        return None
    future: AskFuture[Any] = AskFuture(life)
    future.waits = True
    box.user.append(Envelope(message, future))
    if box.gone:  # killed at this moment: his turn finds nothing to do
        life.came_late(box.drain())
    asker = me.life
    if asker is None:
        run_lent(life, me)
        return future
    future.asker = asker.ref
    asker.waiting_for = future
    try:
        run_lent(life, me)
    finally:
        asker.waiting_for = None
    if asker.fenced:
        raise ActorExit(KILLED, killed=True)
    return future
