"""Looking at a live actor: one question, one answer, both fit to cross process boundaries."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..protocol.records import record

__all__ = ("Describe", "Description")


@record("regrow.describe")
@dataclass(frozen=True, slots=True)
class Describe:
    """Ask an actor what it is; answered ahead of all messages that wait, by every Actor."""


@record("regrow.description")
@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What an actor says of itself; supervisors fill in their children."""

    name: str
    urn: str
    kind: str  # the class, as "package.module.Class"
    state: str  # "running"; of a supervisor's child also "starting", "backoff", "stopped"...
    incarnation: int
    children: list[Description] = field(default_factory=list)
    child_id: str | None = None  # set by the supervisor that lists it
    waiting_messages: int = 0
    uptime: float | None = None  # seconds since ready
    restarts: int = 0
    pid: int | None = None
    reason: str | None = None  # how its latest life ended, in words
    details: dict[str, object] = field(default_factory=dict)
