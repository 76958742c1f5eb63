"""What a supervisor is in the middle of: booting, restarting a group, or ending.

What lives here: the plans as values. What must not: how they advance (boot.py, groups.py, ending.py).
A supervisor has at most one plan; a plan waits in its phase, so the supervisor itself never does.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from ..actors.child_spec import ChildSpec, ChildType
from ..protocol.exits import ExitReason
from .difference import Difference
from .errors import SupervisionError
from .results import Reconfigured

__all__ = ("Boot", "Ending", "GroupPhase", "GroupRestart", "Plan", "Reconfiguration")


@dataclass(slots=True)
class Boot:
    """Start the children of the spec, left to right, each only when the one before it is ready."""

    pending: list[str]
    current: str | None = None
    exits: list[tuple[str, ExitReason]] = field(default_factory=list)  # decided upon when all are started, as in OTP


class GroupPhase(StrEnum):
    """A group restart stops its members, waits for its time, starts them."""

    STOPPING = "stopping"
    WAITING = "waiting"
    STARTING = "starting"


@dataclass(slots=True)
class GroupRestart:
    """Stop the members in reverse start order, wait until `due`, start them in start order."""

    members: tuple[str, ...]
    due: float
    turn: int
    phase: GroupPhase = GroupPhase.STOPPING
    pending: list[str] = field(default_factory=list)  # set when the phase becomes STARTING
    current: str | None = None  # the member whose start is awaited
    ids: frozenset[str] = field(init=False)  # the members, for those who ask of every event whether it is one's
    standing: list[str] | None = None  # members that may live, in start order; None: to be looked up anew

    def __post_init__(self) -> None:
        self.ids = frozenset(self.members)


@dataclass(slots=True)
class Ending:
    """Stop all children in reverse start order, then end with `reason`.

    `error`: why the supervisor's own start fails; None when it had started.
    """

    reason: ExitReason
    error: SupervisionError | None = None
    pending: list[str] | None = None  # in start order; set when the first one is stopped


@dataclass(slots=True)
class Reconfiguration:
    """Bring the lives in line with a new spec: stop what has to go, then start what has to come, in start order.

    It is not a Plan, as it waits while there is one: a child that crashes, or a group of them, is seen to first.
    """

    asker: Hashable
    change: Difference
    before: dict[str, ChildSpec]  # the specs that those have had who are asked to change inside
    types: dict[str, ChildType]  # what those are that have to stop, though their specs say something else by now
    lives: dict[str, int]  # the life of each child that is not in line; a later one is
    stopping: list[str]  # the last is stopped first
    starting: list[str]  # also those that are asked to change inside
    current: tuple[str, int] | None = None  # child and life that is waited for, while it starts or changes inside
    asked: bool = False  # the current one has been asked to change inside, and has not answered
    changed: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # their first start has failed, and why
    refused: dict[str, str] = field(default_factory=dict)  # they stay as they were inside, and why
    inside: dict[str, Reconfigured] = field(default_factory=dict)


Plan: TypeAlias = Boot | GroupRestart | Ending
