"""What a supervisor answers when it does what it was asked. The refusals are in errors.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from ..actors.child_spec import ChildSpec, ChildType, Restart
from .states import ChildState

if TYPE_CHECKING:
    from ..actors.ref import ActorRef

__all__ = ("ChildCounts", "ChildInfo", "Children", "Done", "Reconfigured", "Result", "StartedChild")


@dataclass(frozen=True, slots=True)
class StartedChild:
    """A child is ready, or has asked to be left out: then `ref` is None. `info`: what else its start had to say."""

    child_id: str
    ref: ActorRef[Any] | None
    info: object = None


@dataclass(frozen=True, slots=True)
class Done:
    """It is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildInfo:
    """A child as its supervisor sees it.

    `ref` is None until its first life has begun. `restarting`: it is down, and waits for its restart or is in it (OTP's
    word for both). `restarts`: since it was added. `next_restart_in`: seconds left of its backoff, None if it is not
    waiting for a time. `last_reason`: why its latest life that is over has ended.
    """

    id: str
    ref: ActorRef[Any] | None
    state: ChildState
    restarting: bool
    type: ChildType
    restart: Restart
    significant: bool
    life: int
    incarnation: int
    restarts: int
    next_restart_in: float | None
    last_reason: str | None


@dataclass(frozen=True, slots=True)
class Children:
    """All children, latest started first."""

    children: tuple[ChildInfo, ...]


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """`specs`: in the table; `active`: ready and not yet ended; then by type, alive or not."""

    specs: int
    active: int
    supervisors: int
    workers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigured:
    """What a supervisor has done to follow a new spec; children by id, in start order, `removed` in the old one.

    `own`: fields of the supervisor itself. `changed`: their policy was applied to the life that runs, or to the next
    one if none does. `stopped`: of those the ones that were down and stay down. `restarted`: they have a new life.
    `failed`: of the restarted and added ones those whose first start has failed, with the reason; they are being
    restarted like any child. `inside`: supervisors that went on and changed below, with what they answered.
    `refused`: supervisors that could not follow and go on as they were.
    """

    own: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    reordered: bool = False
    failed: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    inside: Mapping[str, Reconfigured] = field(default_factory=dict)

    @property
    def unchanged(self) -> bool:
        """Say whether there was nothing to do."""
        done = (self.own, self.changed, self.restarted, self.added, self.removed, self.refused, self.inside)
        return not (self.reordered or any(done))


Result: TypeAlias = StartedChild | Done | Children | ChildCounts | ChildSpec | Reconfigured
