"""The decisions of a supervisor of children that come and go, without a clock, a thread, or anything of the kind.

What lives here: how a DynamicSupervisor begins and goes on. What must not: I/O; what it has in common with others.
Read next: mind.py (its one entry), dynamic_state.py, dynamic_api.py, dynamic_ending.py, and lives.py and restarts.py,
which are everybody's: one table of states, one classification of ends, one intensity and backoff.
Source: Elixir DynamicSupervisor; OTP supervisor's simple_one_for_one.
"""

from __future__ import annotations

import random
from collections.abc import Hashable
from dataclasses import asdict

from . import commands as do
from .dynamic_api import answer
from .dynamic_ending import advance_parting, wave_due
from .dynamic_spec import DynamicSpec
from .dynamic_state import DynamicState
from .events import SupervisorStarted
from .mind import Mind
from .plans import Ending
from .requests import Request
from .validate import check_dynamic_spec, raise_problems

__all__ = ("DynamicCore",)


class DynamicCore(Mind[DynamicState]):
    """The mind of a DynamicSupervisor: each child for itself, none kept that is down.

    Shape: O(1) an event in the number of children, but for the end and the lists, which are O(children).
    Errors: InvalidSpec with all mistakes of the spec.
    """

    def __init__(self, spec: DynamicSpec, rng: random.Random, *, name: str | None = None) -> None:
        raise_problems(check_dynamic_spec(spec))
        super().__init__(DynamicState(spec, rng, name or spec.name or "supervisor"))

    @property
    def spec(self) -> DynamicSpec:
        """The spec that is in force."""
        return self._state.dynamic

    @property
    def settings(self) -> dict[str, object]:
        """Say how it is set up, for those who look at it."""
        spec = self._state.dynamic
        settings: dict[str, object] = {
            "strategy": "dynamic",
            **asdict(spec.intensity),
        }
        if spec.max_children is not None:
            settings["max_children"] = spec.max_children
        if spec.template is not None:
            settings["template"] = spec.template.id
        return settings

    def _boot(self) -> None:
        state = self._state
        state.booted = True
        state.say(do.ConfirmStart())
        state.announce(SupervisorStarted(supervisor=state.name))

    def _answer(self, request: Request, to: Hashable) -> None:
        answer(self._state, request, to)

    def _plan_due(self, key: do.GroupDue | do.WaveDeadline) -> None:
        if isinstance(key, do.WaveDeadline):
            wave_due(self._state, key.wave)

    def _advance(self) -> None:
        if isinstance(self._state.plan, Ending):
            advance_parting(self._state, self._state.plan)
