"""Who waits for whom: the walk that finds out whether somebody would wait for himself.

What lives here: looking, at any moment, from any thread, without asking anybody. A life waits for one thing at a time:
for an answer, which comes from a life that is not itself waiting, or, where that one has put it off, with the end or
with the start of another; or for a start. What must not: what an answer is (`futures.py`).
Who lives in another process is not known here: waits that lead there are bounded by their times alone.
Differs from OTP, where such a circle ends with the first timeout in it, if there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .errors import CallingSelf
from .events import Deadlocked
from .lineage import lineage, way_down

if TYPE_CHECKING:
    from .futures import AskFuture
    from .life import Life
    from .ref import ActorRef

__all__ = ("circle_of", "end_circle")

LONGEST: Final = 64
"""Waits that are followed: a chain of so many is no circle that anybody can read."""


def circle_of(future: AskFuture[Any], life: Life) -> list[str]:
    """Who waits for whom, if that leads back to `life`, which is about to wait for `future`; else an empty list.

    Answers that were put off may come from anywhere: no circle, unless it is known what they come with.
    """
    names: list[str] = []
    waits: AskFuture[Any] | None = future
    while waits is not None and not waits.done and len(names) <= LONGEST:
        to = waits.to  # once: who has the question in hand may be handing it on at this moment
        if to is not None:
            names.append(str(to.ref))
        if waits.until_start_of is not None:
            waits, found = _through_starts(waits.until_start_of, life, names)
            if found:
                return names
        elif waits.until_end_of is not None:
            if to is not None and _ends_with(life, waits.until_end_of):
                return [*names[:-1], *way_down(waits.until_end_of, life.ref, asked=to.ref)]
            return []
        elif waits.deferred or to is None:
            return []
        elif to is life:
            return names
        else:
            waits = to.waiting_for
    return []


def end_circle(started: ActorRef[Any]) -> None:
    """Refuse the wait that the start of somebody is held up by, if it is known only now that this is a circle.

    Runs in: the thread of who has just said whose start is waited for.
    """
    ref: ActorRef[Any] | None = started
    for _ in range(LONGEST):
        life = _starting(ref)
        if life is None:
            return
        waits = life.waiting_for
        if waits is not None and waits.until_start_of is None:
            circle = tuple(circle_of(waits, life))
            if circle and waits.try_fail(CallingSelf(*circle)):
                life.system.bus.publish(Deadlocked(circle))
            return
        ref = _starts_with(life) if waits is None else waits.until_start_of


def _through_starts(ref: ActorRef[Any] | None, life: Life, names: list[str]) -> tuple[AskFuture[Any] | None, bool]:
    """Go on from a start that is waited for to what holds it up; say whether that led to `life`."""
    who = _starting(ref)
    while who is not None and len(names) <= LONGEST:
        names.append(str(who.ref))
        if who is life:
            return None, True
        if who.waiting_for is not None:
            return who.waiting_for, False
        who = _starting(_starts_with(who))
    return None, False


def _starting(ref: ActorRef[Any] | None) -> Life | None:
    """Give the life that begins there, None if there is none, or not any more."""
    from .life import Life

    cell = None if ref is None else ref.cell
    return cell if isinstance(cell, Life) and not cell.ready and not cell.ended else None


def _starts_with(life: Life) -> ActorRef[Any] | None:
    """Whose start the start of this one waits for."""
    return None if life.extras is None else life.extras.starts_with


def _ends_with(life: Life, top: ActorRef[Any]) -> bool:
    """Say whether the end of `top` waits for the end of `life`: all from there down to it are supervised."""
    below = life.ref
    for above in lineage(life.ref):
        if above is not below and not life.system.relations.tied(below, above):
            return False
        if above is top:
            return True
        below = above
    return False
