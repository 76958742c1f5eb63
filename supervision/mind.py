"""What every kind of supervisor's mind has in common: events in, commands out, and what becomes of one child's news.

What lives here: the one entry, `receive(event, now)`, and whom it asks. What must not: I/O; what is decided differently
by a supervisor with fixed children (core.py) and one without (dynamic_core.py).
Read next: child.py (a row of the table), states.py (its states), plans.py, lives.py, restarts.py.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, assert_never

from . import commands as do
from . import core_events as ev
from .core_state import CoreState
from .ending import end
from .lives import begun, ended, failed, give_up_waiting, ignored, ready, reset_backoff
from .plans import Ending, GroupRestart
from .reconfigure import note_answer
from .requests import Request, TerminateChild
from .restarts import attempt
from .results import ChildInfo
from .states import ALIVE, ChildState

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = ("Mind",)

S = TypeVar("S", bound=CoreState)


class Mind(ABC, Generic[S]):
    """One supervisor's mind.

    Runs in: the thread of whoever owns it; it is not shared. Never blocks: waiting for a child is a state of the child.
    """

    def __init__(self, state: S) -> None:
        self._state = state

    @property
    def phase(self) -> str:
        """Say what the supervisor is doing, in one word: "starting", "running", "restarting" or "stopping"."""
        state = self._state
        if state.ended or isinstance(state.plan, Ending):
            return "stopping"
        if not state.booted:
            return "starting"
        return "restarting" if isinstance(state.plan, GroupRestart) else "running"

    @property
    def ended(self) -> bool:
        """Say whether ExitSelf has been given; from then on there are no commands any more."""
        return self._state.ended

    @property
    @abstractmethod
    def settings(self) -> dict[str, object]:
        """Say how it is set up, for those who look at it."""

    def children(self, now: float) -> tuple[ChildInfo, ...]:
        """Describe the children in start order."""
        due = self._state.group_due
        return tuple(child.info(now, due) for child in self._state.children.values())

    def restarts(self) -> dict[ActorRef[Any], int]:
        """How often each child was restarted since it was added. Runs in: any thread; a moment's value."""
        rows = tuple(self._state.children.values())  # one step, while its own thread may go on
        return {row.ref: row.restarts for row in rows if row.ref is not None}

    def receive(self, event: ev.CoreEvent, now: float) -> list[do.Command]:
        """Take one event, give what is to be done about it, in order. Shape: now: monotonic seconds."""
        state = self._state
        if state.ended:
            return []
        state.now = now
        self._take(event)
        self._advance()
        commands, state.out = state.out, []
        return commands

    def awaited_end(self, request: Request, branch: ActorRef[Any] | None = None) -> ActorRef[Any] | None:  # noqa: ARG002
        """Whose end the answer to this request has to wait for, as things are; None if it waits for none.

        It may wait for several; then it is `branch` if that is one of them: the child that the asker is, or is below.
        """
        if not isinstance(request, TerminateChild):
            return None
        child = self._state.find(request.child_id)
        return child.ref if child is not None and child.state in ALIVE else None

    def start_awaited_by(self, child_id: str) -> Hashable | None:
        """Which request is answered when this child has started, None if there is none."""
        child = self._state.children.get(child_id)
        return None if child is None else child.starter

    @abstractmethod
    def _boot(self) -> None:
        """Begin, now that the shell is up."""

    @abstractmethod
    def _answer(self, request: Request, to: Hashable) -> None:
        """Do what is asked, or refuse it."""

    @abstractmethod
    def _plan_due(self, key: do.GroupDue | do.WaveDeadline) -> None:
        """Take the time that several children have waited for together."""

    @abstractmethod
    def _advance(self) -> None:
        """Go on with the plan in hand until it has to wait for something."""

    def _take(self, event: ev.CoreEvent) -> None:
        state = self._state
        match event:
            case ev.LifeReady():
                ready(state, event)
            case ev.LifeEnded():
                ended(state, event)
            case ev.LifeBegun():
                begun(state, event)
            case ev.LifeFailed():
                failed(state, event)
            case ev.LifeIgnored():
                ignored(state, event)
            case ev.LifeReconfigured():
                note_answer(state, event)
            case ev.TimerFired(key):
                self._fired(key)
            case ev.Requested(request, reply_to):
                self._answer(request, reply_to)
            case ev.StopRequested(reason):
                end(state, reason)
            case ev.Booted():
                self._boot()
            case _:
                assert_never(event)

    def _fired(self, key: do.TimerKey) -> None:
        state = self._state
        match key:
            case do.StopDeadline() | do.KillDeadline():
                give_up_waiting(state, key)
            case do.BackoffReset():
                reset_backoff(state, key)
            case do.RestartDue(child_id, turn):
                child = state.children.get(child_id)
                if child is not None and child.turn == turn and child.state is ChildState.BACKOFF:
                    attempt(state, child)
            case do.GroupDue() | do.WaveDeadline():
                self._plan_due(key)
            case _:
                assert_never(key)
