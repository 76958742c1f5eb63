"""What a DynamicSupervisor is told, as one frozen value.

What lives here: `DynamicSpec`. What must not: checks (validate.py) or decisions (dynamic_core.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..actors.child_spec import ChildSpec, Delays
from .backoff import Backoff
from .decay import FailureDecay
from .intensity import RestartIntensity
from .significance import AutoShutdown
from .strategy import Strategy

__all__ = ("DynamicSpec",)


@dataclass(frozen=True, slots=True)
class DynamicSpec:
    """A supervisor of any number of children that come and go; it starts none by itself.

    `intensity` is one budget for all children together: give it the number of restarts that so many children may need
    in its time, or put those that crash often under a DynamicSupervisor of their own.
    `max_children`: how many there may be at once; those that are starting, restarting or stopping keep their places.
    `extra_arguments`: put in front of every child's own start arguments, whenever it is started.
    `template`: the one spec that all children are started by, each with arguments of its own behind the template's.
    `strategy` and `auto_shutdown` have only one value that means anything; others are refused.
    Nothing is checked here: all mistakes are reported together when the supervisor starts.
    Source: Elixir DynamicSupervisor.init/1; with a template OTP simple_one_for_one.
    """

    intensity: RestartIntensity | FailureDecay = RestartIntensity()
    backoff: Delays = Backoff()
    max_children: int | None = None
    extra_arguments: tuple[object, ...] = ()
    template: ChildSpec | None = None
    name: str | None = None
    strategy: Strategy = Strategy.ONE_FOR_ONE
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
