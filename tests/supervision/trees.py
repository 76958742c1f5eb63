"""Real supervisors with puppets below them, and how to reach a child: by the ids on the way to it."""

from __future__ import annotations

from typing import Any

from regrow.actors import ActorRef, ActorSystem, ChildSpec
from regrow.actors.testing import Script
from regrow.supervision import (
    NO_BACKOFF,
    ChildInfo,
    DynamicSpec,
    DynamicSupervisorHandle,
    SupervisorHandle,
    SupervisorSpec,
)
from tests.supervision.stage import OFTEN


def puppet(child_id: str, script: Script | None = None, **more: Any) -> ChildSpec:
    """A child that does what it is told."""
    return ChildSpec(id=child_id, start=(script or Script()).start, **more)


def start(system: ActorSystem, *children: ChildSpec, **more: Any) -> SupervisorHandle:
    """A supervisor over these; by default it restarts at once and as often as one likes, as a test of OTP's would."""
    return SupervisorHandle.start(system, SupervisorSpec(children=children, **_at_once(more)))


def start_crowd(system: ActorSystem, **more: Any) -> DynamicSupervisorHandle:
    """A dynamic supervisor, with the same defaults."""
    return DynamicSupervisorHandle.start(system, DynamicSpec(**_at_once(more)))


def _at_once(settings: dict[str, Any]) -> dict[str, Any]:
    return {"intensity": OFTEN, "backoff": NO_BACKOFF, **settings}


def info_of(handle: SupervisorHandle, child_id: str, **more: Any) -> ChildInfo:
    info = handle.which_child(child_id, **more)
    assert info is not None, f"{child_id} is not in the table"
    return info


def ref_of(handle: SupervisorHandle, child_id: str, **more: Any) -> ActorRef:
    ref = info_of(handle, child_id, **more).ref
    assert ref is not None, f"{child_id} has never lived"
    return ref


def below(handle: SupervisorHandle, *path: str) -> SupervisorHandle:
    """The supervisor that is reached along these child ids."""
    for child_id in path:
        handle = SupervisorHandle(ref_of(handle, child_id))
    return handle


def counts(handle: SupervisorHandle | DynamicSupervisorHandle) -> tuple[int, int, int, int]:
    """Specs, active, supervisors, workers: the order in which OTP's cases give them."""
    found = handle.count_children()
    return found.specs, found.active, found.supervisors, found.workers
