"""What can be seen of an actor, and done with it, from outside: its numbers, its state, whether it goes on.

What lives here: the doors. What must not: what the actor answers (`inquiries.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from ..protocol.records import record
from .elsewhere import GetStatistics, ShowState, inquire, replace_elsewhere, statistics_elsewhere
from .errors import ActorDeadError, LivesElsewhere
from .hosting.seen import ListProcesses, ProcessesSeen
from .in_words import in_words
from .inquiries import GetState, ReplaceState, Resume, Suspend

if TYPE_CHECKING:
    from .life import Life
    from .ref import ActorRef

__all__ = ("Looking", "Statistics", "answered_aside", "local_life", "state_in_words", "statistics_of")

_ASIDE: Final = frozenset((GetStatistics, ListProcesses))


@record("regrow.statistics")
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
    life = _life_of(ref)
    if life is None:
        raise LivesElsewhere(ref, what)
    return life


def _life_of(ref: ActorRef[Any]) -> Life | None:
    """Give its life, None if that is one of another process. Errors: ActorDeadError."""
    from .life import Life

    cell = ref.cell
    if cell is None or not cell.alive:
        raise ActorDeadError(ref)
    return cell if isinstance(cell, Life) else None


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


def answered_aside(ref: ActorRef[Any], message: object) -> Statistics | ProcessesSeen | None:
    """Give the answer to a question that need not wait for the actor of this process. Runs in: any thread."""
    if type(message) not in _ASIDE:
        return None
    from .life import Life

    cell = ref.cell
    if not isinstance(cell, Life) or not cell.alive:
        return None
    if type(message) is GetStatistics:
        return statistics_of(cell)
    from .hosting.census import processes_of  # only where there are any

    return ProcessesSeen(processes_of(ref.system))


class Looking:
    """A part of every ActorRef.

    What waits does so as `ask`, with the system's `ask_timeout`; an actor is asked ahead of all messages of users.
    An actor of another process is looked at there: what can be sent as a message can be seen, and what its code raises
    comes as RemoteError.
    Errors: ActorDeadError; AskTimeout; CallingSelf.
    """

    def suspend(self) -> None:
        """Let it handle no messages of users until `resume()`: only signals, requests to stop, and what is asked here.

        pykka's `stop()` waits behind all messages, and so for `resume()`; `shutdown()` and `kill()` do not.
        Source: sys:suspend/1.
        """
        inquire(self._own(), Suspend())

    def resume(self) -> None:
        """Let it go on. Source: sys:resume/1."""
        inquire(self._own(), Resume())

    def get_state(self) -> Any:
        """Give what its `on_get_state` gives: by default a copy of its attributes. Source: sys:get_state/1.

        Errors: RemoteError with a CodecError that names the part of it that cannot be sent from another process.
        """
        ref = self._own()
        return inquire(ref, ShowState()).state if _life_of(ref) is None else inquire(ref, GetState())

    def replace_state(self, function: Callable[[Any], object]) -> Any:
        """Put what `function` makes of the state in its place; gives the new state. For repair and for tests.

        `function` runs in: the actor's turn. What it raises is raised here, and nothing is changed.
        Of an actor of another process it runs here, on a copy, and again if the state has changed meanwhile.
        Errors, then: CodecError for a state that cannot be sent; StateChanged.
        Source: sys:replace_state/2.
        """
        ref = self._own()
        if _life_of(ref) is None:
            return replace_elsewhere(ref, function)
        return inquire(ref, ReplaceState(function))

    def load(self) -> int:
        """How many messages it has that are not done: those that wait, and the one in hand.

        A moment's value that costs well under a microsecond; 0 for the dead, and where nobody can see: for an actor of
        another process that is not the root of it. Of a hosted process it counts all that its host has given it.
        """
        cell = cast("ActorRef[Any]", self).cell
        mailbox = getattr(cell, "mailbox", None)
        if cell is None or mailbox is None or not cell.alive:
            return 0
        return len(mailbox) + (mailbox.in_hand is not None)

    def statistics(self) -> Statistics:
        """Give its numbers. Waits for nobody, but for the process of an actor that lives in another one.

        Source: sys:statistics/2, erlang:process_info/2.
        """
        ref = self._own()
        life = _life_of(ref)
        return statistics_elsewhere(ref) if life is None else statistics_of(life)

    def _own(self) -> ActorRef[Any]:
        return cast("ActorRef[Any]", self)
