"""The supervisor's decisions, without a clock, a thread, or anything else that happens on its own.

What lives here: how a supervisor with fixed children goes on with the plan in hand. What must not: I/O.
Read next: mind.py (its one entry), groups.py, ending.py, api.py.
Source: OTP supervisor, static part. Deviations are marked `Differs from OTP:` where they are made.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import commands as do
from .api import answer
from .boot import advance_boot
from .core_state import CoreState
from .ending import advance_ending
from .groups import advance_stopping, begin_starting, start_next
from .mind import Mind
from .plans import Boot, Ending, GroupPhase, GroupRestart
from .reconfigure import advance_reconfiguration, ending_with
from .requests import Reconfigure, Request
from .restarts import count_attempt, give_up
from .spec import SupervisorSpec
from .validate import check_supervisor_spec, raise_problems

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = ("SupervisorCore",)


class SupervisorCore(Mind[CoreState]):
    """The mind of a supervisor whose children have an order, ids of their own and a strategy.

    Shape: O(children) an event at worst, O(1) for the news of a single child under one_for_one.
    Errors: InvalidSpec with all mistakes of the spec, before anything is started.
    """

    def __init__(self, spec: SupervisorSpec, rng: random.Random, *, name: str | None = None) -> None:
        raise_problems(check_supervisor_spec(spec))
        super().__init__(CoreState(spec, rng, name or spec.name or "supervisor"))

    @property
    def settings(self) -> dict[str, object]:
        """Say how it is set up, for those who look at it."""
        spec = self._state.spec
        return {
            "strategy": str(spec.strategy),
            **asdict(spec.intensity),
            "auto_shutdown": str(spec.auto_shutdown),
        }

    def awaited_end(self, request: Request, branch: ActorRef[Any] | None = None) -> ActorRef[Any] | None:
        """As of every mind; a new spec may end any child, or something below it."""
        if isinstance(request, Reconfigure) and branch is not None and isinstance(request.spec, SupervisorSpec):
            return branch if branch in ending_with(self._state, request.spec) else None
        return super().awaited_end(request)

    def start_awaited_by(self, child_id: str) -> Hashable | None:
        """As of every mind; a new spec is followed start by start."""
        job = self._state.reconfiguration
        if job is not None and job.current is not None and job.current[0] == child_id:
            return job.asker
        return super().start_awaited_by(child_id)

    def _boot(self) -> None:
        self._state.plan = Boot(list(self._state.children))

    def _answer(self, request: Request, to: Hashable) -> None:
        answer(self._state, request, to)

    def _plan_due(self, key: do.GroupDue | do.WaveDeadline) -> None:
        plan = self._state.plan
        if not isinstance(plan, GroupRestart) or not isinstance(key, do.GroupDue):
            return
        if plan.turn == key.turn and plan.phase is GroupPhase.WAITING:
            self._start_group(plan)

    @property
    def spec(self) -> SupervisorSpec:
        """The spec that is in force: the latest that was taken over."""
        return self._state.spec

    def _advance(self) -> None:
        """Go on with what is in hand until it has to wait for something."""
        state = self._state
        self._advance_plan(state)
        if state.plan is None and state.reconfiguration is not None:
            advance_reconfiguration(state, state.reconfiguration)

    def _advance_plan(self, state: CoreState) -> None:
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
