"""The supervisor of children that come and go.

What lives here: how it begins. What it does is in shell.py, what it decides in dynamic_core.py.
"""

from __future__ import annotations

from .dynamic_core import DynamicCore
from .dynamic_spec import DynamicSpec
from .paths import take_path
from .shell import SupervisorShell
from .validate import check_dynamic_spec, raise_problems

__all__ = ("DynamicSupervisor",)


class DynamicSupervisor(SupervisorShell):
    """An actor that starts children when it is asked to, restarts them by OTP's rules, and forgets those that are over.

    `DynamicSupervisorHandle.start(system, spec)`, or below another supervisor `dynamic_supervisor_child(id, spec)`.
    Errors: InvalidSpec with all mistakes.
    """

    def __init__(self, spec: DynamicSpec) -> None:
        raise_problems(check_dynamic_spec(spec))
        take_path(self, spec.name)
        super().__init__(DynamicCore(spec, self.system.rng, name=self.ref.path))
