"""Finding a partition by a key, and having fewer of them for a while."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from ..actors.current import current_life
from ..actors.errors import ActorDeadError, CallingSelf
from ..actors.lineage import way_down
from ..actors.options import SpawnOptions
from ..protocol.exits import NOPROC, SHUTDOWN, ExitReason
from .child_specs import boot_timeout
from .errors import BadPartitionCount, ChildNotFound
from .handle import ASK_TIMEOUT, SupervisorHandle
from .partition_spec import PartitionSpec, check_partition_spec, partition_id
from .partition_supervisor import AskPartitionTable, PartitionSupervisor
from .partition_table import PartitionTable
from .requests import Reconfigure
from .results import ChildCounts, ChildInfo, Reconfigured
from .validate import raise_problems

if TYPE_CHECKING:
    from ..actors.ref import ActorRef
    from ..actors.system import ActorSystem

__all__ = ("PartitionHandle",)


class PartitionHandle:
    """The way to the PartitionSupervisor that is registered under `name` in this system, whichever life it is in.

    Runs in: any thread of the process that the supervisor lives in. `route` asks the supervisor once for each of its
    lives, then looks the rest up without waiting for anybody.
    Errors of all methods: ActorDeadError if nobody has the name; ValueError if somebody else has it; AskTimeout.
    """

    __slots__ = ("_known", "name", "system")

    def __init__(self, system: ActorSystem, name: str) -> None:
        self.system: Final = system
        self.name: Final = name
        self._known: tuple[ActorRef[Any], int, PartitionTable] | None = None

    @classmethod
    def start(cls, system: ActorSystem, spec: PartitionSpec, *, link: ActorRef[Any] | None = None) -> PartitionHandle:
        """Start a PartitionSupervisor and wait for all partitions, one after the other.

        Errors: InvalidSpec with all mistakes; FailedToStartChild; NameTaken; StartTimeout; SystemClosed.
        """
        raise_problems(check_partition_spec(spec))
        timeout = boot_timeout(spec.supervisor_spec())
        system.spawn(PartitionSupervisor, spec, options=SpawnOptions(name=spec.name, start_timeout=timeout, link=link))
        return cls(system, spec.name)

    @property
    def ref(self) -> ActorRef[Any]:
        """The supervisor itself. Errors: ActorDeadError; ValueError."""
        known = self._known
        if known is not None and known[0].is_alive():
            return known[0]
        ref = self.system.whereis(self.name)
        if ref is None:
            raise ActorDeadError(f"partition supervisor {self.name!r}", NOPROC)
        if not issubclass(ref.actor_class, PartitionSupervisor):
            raise ValueError(f"{self.name!r}: expected the name of a PartitionSupervisor, got that of {ref}")
        return ref

    @property
    def supervisor(self) -> SupervisorHandle:
        """What every supervisor can be asked."""
        return SupervisorHandle(self.ref)

    def route(self, key: object) -> ActorRef[Any]:
        """Give the partition of a key: number abs(key) % partitions for an integer, else by a hash of its value that
        is the same in every process.

        Between two lives of the partition its ref refuses messages, as any ref does.
        Errors: NoPartitions after a resize to 0; TypeError for a key that cannot be hashed in that way.
        """
        return self._table().route(key)

    def partitions(self) -> int:
        """Say how many partitions are in use."""
        return self._table().size

    def resize(self, partitions: int, *, timeout: float | None = None) -> int:
        """Use so many partitions from now on, 0 up to the number at the start; gives how many it were before.

        Keys are routed to the remaining partitions first, then the others are stopped, the last one first; growing
        starts them anew, one after the other, before keys are routed to them. `timeout` is for each of them: without,
        a stop is waited for as long as it takes, and a start for its start_timeout.
        Errors: BadPartitionCount; ResizeUnderWay; FailedToStartChild, with those before it in use; AskTimeout, with
        those after it still there, until they are wanted again; CallingSelf at or below one that would end, and then
        nothing is done.
        """
        table = self._table()
        given: object = partitions
        if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= table.most:
            raise BadPartitionCount(self.name, table.most, given)
        supervisor = self.supervisor
        with table.resizing(ASK_TIMEOUT if timeout is None else timeout):
            before = table.size
            _refuse_own_end(supervisor, table, range(min(before, partitions), max(before, partitions)))
            table.size = min(before, partitions)
            for partition in reversed(range(partitions, before)):
                _give_up(supervisor, partition, timeout)
            for partition in range(before, partitions):
                _give_up(supervisor, partition, timeout)  # if an earlier resize was interrupted before it came to that
                supervisor.start_child(table.spec.child_of(partition), timeout=timeout)
                table.size = partition + 1
        return before

    def reconfigure(self, spec: PartitionSpec, *, timeout: float | None = None) -> Reconfigured:
        """Become what `spec` describes, without touching the partitions that are the same in it, and wait for that.

        With fewer of them keys are routed to those that stay before the others are stopped; with more, to the new ones
        when all are ready. After a resize the number can only be what it was in the spec before; what `resize` has
        stopped stays so. Without `timeout` it waits for as long as the stops and starts take.
        Errors: InvalidSpec with all mistakes, ResizeUnderWay, CannotReconfigure, and whatever `with_arguments` raises:
        then nothing has changed; SupervisorStopping.
        """
        raise_problems(check_partition_spec(spec))
        answer: object = self.ref.ask(Reconfigure(spec), timeout=timeout)
        if not isinstance(answer, Reconfigured):
            raise AssertionError(f"{self.ref}: expected a Reconfigured, got {answer!r}")
        return answer

    def which_children(self, *, timeout: float = ASK_TIMEOUT) -> tuple[ChildInfo, ...]:
        """List the partitions, latest first; their ids are their numbers."""
        return self.supervisor.which_children(timeout=timeout)

    def count_children(self, *, timeout: float = ASK_TIMEOUT) -> ChildCounts:
        """Count the partitions that are there."""
        return self.supervisor.count_children(timeout=timeout)

    def stop(self, reason: ExitReason = SHUTDOWN, *, timeout: float | None = None) -> None:
        """End the supervisor with this reason, its partitions first; see SupervisorHandle.stop."""
        self.supervisor.stop(reason, timeout=timeout)

    def _table(self) -> PartitionTable:
        known = self._known
        ref = self.ref
        if known is not None and known[0] is ref and known[1] == ref.incarnation:
            return known[2]
        incarnation = ref.incarnation
        table: object = ref.ask(AskPartitionTable(), timeout=ASK_TIMEOUT)
        if not isinstance(table, PartitionTable):
            raise AssertionError(f"{ref}: expected its PartitionTable, got {table!r}")
        self._known = (ref, incarnation, table)
        return table

    def __repr__(self) -> str:
        return f"PartitionHandle({self.name!r})"


def _give_up(supervisor: SupervisorHandle, partition: int, timeout: float | None) -> None:
    with suppress(ChildNotFound):  # a temporary one is forgotten as soon as it has ended
        supervisor.terminate_child(partition_id(partition), timeout=timeout)
        supervisor.delete_child(partition_id(partition))


def _refuse_own_end(supervisor: SupervisorHandle, table: PartitionTable, partitions: range) -> None:
    """Refuse to begin what would end the caller half-way. Errors: CallingSelf."""
    caller = current_life()
    if caller is None:
        return
    for partition in partitions:
        ref = table.ref_of(partition)
        circle = [] if ref is None else way_down(ref, caller.ref, asked=supervisor.ref)
        if circle:
            raise CallingSelf(*circle)
