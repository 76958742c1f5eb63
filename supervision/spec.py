"""What a supervisor is told, as one frozen value.

What lives here: `SupervisorSpec`. What must not: checks (validate.py) or decisions (core.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..actors.child_spec import ChildSpec, Delays
from .backoff import Backoff
from .decay import FailureDecay
from .intensity import RestartIntensity
from .significance import AutoShutdown
from .strategy import Strategy

__all__ = ("SupervisorSpec",)


@dataclass(frozen=True, slots=True)
class SupervisorSpec:
    """A supervisor and its children, in start order. `backoff` is for the children that do not bring their own.

    Any sequence of children is taken and kept as a tuple. Nothing is checked here: all mistakes are reported
    together when the supervisor starts, or by `check_supervisor_spec`.
    """

    strategy: Strategy = Strategy.ONE_FOR_ONE
    children: Sequence[ChildSpec] = ()
    intensity: RestartIntensity | FailureDecay = RestartIntensity()
    backoff: Delays = Backoff()
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
    name: str | None = None

    def __post_init__(self) -> None:
        children: object = self.children
        if isinstance(children, Iterable) and not isinstance(children, str | bytes | Mapping):
            object.__setattr__(self, "children", tuple(children))  # anything else is a mistake to be reported
