"""The rules of a supervisor as a reader of OTP's manual would write them down: plain functions of plain values."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from regrow.actors.child_spec import ChildType, Restart
from regrow.protocol.exits import ExitReason, Normal, Shutdown
from regrow.supervision.decay import FailureDecay
from regrow.supervision.intensity import RestartIntensity
from regrow.supervision.results import ChildCounts, ChildInfo
from regrow.supervision.states import TRANSITIONS, ChildState

__all__ = ("ALIVE", "READY", "comes_back", "count_children", "excess", "within_one_life")

ALIVE = {ChildState.STARTING, ChildState.RUNNING, ChildState.STOPPING}
READY = {ChildState.RUNNING, ChildState.STOPPING}


def comes_back(restart: Restart, reason: ExitReason) -> bool:
    clean = isinstance(reason, Normal | Shutdown)
    return restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and not clean)


def count_children(infos: Collection[ChildInfo], readied: Collection[int]) -> ChildCounts:
    """Count those in a table. `readied`: the lives that are known to have been ready."""
    supervisors = sum(info.type is ChildType.SUPERVISOR for info in infos)
    active = sum(info.state in READY and info.life in readied for info in infos)
    return ChildCounts(len(infos), active, supervisors, len(infos) - supervisors)


def excess(intensity: RestartIntensity | FailureDecay, attempts: Iterable[float], now: float, slack: float) -> float:
    """By how much the restarts until now are too many; positive `slack` counts what is on the edge."""
    if isinstance(intensity, FailureDecay):
        return sum(0.5 ** ((now - at) / intensity.decay) for at in attempts) - intensity.threshold + slack
    return sum(now - at <= intensity.max_seconds + slack for at in attempts) - intensity.max_restarts


def within_one_life(state: ChildState) -> set[ChildState]:
    """Where the table leads without a new life."""
    found = {state}
    while more := {to for at in found for step, to in TRANSITIONS[at].items() if step != "begin"} - found:
        found |= more
    return found
