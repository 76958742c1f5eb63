"""Many copies of one child under one supervisor, so that they do not wait for each other.

What lives here: the supervisor that keeps the table of its partitions. What must not: another supervisor's mind; it
is a Supervisor like any other. Source: Elixir PartitionSupervisor.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..actors.child_spec import ChildSpec, ChildType, Delays, Restart, Shutdown, Start
from ..actors.control import Reply
from . import commands as do
from .child_specs import boot_timeout
from .core import SupervisorCore
from .errors import InvalidSpec, SpecProblem
from .partition_spec import PartitionSpec, check_partition_spec
from .partition_table import PartitionTable
from .requests import Reconfigure
from .results import Reconfigured
from .supervisor import Supervisor
from .validate import raise_problems

__all__ = ("AskPartitionTable", "PartitionSupervisor", "partition_supervisor_child")


@dataclass(frozen=True, slots=True)
class AskPartitionTable:
    """Answer: the PartitionTable of this life, which its owner goes on writing. Within one process only."""


class PartitionSupervisor(Supervisor):
    """A Supervisor of the partitions "0", "1", ...; PartitionHandle finds the right one for a key.

    Errors: InvalidSpec with all mistakes; FailedToStartChild.
    """

    def __init__(self, spec: PartitionSpec) -> None:
        raise_problems(check_partition_spec(spec))
        self._table = PartitionTable(spec)
        self._followed: PartitionSpec | None = None  # until the lives are in line with it
        super().__init__(spec.supervisor_spec())

    def on_receive(self, message: object) -> object:
        """Give the table, or do what every supervisor does."""
        match message:
            case AskPartitionTable():
                return self._table
            case Reconfigure(spec=PartitionSpec() as spec):
                return self._follow(spec)
            case Reconfigure(spec=other):
                return Reply(InvalidSpec((SpecProblem("partition supervisor", "a PartitionSpec", repr(other)),)))
            case _:
                return super().on_receive(message)

    def _follow(self, spec: PartitionSpec) -> object:
        table = self._table
        try:
            raise_problems(check_partition_spec(spec))
            inner = spec.supervisor_spec()
            before = table.begin_following(spec)
        except Exception as error:  # noqa: BLE001 - with_arguments is users' code; what it raises is the asker's
            return Reply(error)
        old, self._followed = table.spec, spec
        try:
            return super().on_receive(Reconfigure(inner))
        finally:
            core = self._core
            if isinstance(core, SupervisorCore) and core.spec is not inner:  # it was refused
                self._followed = None
                table.end_following(old, before)

    def _execute(self, command: do.Command) -> None:
        followed = self._followed
        if followed is not None and isinstance(command, do.Reply) and isinstance(command.value, Reconfigured):
            self._followed, table = None, self._table
            table.end_following(followed, table.size if followed.size == table.most else followed.size)
        super()._execute(command)

    def _start_life(self, child_id: str, life: int, spec: ChildSpec) -> None:
        super()._start_life(child_id, life, spec)
        if child_id.isdecimal():  # whoever adds a child of another id gets no partition
            self._table.put(int(child_id), self._refs[child_id])


def partition_supervisor_child(
    spec: PartitionSpec,
    *,
    child_id: str | None = None,
    restart: Restart = Restart.PERMANENT,
    shutdown: Shutdown | None = None,
    backoff: Delays | None = None,
) -> ChildSpec:
    """Make the spec of a child that is a PartitionSupervisor; its id is by default its name.

    It comes back from a restart with all partitions that it started with first.
    Errors: InvalidSpec with all mistakes.
    """
    raise_problems(check_partition_spec(spec))
    return ChildSpec(
        id=spec.name if child_id is None else child_id,
        start=Start(PartitionSupervisor, (spec,)),
        restart=restart,
        shutdown=shutdown,
        type=ChildType.SUPERVISOR,
        start_timeout=boot_timeout(spec.supervisor_spec()),
        backoff=backoff,
        name=spec.name,
    )
