"""What a process that hosts others says of them: the records of a question and of its answer.

What lives here: the records alone, so that every process knows them. What must not: how they are made (`census.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ...protocol.records import record

if TYPE_CHECKING:
    from ..ref import ActorRef

__all__ = ("UP", "ListProcesses", "ProcessKind", "ProcessSeen", "ProcessesSeen")

UP: Final = "running"
"""The state of who is nobody's child: the host itself, zygotes, spares."""


@record("regrow.process_kind")
class ProcessKind(StrEnum):
    """What a process is to whoever hosts it."""

    HOST = "host"  # this one itself
    ACTOR = "actor"  # a child with isolation="process"
    COMMAND = "command"  # a program
    ZYGOTE = "zygote"
    SPARE = "spare"
    OTHER = "other"  # known by the kernel alone


@record("regrow.list_processes")
@dataclass(frozen=True, slots=True)
class ListProcesses:
    """Ask for those below the system of an actor. Answered by its process, with ProcessesSeen."""


@record("regrow.process_seen")
@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSeen:
    """One process; None is what does not apply, or is not known. Times are seconds.

    `pid`: None before it is launched. `hosts`: how many it hosts itself, as it has written down; `ref`: whom to ask for
    them. `in_flight`: messages that it was given and is not done with. `restarts`: by its supervisor.
    """

    kind: ProcessKind
    path: str = ""
    pid: int | None = None
    state: str = UP
    verdict: str | None = None
    in_flight: int | None = None
    in_hand: str | None = None
    in_hand_seconds: float | None = None
    restarts: int | None = None
    incarnation: int | None = None
    uptime: float | None = None  # since it was ready
    hosts: int = 0
    ref: ActorRef[Any] | None = None


@record("regrow.processes_seen")
@dataclass(frozen=True, slots=True)
class ProcessesSeen:
    """The answer to ListProcesses, in no order."""

    processes: list[ProcessSeen]
