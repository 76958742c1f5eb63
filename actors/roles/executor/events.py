"""What happens to an executor and what it decides to do, as frozen facts.

What lives here: the events of `ExecutorCore` that are not records already (see `roles/messages.py`) and all its
commands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..messages import (
    Adopt,
    Adopted,
    CancelInvocation,
    InvocationFinished,
    InvocationOffered,
    InvocationRefused,
    InvocationTaken,
    ResultStored,
    RunFinished,
    RunFunction,
)

__all__ = (
    "CancelSlot",
    "Command",
    "DrainStarted",
    "Drained",
    "Event",
    "InterruptSlot",
    "KillSlot",
    "RunsAbandoned",
    "SlotDown",
    "SlotUp",
    "StartRun",
    "TimeReached",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotUp:
    """A slot can run a function; `pid` is that of its process."""

    slot: int
    incarnation: int
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotDown:
    """A slot's process (or thread) is gone; `reason` in words, `detail` its last words."""

    slot: int
    incarnation: int
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TimeReached:
    """The time that `ExecutorCore.next_wake` asked for has come."""


@dataclass(frozen=True, slots=True)
class DrainStarted:
    """Nothing new from now on; finish what is here."""


@dataclass(frozen=True, slots=True)
class RunsAbandoned:
    """The worker ends now, whatever runs; the gateway shall deliver it again. Asked by the worker itself: the answer,
    None, comes when the link has been told.
    """


Event: TypeAlias = (
    InvocationOffered
    | CancelInvocation
    | ResultStored
    | RunFinished
    | SlotUp
    | SlotDown
    | TimeReached
    | DrainStarted
    | RunsAbandoned
    | Adopt
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRun:
    """Run this in that slot."""

    slot: int
    incarnation: int
    run: RunFunction


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelSlot:
    """Raise the cancel flag of the run in that slot."""

    slot: int
    request_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptSlot:
    """Raise `Interrupted` in the run in that slot."""

    slot: int
    request_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSlot:
    """Kill that slot's process, this life of it only; it is replaced."""

    slot: int
    incarnation: int
    reason: str


@dataclass(frozen=True, slots=True)
class Drained:
    """Nothing runs, waits or is owed to the outbox."""


Command: TypeAlias = (
    StartRun
    | CancelSlot
    | InterruptSlot
    | KillSlot
    | Drained
    | InvocationTaken
    | InvocationRefused
    | InvocationFinished
    | Adopted
)
