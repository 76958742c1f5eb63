"""Real programs as supervised children: how tests begin them and see them end."""

from __future__ import annotations

import os
import queue
import select
import sys
from dataclasses import replace

from hosting_bench import WAIT, Bench

from regrow.actors import ActorExited, ActorRef, ChildSpec, Describe, Description, Start, Started, StartOutcome
from regrow.actors.hosting import Command, CommandActor, Readiness
from regrow.protocol.exits import ExitReason

__all__ = ("begin", "described", "gone", "python", "reason_of", "started")


def python(source: str, ready: Readiness | None = None, **options: object) -> Command:
    command = Command((sys.executable, "-uc", source), ready=ready)
    return replace(command, **options)  # type: ignore[arg-type]


def begin(bench: Bench, command: Command) -> StartOutcome:
    outcomes: queue.SimpleQueue[StartOutcome] = queue.SimpleQueue()
    spec = ChildSpec(id="program", start=Start(CommandActor, (command,)), start_timeout=WAIT * 2)
    bench.system.begin(spec, parent=None, ref=None, on_outcome=outcomes.put)
    return outcomes.get(timeout=WAIT * 2)


def started(bench: Bench, command: Command) -> ActorRef:
    outcome = begin(bench, command)
    assert isinstance(outcome, Started), outcome
    return outcome.ref


def described(ref: ActorRef) -> Description:
    said = ref.ask(Describe(), timeout=WAIT)
    assert isinstance(said, Description)
    return said


def reason_of(bench: Bench, ref: ActorRef) -> ExitReason:
    return bench.events.wait(ActorExited, lambda event: event.ref is ref).reason


def gone(pid: int) -> bool:
    """Wait for the end of a process, whoever its parent is, and say whether it came; a zombie has ended."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([watched], [], [], WAIT)[0])
    finally:
        os.close(watched)
