"""What a PartitionSupervisor is told: one child, how often, and how the copies differ.

What lives here: the spec, its checks, and the supervisor's spec that it comes to. What must not: routing (routing.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, cast

from ..actors.child_spec import ChildSpec, Delays, Start
from .backoff import Backoff
from .decay import FailureDecay
from .errors import SpecProblem
from .intensity import RestartIntensity
from .significance import AutoShutdown
from .spec import SupervisorSpec
from .strategy import Strategy
from .validate import check_child_spec, check_supervisor_spec

__all__ = ("PARTITIONS_MAX", "PartitionSpec", "WithArguments", "check_partition_spec", "partition_id")

WithArguments: TypeAlias = Callable[[tuple[object, ...], int], tuple[object, ...]]

PARTITIONS_MAX: Final = 65_536
"""More copies than this of one child are a mistake; every one is at least a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionSpec:
    """`partitions` copies of `child` (by default as many as this process has processors), registered under `name`.

    The copies have the ids "0", "1", ... and the names "NAME/0", "NAME/1", ...; `child.id` is not used.
    `with_arguments(args, partition)` gives the arguments of one partition, by default those of the child.
    """

    child: ChildSpec
    name: str
    partitions: int | None = None
    with_arguments: WithArguments | None = None
    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: RestartIntensity | FailureDecay = RestartIntensity()
    backoff: Delays = Backoff()

    @property
    def size(self) -> int:
        """How many partitions it starts with."""
        return _processors() if self.partitions is None else self.partitions

    def child_of(self, partition: int) -> ChildSpec:
        """Give the spec of one copy."""
        start = self.child.start
        args = start.args if self.with_arguments is None else self.with_arguments(start.args, partition)
        return replace(
            self.child,
            id=partition_id(partition),
            name=f"{self.name}/{partition}",
            start=Start(start.target, args, start.kwargs),
        )

    def supervisor_spec(self) -> SupervisorSpec:
        """Give what the supervisor below it is told."""
        return SupervisorSpec(
            strategy=self.strategy,
            children=[self.child_of(partition) for partition in range(self.size)],
            intensity=self.intensity,
            backoff=self.backoff,
            name=self.name,
        )


def partition_id(partition: int) -> str:
    """Give the id that the child of a partition has."""
    return str(partition)


def check_partition_spec(spec: PartitionSpec) -> tuple[SpecProblem, ...]:
    """Give every mistake; what is wrong with the child is said once, not once for every copy."""
    given: object = spec
    if not isinstance(given, PartitionSpec):
        return (SpecProblem("partition supervisor", "a PartitionSpec", repr(given)),)
    return tuple(_problems(spec))


def _problems(spec: PartitionSpec) -> Iterator[SpecProblem]:
    name, partitions, child, with_arguments = cast(
        "tuple[object, ...]", (spec.name, spec.partitions, spec.child, spec.with_arguments)
    )
    if not isinstance(name, str) or not name:
        yield SpecProblem("name", "a string that is not empty: partitions are found by it", repr(name))
    counts = isinstance(partitions, int) and not isinstance(partitions, bool) and 1 <= partitions <= PARTITIONS_MAX
    if partitions is not None and not counts:
        yield SpecProblem("partitions", f"an integer from 1 to {PARTITIONS_MAX}, or None", repr(partitions))
    if with_arguments is not None and not callable(with_arguments):
        yield SpecProblem("with_arguments", "a function of (args, partition), or None", repr(with_arguments))
    if not isinstance(child, ChildSpec):
        yield SpecProblem("child", "a ChildSpec", repr(child))
    elif child.name is not None:
        yield SpecProblem("child.name", "None, because the copies are named after the supervisor", repr(child.name))
    yield from check_supervisor_spec(SupervisorSpec(spec.strategy, (), spec.intensity, spec.backoff))
    if not isinstance(child, ChildSpec):
        return
    yield from check_child_spec(child, auto_shutdown=AutoShutdown.NEVER)
    if callable(with_arguments) and (partitions is None or counts):
        yield from _argument_problems(spec)


def _argument_problems(spec: PartitionSpec) -> Iterator[SpecProblem]:
    for partition in range(spec.size):
        args: object = spec.child_of(partition).start.args
        if not isinstance(args, tuple):
            yield SpecProblem(f"with_arguments(args, {partition})", "a tuple of arguments", repr(args))
            return


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
