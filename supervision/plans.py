"""What a supervisor is in the middle of: booting, restarting a group, or ending.

What lives here: the plans as values. What must not: how they advance (boot.py, groups.py, ending.py).
A supervisor has at most one plan; a plan waits in its phase, so the supervisor itself never does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from ..protocol.exits import ExitReason
from .errors import SupervisionError

__all__ = ("Boot", "Ending", "GroupPhase", "GroupRestart", "Plan")


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


@dataclass(slots=True)
class Ending:
    """Stop all children in reverse start order, then end with `reason`.

    `error`: why the supervisor's own start fails; None when it had started.
    """

    reason: ExitReason
    error: SupervisionError | None = None


Plan: TypeAlias = Boot | GroupRestart | Ending
