"""A dynamic supervisor with puppets below it: to start them, to end them, and to see what has become of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow.actors import ActorRef, ChildSpec
from regrow.actors.testing import Puppet, Script, exit_with
from regrow.protocol.exits import ExitReason
from regrow.supervision import (
    ChildInfo,
    ChildStarted,
    ChildTerminated,
    DynamicSupervisorHandle,
)
from tests.supervision.facts import Facts
from tests.supervision.trees import counts, puppet
from tests.supervision.trees import start_crowd as start

__all__ = (
    "Command",
    "add",
    "counts",
    "crash",
    "end",
    "info_of",
    "running",
    "settle",
    "start",
    "template",
    "turns",
    "well",
)

Command = Callable[[Puppet], object]


def template(script: Script | None = None, **more: Any) -> ChildSpec:
    """What OTP's cases call a simple_one_for_one spec."""
    return puppet("child", script, **more)


def add(handle: DynamicSupervisorHandle, script: Script | None = None, **more: Any) -> ActorRef:
    """Start one more puppet."""
    return running(handle.start_child(puppet("child", script, **more)).ref)


def running(ref: ActorRef | None) -> ActorRef:
    assert ref is not None, "it has declined to run"
    return ref


def turns(*commands: Command) -> Command:
    """In each life the next of these; the last one for ever."""
    left = list(commands)

    def follow(actor: Puppet) -> object:
        command = left.pop(0) if len(left) > 1 else left[0]
        return command(actor)

    return follow


def well(_puppet: Puppet) -> object:
    """Do nothing, and so be ready."""
    return None


def info_of(handle: DynamicSupervisorHandle, ref: ActorRef) -> ChildInfo | None:
    return next((info for info in handle.which_children() if info.ref is ref), None)


def end(facts: Facts, ref: ActorRef, reason: ExitReason) -> ChildTerminated:
    """Have a child end with this reason, and wait until its supervisor has seen it."""
    before = len(facts.all(ChildTerminated, child_id=ref.name))
    ref.tell(exit_with(reason))
    return facts.wait(ChildTerminated, child_id=ref.name, times=before + 1)


def crash(facts: Facts, ref: ActorRef, reason: ExitReason) -> ChildStarted:
    """Have a child end with this reason, and wait for its next life."""
    before = len(facts.all(ChildStarted, child_id=ref.name))
    end(facts, ref, reason)
    return facts.wait(ChildStarted, child_id=ref.name, times=before + 1)


def settle(handle: DynamicSupervisorHandle, says: Callable[[tuple[int, int, int, int]], bool]) -> None:
    """Ask until the counts are so: for what no event tells, as that a child has declined in a restart."""
    for _ in range(10_000):
        if says(counts(handle)):
            return
    raise AssertionError(f"the counts are still {counts(handle)}")
