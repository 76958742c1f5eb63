"""Who lives in processes of their own below one system, as this process knows without asking any of them.

What lives here: how the system's lives become what is said of them (`seen.py`). What must not: what the kernel says of
them (`usage.py`); processes below these, of which their own systems know.
A hosted process answers `ListProcesses` in its I/O thread, so also while its root hangs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from .conception import ProcessState
from .seen import ProcessKind, ProcessSeen

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem
    from .hosted_process import HostedProcess
    from .program import Program

__all__ = ("own_process", "processes_of")

_NS: Final = 1_000_000_000


def own_process(system: ActorSystem) -> ProcessSeen:
    """Say what this process is."""
    return ProcessSeen(kind=ProcessKind.HOST, path=system.name, pid=os.getpid())


def processes_of(system: ActorSystem) -> list[ProcessSeen]:
    """List who lives, in no order. Runs in: any thread; never blocks, asks nobody. Some 20 microseconds each."""
    hosting = system.hosting
    restarts = _Restarts()
    lives = [_hosted(life, restarts) for life in hosting.lives()]
    programs = [_program(program, restarts) for program in tuple(hosting.programs)]
    zygotes = [ProcessSeen(kind=ProcessKind.ZYGOTE, pid=pid) for pid in hosting.zygote_pids]
    spares = [ProcessSeen(kind=ProcessKind.SPARE, pid=pid) for pid in hosting.spare_pids]
    return [seen for seen in lives if seen is not None] + programs + zygotes + spares


def _hosted(life: HostedProcess, restarts: _Restarts) -> ProcessSeen | None:
    """Look at one; None if it dies at this moment."""
    try:
        said = life.recorded
    except ValueError:  # its page is closed
        return None
    state, succession, started_at = life.state, life.succession, life.started_at
    part = None if succession is None else succession.part_of(life)
    now_ns = time.monotonic_ns()
    active = succession is None or succession.active is life
    return ProcessSeen(
        kind=ProcessKind.ACTOR,
        path=life.ref.path,
        pid=life.pid,
        state=part if part is not None and state is ProcessState.READY else state.value,
        verdict=life.watch.verdict.value,
        in_flight=life.load,
        in_hand=said.in_hand,
        in_hand_seconds=max(0, now_ns - said.in_hand_ns) / _NS if said.in_hand and said.in_hand_ns else None,
        restarts=restarts.of(life.ref, life.parent),
        incarnation=life.incarnation,
        uptime=None if started_at is None else max(0.0, life.system.clock.now() - started_at),
        hosts=said.hosts,
        ref=life.ref if active and started_at is not None else None,
    )


def _program(program: Program, restarts: _Restarts) -> ProcessSeen:
    from ..life import Life

    ref = program.ref
    life = ref.cell
    present = life if isinstance(life, Life) and life.incarnation == program.incarnation else None
    if present is None or present.ended or present.mailbox.closed:
        state = ProcessState.STOPPING
    else:
        state = ProcessState.READY if present.ready else ProcessState.STARTING
    return ProcessSeen(
        kind=ProcessKind.COMMAND,
        path=ref.path,
        pid=program.pid,
        state=state.value,
        restarts=restarts.of(ref, None if present is None else present.parent),
        incarnation=program.incarnation,
        uptime=None if present is None else present.uptime(),
    )


@runtime_checkable
class _CountsRestarts(Protocol):
    """A supervisor, which nobody here knows by its class."""

    def restart_counts(self) -> Mapping[ActorRef[Any], int]:
        """How often each child was restarted."""


class _Restarts:
    """What supervisors of this system have counted, each looked at once."""

    def __init__(self) -> None:
        self._known: dict[ActorRef[Any], Mapping[ActorRef[Any], int]] = {}

    def of(self, child: ActorRef[Any], parent: ActorRef[Any] | None) -> int | None:
        """How often it was restarted; None if nobody counts."""
        if parent is None:
            return None
        if parent not in self._known:
            actor = getattr(parent.cell, "actor", None)
            self._known[parent] = actor.restart_counts() if isinstance(actor, _CountsRestarts) else {}
        return self._known[parent].get(child)
