"""Where the partitions of one life of a PartitionSupervisor are: written by it, read by everybody.

What lives here: the table and the lock of those who resize. What must not: starting and stopping partitions.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..actors.errors import ActorDeadError
from ..protocol.exits import NOPROC
from .errors import InvalidSpec, NoPartitions, ResizeUnderWay, SpecProblem
from .routing import partition_of

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from .partition_spec import PartitionSpec

__all__ = ("PartitionTable",)


class PartitionTable:
    """`most`: partitions that the spec says; `size`: those in use now, which are numbers 0 to size - 1.

    Runs in: any thread. Reading takes no lock: a ref stays the same through all lives of a partition.
    """

    __slots__ = ("_refs", "_resizing", "most", "size", "spec")

    def __init__(self, spec: PartitionSpec) -> None:
        self.spec = spec
        self.most = spec.size
        self.size = self.most
        self._refs: dict[int, ActorRef[Any]] = {}
        self._resizing = threading.Lock()

    def put(self, partition: int, ref: ActorRef[Any]) -> None:
        """Note the ref of a partition whose life begins."""
        self._refs[partition] = ref

    def ref_of(self, partition: int) -> ActorRef[Any] | None:
        """Give the ref of a partition, in use or not; None if it was never started."""
        return self._refs.get(partition)

    def route(self, key: object) -> ActorRef[Any]:
        """Give the partition of a key. Errors: NoPartitions; ActorDeadError if it was never started; TypeError."""
        size = self.size
        if size == 0:
            raise NoPartitions(self.spec.name)
        partition = partition_of(key, size)
        ref = self._refs.get(partition)
        if ref is None:
            raise ActorDeadError(f"partition {partition} of {self.spec.name!r}", NOPROC)
        return ref

    def begin_following(self, spec: PartitionSpec) -> int:
        """Route to no partition that a new spec does not have, and let nobody resize until that has been followed.

        Gives the number in use before, for `end_following`. Errors: ResizeUnderWay; InvalidSpec if the number changes
        although a resize has departed from it. Never blocks.
        """
        if not self._resizing.acquire(blocking=False):
            raise ResizeUnderWay(self.spec.name)
        before = self.size
        if self.most not in {spec.size, before}:
            self._resizing.release()
            expected = f"{self.most} as before, because it was resized to {before}"
            raise InvalidSpec((SpecProblem("partitions", expected, repr(spec.size)),))
        self.size = min(before, spec.size)
        return before

    def end_following(self, spec: PartitionSpec, size: int) -> None:
        """Take a spec for what it is from now on: the new one, or the old one if the new one was refused."""
        self.spec, self.most, self.size = spec, spec.size, size
        self._resizing.release()

    @contextmanager
    def resizing(self, timeout: float) -> Iterator[None]:
        """Be the only one who resizes; wait for another one at most `timeout` seconds. Errors: ResizeUnderWay."""
        if not self._resizing.acquire(timeout=timeout):
            raise ResizeUnderWay(self.spec.name)
        try:
            yield
        finally:
            self._resizing.release()
