"""The supervisor whose children have an order, ids of their own and a strategy.

What lives here: how it begins. What it does is in shell.py, what it decides in core.py.
"""

from __future__ import annotations

from .core import SupervisorCore
from .paths import take_path
from .shell import SupervisorShell
from .spec import SupervisorSpec
from .validate import check_supervisor_spec, raise_problems

__all__ = ("Supervisor",)


class Supervisor(SupervisorShell):
    """An actor that starts, watches, restarts and stops others, by OTP's rules.

    `SupervisorHandle.start(system, spec)` returns when all children are started; so does `system.spawn(Supervisor,
    spec)`, but within the start_timeout of one actor, 10 s, for all of them together.
    Errors: InvalidSpec with all mistakes; FailedToStartChild, when the others have been stopped again.
    """

    def __init__(self, spec: SupervisorSpec) -> None:
        raise_problems(check_supervisor_spec(spec))
        take_path(self, spec.name)
        super().__init__(SupervisorCore(spec, self.system.rng, name=self.ref.path))
