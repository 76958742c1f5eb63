"""What a supervisor can be asked: messages, sent with `ask`. `SupervisorHandle` has a method for each.

What lives here: the questions. The answers are in results.py, the refusals in errors.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ..actors.child_spec import ChildSpec, Start
from ..protocol.exits import SHUTDOWN, ExitReason
from .dynamic_spec import DynamicSpec
from .partition_spec import PartitionSpec
from .spec import SupervisorSpec

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = (
    "CountChildren",
    "DeleteChild",
    "GetChildSpec",
    "Reconfigure",
    "ReconfigureFrom",
    "Request",
    "RestartChild",
    "StartChild",
    "StartChildWith",
    "StopSupervisor",
    "TerminateChild",
    "WhichChildren",
)


@dataclass(frozen=True, slots=True)
class StartChild:
    """Add a child at the end of the table and start it. Answer: StartedChild once it is ready."""

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class StartChildWith:
    """Start a child of the template of a DynamicSupervisor, with these arguments behind the template's.

    Answer: StartedChild once it is ready.
    """

    args: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class TerminateChild:
    """Stop a child, or cancel its restart; a temporary one is forgotten. Answer: Done once it has ended.

    A DynamicSupervisor knows its children by their refs as well.
    """

    child_id: str | ActorRef[Any]


@dataclass(frozen=True, slots=True)
class RestartChild:
    """Start a child that is in the table but not running. Answer: StartedChild once it is ready."""

    child_id: str


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Forget a child that is not running. Answer: Done."""

    child_id: str


@dataclass(frozen=True, slots=True)
class WhichChildren:
    """List the children. Answer: Children, latest started first."""


@dataclass(frozen=True, slots=True)
class CountChildren:
    """Count the children. Answer: ChildCounts."""


@dataclass(frozen=True, slots=True)
class GetChildSpec:
    """Look up a child's spec. Answer: the ChildSpec. A DynamicSupervisor knows its children by their refs as well."""

    child_id: str | ActorRef[Any]


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """Become what a new spec describes, without touching the children that are the same in it.

    A DynamicSupervisor wants a DynamicSpec; the children that it has stay, and are restarted by the new one.
    A PartitionSupervisor wants a PartitionSpec; keys are routed to the partitions that go no more, and to those that
    come when they are all ready.
    Answer: Reconfigured, when all that has to stop is stopped and all that has to start has been started once.
    """

    spec: SupervisorSpec | DynamicSpec | PartitionSpec


@dataclass(frozen=True, slots=True)
class ReconfigureFrom:
    """The same, with the spec that a start function gives where the supervisor lives, as across processes.

    Answer: Reconfigured; Done if the start gives something else than a supervisor of this kind.
    """

    start: Start


@dataclass(frozen=True, slots=True)
class StopSupervisor:
    """End, the children first, with this reason. Answer: None, once its exit has been announced.

    It is not for the core: to a supervisor that is stopping already it is one more who waits.
    """

    reason: ExitReason = SHUTDOWN


Request: TypeAlias = (
    StartChild
    | StartChildWith
    | TerminateChild
    | RestartChild
    | DeleteChild
    | WhichChildren
    | CountChildren
    | GetChildSpec
    | Reconfigure
)
