"""What the core of a DynamicSupervisor knows: a table that keeps nobody who is down, and how its rows are made.

What lives here: what differs from CoreState. What must not: why a step is taken (dynamic_api.py, dynamic_ending.py).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..actors.child_spec import ChildSpec, Restart
from ..protocol.exits import ExitReason
from .child import Child, is_shutdown_error
from .core_state import CoreState
from .dynamic_spec import DynamicSpec
from .spec import SupervisorSpec

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = ("DynamicState", "Parting")


@dataclass(slots=True)
class Parting:
    """All children are being stopped at once: who has to be over by which shared deadline, and how it went so far."""

    waves: list[list[str]] = field(default_factory=list)  # child ids, by the number of their deadline
    unclean: Counter[ExitReason] = field(default_factory=Counter)  # how many ended with a reason worth a report


class DynamicState(CoreState):
    """A table of children that are alive or about to be; each has an id of its own, made from its spec's id.

    Source: OTP keeps simple_one_for_one children in the same record, by pid; Elixir DynamicSupervisor in a map by pid.
    """

    __slots__ = ("_born", "_by_urn", "dynamic", "parting")

    def __init__(self, spec: DynamicSpec, rng: random.Random, name: str) -> None:
        super().__init__(_static_part(spec), rng, name)
        self.dynamic = spec
        self.parting: Parting | None = None  # set when it ends
        self._by_urn: dict[str, str] = {}  # child ids, by the urns of their refs
        self._born = 0

    def follow(self, spec: DynamicSpec) -> None:
        """Let a new spec count from now on, also for the restarts of the children that are there. Shape: O(children).

        Source: OTP supervisor code_change/3 of a simple_one_for_one; Elixir DynamicSupervisor.code_change/3.
        """
        if type(spec.intensity) is not type(self.dynamic.intensity):
            self.log = ()  # the log of another kind of intensity means nothing to this one
        self.dynamic = spec
        self.spec = _static_part(spec)
        for child in self.children.values():
            if child.spec.restart is Restart.TEMPORARY:
                continue  # it stays so: what it was started with is gone, so nothing could start it again
            child.given = spec.template or child.given
            child.spec = self._spec(child.id, child.given or child.spec, child.args)

    @property
    def full(self) -> bool:
        """Say whether there is no place for one more child; the table alone is counted."""
        limit = self.dynamic.max_children
        return limit is not None and len(self.children) >= limit

    def add(self, given: ChildSpec, args: tuple[object, ...], starter: Hashable) -> Child:
        """Put a new child into the table, under an id that no child of this supervisor had before."""
        self._born += 1
        child = Child(self._spec(f"{given.id}-{self._born}", given, args), given=given, args=args, starter=starter)
        self.children[child.id] = child
        return child

    def find(self, key: object) -> Child | None:
        """Give the child that somebody means, by its id or by its ref."""
        if isinstance(key, str):
            return self.children.get(key)
        urn: object = getattr(key, "urn", None)
        child_id = self._by_urn.get(urn) if isinstance(urn, str) else None
        return None if child_id is None else self.children.get(child_id)

    def note_ref(self, child: Child, ref: ActorRef[Any]) -> None:
        """Note where a child is to be reached, and let it be found by that."""
        super().note_ref(child, ref)
        self._by_urn[ref.urn] = child.id

    def drop_arguments(self, child: Child) -> None:
        """Keep nothing of what a temporary child was started with; its spec is then shown without."""
        super().drop_arguments(child)
        child.args = ()
        if child.given is not None and child.given is not self.dynamic.template:
            child.given = replace(child.given, start=replace(child.given.start, args=(), kwargs={}))

    def forget(self, child: Child) -> None:
        """Take a child out of the table for good, and with it the arguments that it was started with."""
        if child.ref is not None:
            self._by_urn.pop(child.ref.urn, None)
        super().forget(child)

    def keeps(self, child: Child) -> bool:  # noqa: ARG002 - all the same
        """Say whether a child stays in the table when it is over: none does, whatever its restart type."""
        return False

    def report_if_unclean(self, child: Child, reason: ExitReason) -> None:
        """Have it known that a child that was to stop has ended otherwise than cleanly; at the end, all together."""
        if self.parting is None:
            super().report_if_unclean(child, reason)
        elif is_shutdown_error(child.spec, reason):
            self.parting.unclean[reason] += 1

    def _spec(self, child_id: str, given: ChildSpec, args: tuple[object, ...]) -> ChildSpec:
        start = replace(given.start, args=(*self.dynamic.extra_arguments, *given.start.args, *args))
        return replace(given, id=child_id, start=start)


def _static_part(spec: DynamicSpec) -> SupervisorSpec:
    return SupervisorSpec(intensity=spec.intensity, backoff=spec.backoff, name=spec.name)
