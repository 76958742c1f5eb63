"""A supervisor with puppets below it: to start one, to end a child, and to see what has become of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from regrow.actors import ActorExited
from regrow.actors.testing import Puppet, exit_with
from regrow.protocol.exits import Crash, ExitReason
from regrow.supervision import (
    ChildInfo,
    ChildStarted,
    ChildTerminated,
    SupervisorHandle,
)
from tests.supervision.facts import Facts
from tests.supervision.stage import OFTEN
from tests.supervision.trees import below, counts, info_of, puppet, ref_of, start

__all__ = (
    "BOOM",
    "OFTEN",
    "below",
    "counts",
    "crash_child",
    "end_child",
    "ends",
    "ids",
    "info_of",
    "lives",
    "puppet",
    "ref_of",
    "settle",
    "start",
)

BOOM = Crash("PuppetError", "boom")


def ids(handle: SupervisorHandle) -> list[str]:
    """In start order."""
    return [info.id for info in reversed(handle.which_children())]


def lives(handle: SupervisorHandle) -> dict[str, int]:
    """By child id: the number of the incarnation that its ref leads to, 0 for one that never lived."""
    return {info.id: info.incarnation for info in reversed(handle.which_children())}


def end_child(
    handle: SupervisorHandle, facts: Facts, child_id: str, reason: ExitReason = BOOM, **fields: Any
) -> ChildTerminated:
    """Have a child end with this reason, and wait until its supervisor has seen it.

    `fields`: what else the event must have, as supervisor="..." where ids are not unique in the tree.
    """
    life = info_of(handle, child_id).life
    ref_of(handle, child_id).tell(exit_with(reason))
    return facts.wait(ChildTerminated, child_id=child_id, life=life, **fields)


def crash_child(
    handle: SupervisorHandle, facts: Facts, child_id: str, reason: ExitReason = BOOM, **fields: Any
) -> ChildStarted:
    """Have a child end with this reason, and wait for its next life."""
    life = end_child(handle, facts, child_id, reason, **fields).life
    return facts.wait_where(ChildStarted, lambda event: event.life > life, child_id=child_id, **fields)


def settle(handle: SupervisorHandle, child_id: str, says: Callable[[ChildInfo], bool]) -> ChildInfo:
    """Ask until it is so: for what no event tells, as that a child has declined in a restart."""
    for _ in range(10_000):
        info = info_of(handle, child_id)
        if says(info):
            return info
    raise AssertionError(f"{child_id} is still {info_of(handle, child_id)}")


def ends(facts: Facts) -> list[tuple[str, ExitReason]]:
    """Which puppets have ended and why, in that order."""
    return [(event.ref.name, event.reason) for event in facts.all(ActorExited) if event.ref.actor_class is Puppet]
