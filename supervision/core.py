"""The supervisor's decisions, without a clock, a thread, or anything else that happens on its own.

What lives here: the one entry, `receive(event, now)`, and how it goes on with the plan in hand. What must not: I/O.
Read next: child.py (a row of the table), states.py (its states), plans.py, restarts.py, groups.py, ending.py, api.py.
Source: OTP supervisor, static part. Deviations are marked `Differs from OTP:` where they are made.
"""

from __future__ import annotations

import random
from typing import assert_never

from . import commands as do
from . import core_events as ev
from .api import answer
from .boot import advance_boot
from .core_state import CoreState
from .ending import advance_ending, end
from .groups import advance_stopping, begin_starting, start_next
from .lives import begun, ended, failed, give_up_waiting, ignored, ready, reset_backoff
from .plans import Boot, Ending, GroupPhase, GroupRestart
from .restarts import attempt, count_attempt, give_up
from .results import ChildInfo
from .spec import SupervisorSpec
from .states import ChildState
from .validate import check_supervisor_spec, raise_problems

__all__ = ("SupervisorCore",)


class SupervisorCore:
    """One supervisor's mind: events in, commands out.

    Runs in: the thread of whoever owns it; it is not shared. Never blocks: waiting for a child is a state of the child.
    Shape: O(children) an event at worst, O(1) for the news of a single child under one_for_one.
    Errors: InvalidSpec with all mistakes of the spec, before anything is started.
    """

    def __init__(self, spec: SupervisorSpec, rng: random.Random, *, name: str | None = None) -> None:
        raise_problems(check_supervisor_spec(spec))
        self._state = CoreState(spec, rng, name or spec.name or "supervisor")

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

    def children(self, now: float) -> tuple[ChildInfo, ...]:
        """Describe the children in start order."""
        due = self._state.group_due
        return tuple(child.info(now, due) for child in self._state.children.values())

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
            case ev.TimerFired(key):
                self._fired(key)
            case ev.Requested(request, reply_to):
                answer(state, request, reply_to)
            case ev.StopRequested(reason):
                end(state, reason)
            case ev.Booted():
                state.plan = Boot(list(state.children))
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
            case do.GroupDue(turn):
                plan = state.plan
                if isinstance(plan, GroupRestart) and plan.turn == turn and plan.phase is GroupPhase.WAITING:
                    self._start_group(plan)
            case _:
                assert_never(key)

    def _advance(self) -> None:
        """Go on with the plan in hand until it has to wait for something."""
        state = self._state
        while state.plan is not None:
            match state.plan:
                case Boot() as plan:
                    goes_on = advance_boot(state, plan)
                case Ending() as plan:
                    goes_on = advance_ending(state, plan)
                case GroupRestart(phase=GroupPhase.STOPPING) as plan:
                    goes_on = advance_stopping(state, plan)
                    if goes_on:
                        self._start_group(plan)
                case GroupRestart(phase=GroupPhase.STARTING) as plan:
                    goes_on = start_next(state, plan)
                case _:  # a group that waits for its time
                    return
            if not goes_on:
                return

    def _start_group(self, plan: GroupRestart) -> None:
        """Begin the attempt that the group has waited for, if the intensity allows one more: one entry for all."""
        state = self._state
        begin_starting(state, plan)
        if plan.pending and not count_attempt(state):
            give_up(state, state.children[plan.pending[0]])
