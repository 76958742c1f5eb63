"""The facts that the runtime publishes on the bus of its system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..protocol.exits import ExitReason
from .signals import ExitReport

if TYPE_CHECKING:
    from ..protocol.host.messages import LogRecord
    from .ref import ActorRef

__all__ = (
    "AbandonedEnded",
    "ActorAbandoned",
    "ActorExited",
    "ActorStarted",
    "CallbackFailed",
    "DeadLetter",
    "Deadlocked",
    "HandlerStuck",
    "HookFailed",
    "LogReceived",
    "MailboxHigh",
    "MailboxLow",
    "OutputCaptured",
    "PoolExhausted",
)


@dataclass(frozen=True, slots=True)
class ActorStarted:
    """A life is ready: its on_start has returned."""

    ref: ActorRef
    incarnation: int


@dataclass(frozen=True, slots=True)
class ActorExited:
    """A life has ended, ready or not; its names are free, links and monitors have been told."""

    ref: ActorRef
    incarnation: int
    reason: ExitReason
    report: ExitReport | None = None


@dataclass(frozen=True, slots=True)
class ActorAbandoned:
    """A life was ended while its code ran; a thread cannot be killed, so it still runs, fenced off."""

    ref: ActorRef
    incarnation: int


@dataclass(frozen=True, slots=True)
class AbandonedEnded:
    """The thread of an abandoned life has come to its end after all."""

    ref: ActorRef
    incarnation: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody will handle; asks are answered with an error instead."""

    to: ActorRef
    message: object
    why: str


@dataclass(frozen=True, slots=True)
class Deadlocked:
    """Each of these would wait for the next, and the last for the first; who closed the circle got CallingSelf."""

    cycle: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HandlerStuck:
    """A handler has run for so many seconds, and still does; published once for each by `system.watch_stuck()`."""

    ref: ActorRef
    incarnation: int
    seconds: float  # at least
    stack: str


@dataclass(frozen=True, slots=True)
class MailboxHigh:
    """So many messages wait that its `high_water` is reached; told once, until there are few again."""

    ref: ActorRef
    waiting: int


@dataclass(frozen=True, slots=True)
class MailboxLow:
    """After a MailboxHigh: so few wait again that its `low_water` is reached, or half of `high_water`."""

    ref: ActorRef
    waiting: int


@dataclass(frozen=True, slots=True)
class PoolExhausted:
    """All threads of a pool are held up, and actors wait for one; told once, until a thread has nothing to do again."""

    threads: int
    waiting: int


@dataclass(frozen=True, slots=True)
class HookFailed:
    """A hook raised after the reason of the end was fixed already."""

    ref: ActorRef
    incarnation: int
    hook: str
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class CallbackFailed:
    """A callback of the clock or of a start raised."""

    reason: ExitReason


@dataclass(frozen=True, slots=True)
class LogReceived:
    """A hosted process has logged."""

    ref: ActorRef
    record: LogRecord


@dataclass(frozen=True, slots=True)
class OutputCaptured:
    """A hosted process or command has written a line."""

    ref: ActorRef
    stream: Literal["stdout", "stderr"]
    line: str
