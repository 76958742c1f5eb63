"""The functions that a worker serves: the decorator's table, and how each is named for another process.

What lives here: registration and its checks. What must not: running anything; importing a user's module has no side
effect here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from regrow.actors.hosting.errors import NotImportable
from regrow.actors.hosting.import_path import path_of
from regrow.actors.roles.messages import FunctionTarget
from regrow.connect.function_policy import FunctionIsolation, FunctionPolicy, rate_of
from regrow.connect.worker_errors import WorkerMisused
from regrow.protocol.limits import NAME_MAX_CHARS

__all__ = ("FunctionRegistry", "Registered")


@dataclass(frozen=True, slots=True)
class Registered:
    """One function as it was registered."""

    name: str
    function: Callable[..., object]
    isolation: FunctionIsolation
    policy: FunctionPolicy


class FunctionRegistry:
    """The functions by name."""

    def __init__(self) -> None:
        self._by_name: dict[str, Registered] = {}

    def add(
        self,
        function: object,
        *,
        name: str | None,
        policy: FunctionPolicy,
    ) -> None:
        """Register one. Errors: WorkerMisused, saying what was expected."""
        title = str(name or getattr(function, "__name__", ""))
        if not callable(function) or not title:
            raise WorkerMisused(f"@worker.function: expected a named function, got {function!r}")
        if len(title) > NAME_MAX_CHARS:
            raise WorkerMisused(
                f"@worker.function: expected a name of at most {NAME_MAX_CHARS} characters, got {title!r}"
            )
        policy.check(title)
        known = self._by_name.get(title)
        if known is not None and known.function is not function and not _same(known.function, function):
            raise WorkerMisused(f"function {title!r} is registered twice; give one of them another name")
        chosen = policy.isolation or ("inline" if inspect.iscoroutinefunction(function) else "process")
        if chosen == "process":
            _check_form(function, title)
        self._by_name[title] = Registered(title, function, chosen, policy)

    def __len__(self) -> int:
        return len(self._by_name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, sorted."""
        return tuple(sorted(self._by_name))

    def targets(self) -> dict[str, FunctionTarget]:
        """Name all functions for other processes. Errors: WorkerMisused for one that cannot be imported there."""
        return {known.name: _target(known) for known in self._by_name.values()}

    def local(self) -> dict[str, Callable[..., object]]:
        """The functions that stay in this process."""
        return {known.name: known.function for known in self._by_name.values() if known.isolation != "process"}


def _target(known: Registered) -> FunctionTarget:
    target, entry, policy = "", None, known.policy
    if known.isolation == "process":
        try:
            path = path_of(known.function)
        except NotImportable as error:
            raise WorkerMisused(
                f"{known.name}: {error}; or give it isolation='thread' to run it in the main process"
            ) from error
        target, entry = path.target, path.entry
    return FunctionTarget(
        name=known.name,
        target=target,
        entry=entry,
        isolation=known.isolation,
        deadline=policy.deadline,
        retries=policy.retries,
        validate=policy.validate,
        concurrency=policy.concurrency,
        priority=policy.priority,
        rate=rate_of(policy.rate),
        deaths_before_quarantine=policy.quarantine,
    )


def _check_form(function: Callable[..., object], title: str) -> None:
    """Refuse at the decorator what no import can find; the rest is checked when the worker starts."""
    qualname = getattr(function, "__qualname__", "")
    if "<locals>" in qualname or "<lambda>" in qualname:
        raise WorkerMisused(
            f"{title}: expected a function at the top level of a module, because it runs in a process of its own; "
            f"got {qualname}; move it there, or give it isolation='thread' to run it in the main process"
        )


def _same(one: Callable[..., object], other: Callable[..., object]) -> bool:
    """A module that is imported twice (as __main__ and by name) registers its functions again."""
    return getattr(one, "__qualname__", 1) == getattr(other, "__qualname__", 2)
