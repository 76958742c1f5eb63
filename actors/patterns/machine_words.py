"""The words of a state machine: what happens to it, what its handlers answer, what they want done.

What lives here: frozen values and the short functions that make results. What must not: what any of them does.
Source: gen_statem's event types, state callback results and actions.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeAlias, TypeVar

from ...protocol.exits import NORMAL, ExitReason

__all__ = (
    "Action",
    "Call",
    "Caller",
    "CancelTimeout",
    "Cast",
    "Enter",
    "Event",
    "EventTimedOut",
    "EventTimeout",
    "Info",
    "Internal",
    "KeepState",
    "NextEvent",
    "NextState",
    "Postpone",
    "RepeatState",
    "ReplyTo",
    "Result",
    "StateTimedOut",
    "StateTimeout",
    "Stop",
    "TimedOut",
    "Timeout",
    "TimeoutKind",
    "UpdateTimeout",
    "keep_state",
    "next_state",
    "repeat_state",
    "stop",
    "stop_and_reply",
)

S = TypeVar("S", bound=Hashable)


class Caller(Protocol):
    """Who waits for an answer; a ReplyHandle is one."""

    def set(self, value: object = None) -> bool:
        """Answer."""

    def fail(self, error: BaseException) -> bool:
        """Answer with an error."""


# Events: what happens to it.


@dataclass(frozen=True, slots=True)
class Cast:
    """Somebody has told it something."""

    message: object


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody has asked it something and waits until there is a ReplyTo, now or in any later state."""

    message: object
    caller: Caller

    def reply(self, answer: object = None) -> ReplyTo:
        """The action that answers."""
        return ReplyTo(self.caller, answer)


@dataclass(frozen=True, slots=True)
class Info:
    """The runtime says something: a Down, an Exit."""

    message: object


@dataclass(frozen=True, slots=True)
class Internal:
    """The machine says something to itself, by NextEvent."""

    content: object = None


@dataclass(frozen=True, slots=True)
class StateTimedOut:
    """It has been in this state for as long as its StateTimeout said."""

    content: object = None


@dataclass(frozen=True, slots=True)
class EventTimedOut:
    """Nothing at all has happened for as long as the EventTimeout said."""

    content: object = None


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A timeout with a name has run out, whatever happened meanwhile."""

    name: Hashable
    content: object = None


@dataclass(frozen=True, slots=True)
class Enter:
    """It has just come into this state, from `old`, which is the state itself in the beginning and in a RepeatState."""

    old: Hashable


Event: TypeAlias = Cast | Call | Info | Internal | StateTimedOut | EventTimedOut | TimedOut | Enter


# Actions: what is to be done beside the change of state.


class TimeoutKind(Enum):
    """The two timeouts without a name."""

    STATE = "state timeout"
    EVENT = "event timeout"


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Answer who asked; an exception is raised in the asker."""

    caller: Caller
    answer: object = None


@dataclass(frozen=True, slots=True)
class Postpone:
    """Handle this event again after the next change of state, in the order in which events came."""


@dataclass(frozen=True, slots=True)
class NextEvent:
    """Handle this event next, before everything that waits; several in their order."""

    event: Event


@dataclass(frozen=True, slots=True)
class StateTimeout:
    """`StateTimedOut(content)` after so many seconds, unless the state changes before. math.inf cancels it."""

    after: float
    content: object = None


@dataclass(frozen=True, slots=True)
class EventTimeout:
    """`EventTimedOut(content)` after so many seconds, unless any event is handled before. math.inf cancels it."""

    after: float
    content: object = None


@dataclass(frozen=True, slots=True)
class Timeout:
    """`TimedOut(name, content)` after so many seconds; the same name again starts it anew. math.inf cancels it."""

    name: Hashable
    after: float
    content: object = None


@dataclass(frozen=True, slots=True)
class CancelTimeout:
    """Take back a timeout, by its name or its kind; no event of it comes any more. None running is fine."""

    of: Hashable


@dataclass(frozen=True, slots=True)
class UpdateTimeout:
    """Give a timeout that runs another content; if it does not run, its event comes as from a timeout of zero."""

    of: Hashable
    content: object = None


Action: TypeAlias = (
    ReplyTo | Postpone | NextEvent | StateTimeout | EventTimeout | Timeout | CancelTimeout | UpdateTimeout
)


# Results: what a handler answers.


@dataclass(frozen=True)  # no slots: before 3.13 `NextState[str](...)` fails with them
class NextState(Generic[S]):
    """Go to this state, which may be the present one: then it is no change of state."""

    state: S
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class KeepState:
    """Stay."""

    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class RepeatState:
    """Stay, and enter the state again: only for those who set `state_enter` different from KeepState."""

    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """End with this reason, after these replies."""

    reason: ExitReason = NORMAL
    replies: tuple[ReplyTo, ...] = ()


Result: TypeAlias = NextState[S] | KeepState | RepeatState | Stop


def next_state(state: S, *actions: Action) -> NextState[S]:
    """Go to this state."""
    return NextState(state, actions)


def keep_state(*actions: Action) -> KeepState:
    """Stay in this state."""
    return KeepState(actions)


def repeat_state(*actions: Action) -> RepeatState:
    """Stay in this state and enter it again."""
    return RepeatState(actions)


def stop(reason: ExitReason = NORMAL) -> Stop:
    """End the machine."""
    return Stop(reason)


def stop_and_reply(reason: ExitReason, *replies: ReplyTo) -> Stop:
    """End the machine after these replies."""
    return Stop(reason, replies)
