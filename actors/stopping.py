"""Stopping a whole system in order: last started first, one deadline for all."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from ..protocol.exits import SHUTDOWN
from .clock import monotonic
from .current import current_life, here
from .errors import BlockingLoop, CallingSelf
from .events import ActorExited
from .lending import run_lent
from .life import Life

if TYPE_CHECKING:
    from .ref import ActorRef
    from .system import ActorSystem

__all__ = ("refuse_own_actor", "refuse_own_loop", "stop_everything")

IN_ORDER_SHARE: Final = 0.8  # of the time, for stopping one root after the other


def refuse_own_actor(system: ActorSystem) -> None:
    """Errors: CallingSelf if one of the system's own actors wants to wait for the end of all actors."""
    life = current_life()
    if life is not None and life.system is system:
        raise CallingSelf(str(life.ref))


def refuse_own_loop(system: ActorSystem) -> None:
    """Errors: BlockingLoop if this is the thread of the event loop that some actor would have to end on."""
    for ref in system.relations.living():
        dispatcher = getattr(ref.cell, "dispatcher", None)  # one in another process has none
        if dispatcher is not None and dispatcher.would_block():
            expected = "`async with ActorSystem(...)` or `await asyncio.to_thread(system.shutdown)`"
            raise BlockingLoop(ref, expected=expected, got="a shutdown that blocks")


def stop_everything(system: ActorSystem, deadline: float) -> None:
    """Ask the roots to end, one after the other; then those left, all at once; then kill who is still there.

    The last part of the time is kept for those behind a root that hangs, so that one hanger does not cost the others
    their cleanup.
    """
    start = monotonic()
    in_order_until = start + (deadline - start) * IN_ORDER_SHARE
    exits = threading.Condition()

    def heard(_event: object) -> None:
        with exits:
            exits.notify_all()

    def wait_gone(ref: ActorRef, until: float) -> bool:
        with exits:
            while system.relations.is_living(ref):
                if not exits.wait(max(0.0, until - monotonic())):
                    return not system.relations.is_living(ref)
        return True

    unsubscribe = system.bus.subscribe(heard, ActorExited)
    try:
        for ref in reversed(system.roots):
            _shut_down(ref, deadline)
            if not wait_gone(ref, in_order_until):
                break
        left = tuple(reversed(system.roots))
        for ref in left:
            ref.shutdown(SHUTDOWN, deadline=deadline)
        for ref in left:
            wait_gone(ref, deadline)
    finally:
        unsubscribe()
    for ref in reversed(system.relations.living()):
        ref.kill()


def _shut_down(ref: ActorRef, deadline: float) -> None:
    """Ask it to end. One that sleeps, could be lent and runs no code of its own at its end does so on this thread."""
    life, me = ref.cell, here()
    actor = life.actor if isinstance(life, Life) else None
    if (
        isinstance(life, Life)
        and actor is not None
        and actor.ends_plainly()
        and life.dispatcher.lends_here(life, me, exact=False)
        and life.mailbox.seize_idle()
    ):
        ref.shutdown(SHUTDOWN, deadline=deadline)
        run_lent(life, me)
    else:
        ref.shutdown(SHUTDOWN, deadline=deadline)
