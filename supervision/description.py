"""What a supervisor says of itself and of its children, without asking them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..actors.describe import Description
from .mind import Mind
from .results import ChildInfo

__all__ = ("describe_child", "describe_supervisor")


def describe_supervisor(own: Description, mind: Mind[Any], now: float) -> Description:
    """Add the supervisor's part to what every actor says; `now` is monotonic seconds."""
    return replace(
        own,
        state=mind.phase,
        children=[describe_child(info) for info in mind.children(now)],
        details=mind.settings,
    )


def describe_child(info: ChildInfo) -> Description:
    """Say what the supervisor knows of a child. `details["next_restart_in"]`: seconds, while it waits for a time."""
    details: dict[str, object] = {"restart": str(info.restart), "type": str(info.type)}
    if info.next_restart_in is not None:
        details["next_restart_in"] = info.next_restart_in
    if info.restarting:
        details["restarting"] = True
    if info.significant:
        details["significant"] = True
    kind = None if info.ref is None else info.ref.actor_class
    return Description(
        name=info.id if info.ref is None else info.ref.name,
        urn="" if info.ref is None else info.ref.urn,
        kind="" if kind is None else f"{kind.__module__}.{kind.__qualname__}",
        state=str(info.state),
        incarnation=info.incarnation,
        child_id=info.id,
        restarts=info.restarts,
        pid=None if info.ref is None else info.ref.pid,
        reason=info.last_reason,
        details=details,
    )
