"""The states of a child, and every way from one to another.

What lives here: the table, which tests walk and docs draw. What must not: why a child moves (that is the core's).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ("ALIVE", "TRANSITIONS", "ChildState", "Step", "next_state")


class ChildState(StrEnum):
    """What a child is doing. BACKOFF: down, and to be restarted, now waiting for its time or for its group."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    BACKOFF = "backoff"
    STOPPING = "stopping"


class Step(StrEnum):
    """What moves a child."""

    BEGIN = "begin"  # a life has been ordered
    READY = "ready"  # that life is ready
    IGNORE = "ignore"  # that life wants to be left out
    FAIL = "fail"  # that life has ended before it was ready
    END = "end"  # that life has ended
    STOP = "stop"  # that life has been asked to stop, or has been killed
    ABANDON = "abandon"  # that life does not end although it was killed
    WAIT = "wait"  # a restart has been decided
    CANCEL = "cancel"  # that restart is not wanted any more


TRANSITIONS: Final[dict[ChildState, dict[Step, ChildState]]] = {
    ChildState.STOPPED: {
        Step.BEGIN: ChildState.STARTING,
        Step.WAIT: ChildState.BACKOFF,
    },
    ChildState.STARTING: {
        Step.READY: ChildState.RUNNING,
        Step.IGNORE: ChildState.STOPPED,
        Step.FAIL: ChildState.STOPPED,
        Step.STOP: ChildState.STOPPING,
    },
    ChildState.RUNNING: {
        Step.END: ChildState.STOPPED,
        Step.STOP: ChildState.STOPPING,
    },
    ChildState.STOPPING: {
        Step.READY: ChildState.STOPPING,  # its start was faster than our wish to stop it
        Step.IGNORE: ChildState.STOPPED,
        Step.FAIL: ChildState.STOPPED,
        Step.END: ChildState.STOPPED,
        Step.ABANDON: ChildState.STOPPED,
    },
    ChildState.BACKOFF: {
        Step.BEGIN: ChildState.STARTING,
        Step.CANCEL: ChildState.STOPPED,
    },
}

ALIVE: Final = frozenset({ChildState.STARTING, ChildState.RUNNING, ChildState.STOPPING})
"""States in which a life exists that somebody has to stop."""


def next_state(state: ChildState, step: Step) -> ChildState:
    """Give the state that `step` leads to. Errors: AssertionError for a pair that the table does not have."""
    try:
        return TRANSITIONS[state][step]
    except KeyError:
        raise AssertionError(f"a child cannot {step} while it is {state}") from None
