"""The kinds of supervisors that a policy file can describe: the word for each, its keys, and how its spec is started.

What lives here: the table of kinds, and the values that only some of them have. What must not: pydantic (hosted
processes build their part of a tree here), what is below a supervisor (build.py).
A task supervisor is a dynamic one whose children are tasks, so nothing can be said of them beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from ...actors.child_spec import ChildSpec, Start
from ..dynamic_spec import DynamicSpec
from ..partition_spec import PARTITIONS_MAX, PartitionSpec
from ..spec import SupervisorSpec

__all__ = (
    "KEYS",
    "MAX_CHILDREN_EXPECTED",
    "NO_LIMIT",
    "OF_SUPERVISORS",
    "PARTITIONS_EXPECTED",
    "PROCESSORS",
    "AnySpec",
    "ImportedArguments",
    "described_children",
    "kinds_with",
    "max_children_of",
    "partitions_of",
    "start_of",
    "word_of",
)

AnySpec: TypeAlias = SupervisorSpec | DynamicSpec | PartitionSpec
"""What a supervisor of any kind is told."""

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "supervisor": ("strategy", "intensity", "child_backoff", "auto_shutdown", "child"),
    "dynamic_supervisor": ("intensity", "child_backoff", "max_children", "extra_arguments", "template"),
    "partition_supervisor": ("strategy", "intensity", "child_backoff", "partitions", "with_arguments", "template"),
    "task_supervisor": ("intensity", "child_backoff", "max_children"),
}
"""By the word for `type`: the keys that are for supervisors only, and that this kind has."""

OF_SUPERVISORS: Final = tuple(dict.fromkeys(key for keys in KEYS.values() for key in keys))
"""The keys that at least one kind has, and no worker."""

NO_LIMIT: Final = "infinity"
"""Says that there is no `max_children`, because TOML has no word for None; Elixir's word for it."""

PROCESSORS: Final = "processors"
"""Says that there are as many `partitions` as the process has processors."""

MAX_CHILDREN_EXPECTED: Final = f'an integer of at least 0, or "{NO_LIMIT}"'
PARTITIONS_EXPECTED: Final = f'an integer from 1 to {PARTITIONS_MAX}, or "{PROCESSORS}"'


@dataclass(frozen=True, slots=True)
class ImportedArguments:
    """`with_arguments` by its import path, so that reading and showing a policy imports nothing.

    Errors: NotImportable, when the partitions are started; whatever the function raises.
    """

    target: str

    def __call__(self, args: tuple[object, ...], partition: int) -> tuple[object, ...]:
        """Ask the function, wherever the partitions are."""
        from ...actors.hosting.import_path import resolve  # needed by few trees

        return cast("Callable[..., tuple[object, ...]]", resolve(self.target))(args, partition)


def kinds_with(key: str) -> tuple[str, ...]:
    """Give the kinds of supervisors that have a key.

    >>> kinds_with("max_children")
    ('dynamic_supervisor', 'task_supervisor')
    """
    return tuple(kind for kind, keys in KEYS.items() if key in keys)


def described_children(spec: AnySpec) -> tuple[ChildSpec, ...]:
    """Give the specs of what is below a supervisor; where all its children are of one kind that is its template."""
    match spec:
        case SupervisorSpec():
            return tuple(spec.children)
        case DynamicSpec():
            return () if spec.template is None else (spec.template,)
        case PartitionSpec():
            return (spec.child,)


def word_of(spec: AnySpec) -> str:
    """Give the `type` of a supervisor with this spec."""
    match spec:
        case SupervisorSpec():
            return "supervisor"
        case DynamicSpec():
            return "dynamic_supervisor"
        case PartitionSpec():
            return "partition_supervisor"


def max_children_of(value: object) -> int | None:
    """Read a `max_children`. Errors: ValueError.

    >>> max_children_of(5), max_children_of("infinity")
    (5, None)
    """
    if value == NO_LIMIT:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError(value)


def partitions_of(value: object) -> int | None:
    """Read a number of `partitions`; None stands for that of the processors. Errors: ValueError."""
    if value == PROCESSORS:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= PARTITIONS_MAX:
        return value
    raise ValueError(value)


def start_of(spec: AnySpec) -> Start:
    """Give how a supervisor with this spec is started in this process."""
    match spec:  # the imports are here, because reading and showing a policy needs no runtime
        case SupervisorSpec():
            from ..supervisor import Supervisor

            return Start(Supervisor, (spec,))
        case DynamicSpec():
            from ..dynamic_supervisor import DynamicSupervisor

            return Start(DynamicSupervisor, (spec,))
        case PartitionSpec():
            from ..partition_supervisor import PartitionSupervisor

            return Start(PartitionSupervisor, (spec,))
