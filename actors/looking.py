"""What can be seen of an actor, and done with it, from outside: its numbers, its state, whether it goes on.

What lives here: the doors. What must not: what the actor answers (`inquiries.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .errors import ActorDeadError, LivesElsewhere
from .in_words import in_words
from .inquiries import GetState, ReplaceState, Resume, Suspend

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = ("Looking", "Statistics", "local_life", "state_in_words", "statistics_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Numbers of one life, of a moment: nobody is asked, so they can be had of one that is stuck, too."""

    state: str  # "starting", "idle", "running", "suspended", "ending"
    handled: int  # messages of users; those of the turn that runs are counted when it ends
    waiting: int  # in the mailbox
    stashed: int
    in_hand: str | None  # the type of the message that is being handled
    incarnation: int
    restarts: int  # lives before this one
    uptime: float | None  # seconds since ready
    dispatcher: str


def local_life(ref: ActorRef[Any], what: str) -> Life:
    """Give the life of an actor of this process. Errors: ActorDeadError; LivesElsewhere."""
    from .life import Life

    cell = ref.cell
    if ref.lives_elsewhere or (cell is not None and not isinstance(cell, Life)):
        raise LivesElsewhere(ref, what)
    if not isinstance(cell, Life) or not cell.alive:
        raise ActorDeadError(ref)
    return cell


def state_in_words(life: Life) -> str:
    """Say what a life does. Runs in: any thread."""
    if life.ended or life.mailbox.closed:
        return "ending"
    if not life.ready:
        return "starting"
    if life.extras is not None and life.extras.suspended:
        return "suspended"
    return "idle" if life.mailbox.idle else "running"


def statistics_of(life: Life) -> Statistics:
    """Count. Runs in: any thread; never blocks."""
    return Statistics(
        state=state_in_words(life),
        handled=life.handled,
        waiting=len(life.mailbox),
        stashed=0 if life.extras is None else len(life.extras.stashed),
        in_hand=in_words(life.mailbox.in_hand),
        incarnation=life.incarnation,
        restarts=life.incarnation - 1,
        uptime=life.uptime(),
        dispatcher=life.dispatcher.name,
    )


class Looking:
    """A part of every ActorRef, for actors of this process: of others all of it raises LivesElsewhere.

    What waits for the actor does so as `ask`, with the system's `ask_timeout`, and goes ahead of all messages of users.
    Errors: ActorDeadError; AskTimeout; CallingSelf.
    """

    def suspend(self) -> None:
        """Let it handle no messages of users until `resume()`: only signals, requests to stop, and what is asked here.

        pykka's `stop()` waits behind all messages, and so for `resume()`; `shutdown()` and `kill()` do not.
        Source: sys:suspend/1.
        """
        self._inquire(Suspend(), "suspend()")

    def resume(self) -> None:
        """Let it go on. Source: sys:resume/1."""
        self._inquire(Resume(), "resume()")

    def get_state(self) -> Any:
        """Give what its `on_get_state` gives: by default a copy of its attributes. Source: sys:get_state/1."""
        return self._inquire(GetState(), "get_state()")

    def replace_state(self, function: Callable[[Any], object]) -> Any:
        """Put what `function` makes of the state in its place; gives the new state. For repair and for tests.

        `function` runs in: the actor's turn. What it raises is raised here, and nothing is changed.
        Source: sys:replace_state/2.
        """
        return self._inquire(ReplaceState(function), "replace_state()")

    def statistics(self) -> Statistics:
        """Give its numbers; never waits. Source: sys:statistics/2, erlang:process_info/2."""
        return statistics_of(local_life(cast("ActorRef[Any]", self), "statistics()"))

    def _inquire(self, question: object, what: str) -> Any:
        ref = cast("ActorRef[Any]", self)
        local_life(ref, what)
        return ref.ask(question, timeout=ref.system.ask_timeout)
