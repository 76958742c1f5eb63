"""What a supervisor answers when it does not do what it was asked.

RegrowError
└── SupervisionError
    ├── InvalidSpec(problems)              the spec is wrong; all mistakes at once
    ├── FailedToStartChild(child_id, reason)   a child did not start, at boot or on request
    ├── CannotReconfigure(supervisor, why)  it is in the middle of something that has to end first
    ├── MaxChildren(supervisor, max_children)  start_child: a DynamicSupervisor is full
    ├── NotASupervisor(ref, got)           a handle was made of a ref to something else
    ├── NotOffered(supervisor, request, why)   this kind of supervisor cannot do that
    ├── SupervisorStopping(supervisor)     it is on its way out and takes no more orders
    ├── NoPartitions(supervisor)           route: a PartitionSupervisor that was resized to nothing
    ├── BadPartitionCount(supervisor, most, got)   resize: not between 0 and the size at the start
    ├── ResizeUnderWay(supervisor)         resize: another one is not done yet
    ├── TaskTimeout(task, timeout)         a task of a stream was not done in time (also a TimeoutError)
    └── ChildError(child_id)
        ├── ChildNotFound       no child has this id
        ├── AlreadyStarted(ref, name)  start_child: the id is taken by a living child; also restart_child: the name is
        ├── AlreadyPresent      start_child: the id is taken by a child that is not running
        ├── ChildRunning        restart_child, delete_child: it is alive
        ├── ChildRestarting     restart_child, delete_child: it is about to be started
        └── ChildWithdrawn      start_child, restart_child: it was terminated before it was ready
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..protocol.errors import RegrowError
from ..protocol.exits import Crash, ExitReason

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = (
    "AlreadyPresent",
    "AlreadyStarted",
    "BadPartitionCount",
    "CannotReconfigure",
    "ChildError",
    "ChildNotFound",
    "ChildRestarting",
    "ChildRunning",
    "ChildWithdrawn",
    "FailedToStartChild",
    "InvalidSpec",
    "MaxChildren",
    "NoPartitions",
    "NotASupervisor",
    "NotOffered",
    "ResizeUnderWay",
    "SpecProblem",
    "SupervisionError",
    "SupervisorStopping",
    "TaskTimeout",
)


WAY_MAX_CHARS: Final = 2000
"""Of the text that names the way down to a child that did not start: trees are as deep as they like."""


@dataclass(frozen=True, slots=True)
class SpecProblem:
    """One mistake in a spec: `where` leads to the field, as in `children[2] ("db").shutdown.seconds`."""

    where: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.where}: expected {self.expected}, got {self.got}"


class SupervisionError(RegrowError):
    """Root of what supervision raises."""


class InvalidSpec(SupervisionError):
    """A supervisor's or a child's spec has mistakes; `problems` has all of them."""

    def __init__(self, problems: Sequence[SpecProblem]) -> None:
        super().__init__(tuple(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "invalid spec: " + "; ".join(str(problem) for problem in self.problems)


class FailedToStartChild(SupervisionError):
    """A child did not become ready; at boot this is why the supervisor itself did not start."""

    def __init__(self, child_id: str, reason: ExitReason) -> None:
        super().__init__(child_id, reason)
        self.child_id = child_id
        self.reason = reason

    def __str__(self) -> str:
        reason = self.reason
        cause = reason.text if isinstance(reason, Crash) and reason.type == _QUALIFIED else str(reason)
        text = f"child {self.child_id!r} failed to start: {cause}"
        # Each level adds its line; who starts the tree wants both ends of the way, and above all the cause.
        return text if len(text) <= WAY_MAX_CHARS else f"{text[: WAY_MAX_CHARS // 4]} ... {text[-WAY_MAX_CHARS // 2 :]}"


class CannotReconfigure(SupervisionError):
    """The supervisor cannot follow a new spec now; nothing has changed."""

    def __init__(self, supervisor: str, why: str) -> None:
        super().__init__(supervisor, why)
        self.supervisor = supervisor
        self.why = why

    def __str__(self) -> str:
        return f"supervisor {self.supervisor!r} cannot be reconfigured now: {self.why}"


class MaxChildren(SupervisionError):
    """The supervisor has as many children as it may have; those that are being restarted keep their places."""

    def __init__(self, supervisor: str, max_children: int) -> None:
        super().__init__(supervisor, max_children)
        self.supervisor = supervisor
        self.max_children = max_children

    def __str__(self) -> str:
        return f"supervisor {self.supervisor!r} has its max_children of {self.max_children} already"


class NotASupervisor(SupervisionError):
    """A handle was made of a ref to something else than a supervisor; `got` says what it is, or what it answered."""

    def __init__(self, ref: ActorRef[Any], got: str) -> None:
        super().__init__(ref, got)
        self.ref = ref
        self.got = got

    def __str__(self) -> str:
        return f"{self.ref}: expected a supervisor, got {self.got}"


class NotOffered(SupervisionError):
    """What was asked for is a thing that this kind of supervisor never does."""

    def __init__(self, supervisor: str, request: str, why: str) -> None:
        super().__init__(supervisor, request, why)
        self.supervisor = supervisor
        self.request = request
        self.why = why

    def __str__(self) -> str:
        return f"supervisor {self.supervisor!r} does not offer {self.request}: {self.why}"


_QUALIFIED: Final = f"{FailedToStartChild.__module__}.{FailedToStartChild.__qualname__}"


class SupervisorStopping(SupervisionError):
    """The supervisor is stopping, so it starts, stops and changes nothing on request any more."""

    def __init__(self, supervisor: str) -> None:
        super().__init__(supervisor)
        self.supervisor = supervisor

    def __str__(self) -> str:
        return f"supervisor {self.supervisor!r} is stopping"


class NoPartitions(SupervisionError):
    """A PartitionSupervisor has been resized to 0: no key leads anywhere."""

    def __init__(self, supervisor: str) -> None:
        super().__init__(supervisor)
        self.supervisor = supervisor

    def __str__(self) -> str:
        return f"partition supervisor {self.supervisor!r} has no partitions now: expected a resize to 1 or more first"


class BadPartitionCount(SupervisionError):
    """A PartitionSupervisor cannot be resized to this: it only gives up partitions that it started with, and back."""

    def __init__(self, supervisor: str, most: int, got: object) -> None:
        super().__init__(supervisor, most, got)
        self.supervisor = supervisor
        self.most = most
        self.got = got

    def __str__(self) -> str:
        return (
            f"partition supervisor {self.supervisor!r}: expected 0 to {self.most} partitions, "
            f"as many as it started with, got {self.got!r}"
        )


class ResizeUnderWay(SupervisionError):
    """Another resize of the same PartitionSupervisor was not done in time."""

    def __init__(self, supervisor: str) -> None:
        super().__init__(supervisor)
        self.supervisor = supervisor

    def __str__(self) -> str:
        return f"partition supervisor {self.supervisor!r} is being resized by somebody else"


class TaskTimeout(SupervisionError, TimeoutError):
    """A task was not done in its time."""

    def __init__(self, task: str, timeout: float) -> None:
        super().__init__(task, timeout)
        self.task = task
        self.timeout = timeout

    def __str__(self) -> str:
        return f"task {self.task!r} was not done within {self.timeout:g} seconds"


class ChildError(SupervisionError):
    """What was asked does not fit what the child is doing."""

    text = "cannot be used so"

    def __init__(self, child_id: str) -> None:
        super().__init__(child_id)
        self.child_id = child_id

    def __str__(self) -> str:
        return f"child {self.child_id!r} {self.text}"


class ChildNotFound(ChildError):
    """No child of this supervisor has this id."""

    text = "is not known to this supervisor"


class AlreadyStarted(ChildError):
    """A living child has this id, or somebody else holds the name that it was to have; `ref` says who.

    `name` is that name, None where it is the id that is taken.
    """

    text = "is already started"

    def __init__(self, child_id: str, ref: ActorRef[Any] | None = None, name: str | None = None) -> None:
        Exception.__init__(self, child_id, ref, name)
        self.child_id = child_id
        self.ref = ref
        self.name = name

    def __str__(self) -> str:
        if self.name is not None:
            return f"child {self.child_id!r} is not started: the name {self.name!r} is held by {self.ref}"
        return super().__str__() if self.ref is None else f"{super().__str__()}: {self.ref}"


class AlreadyPresent(ChildError):
    """start_child: a child that is not running has this id; restart it, or delete it first."""

    text = "is already present, but not running; use restart_child or delete_child"


class ChildRunning(ChildError):
    """restart_child or delete_child: the child is alive; terminate it first."""

    text = "is running"


class ChildRestarting(ChildError):
    """restart_child or delete_child: the child is about to be started; terminate it first."""

    text = "is about to be started"


class ChildWithdrawn(ChildError):
    """start_child or restart_child: someone terminated the child before it was ready."""

    text = "was terminated before it was ready"
