"""What is often built from actors. `regrow.actors` loads nothing of it, and each part is loaded when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .agent import Agent, AgentRef
    from .circuit import BreakerSettings, CircuitState
    from .circuit_breaker import BreakerStatistics, CircuitBreaker
    from .draining import Drained, drain, drain_all
    from .errors import BadAction, BadResult, BadStateMachine, CircuitOpen, NoAnswer, NoRoutee, UnknownState
    from .events import CircuitClosed, CircuitHalfOpened, CircuitOpened
    from .gather import ask_all, ask_all_async, ask_first, ask_first_async
    from .hash_ring import HashRing
    from .load import Load, waiting_messages
    from .machine_words import (
        Action,
        Call,
        Caller,
        CancelTimeout,
        Cast,
        Enter,
        Event,
        EventTimedOut,
        EventTimeout,
        Info,
        Internal,
        KeepState,
        NextEvent,
        NextState,
        Postpone,
        RepeatState,
        ReplyTo,
        Result,
        StateTimedOut,
        StateTimeout,
        Stop,
        TimedOut,
        Timeout,
        TimeoutKind,
        UpdateTimeout,
        keep_state,
        next_state,
        repeat_state,
        stop,
        stop_and_reply,
    )
    from .pipe import PipedError, pipe_to
    from .router import AddRoutee, GetRoutees, RemoveRoutee, Router, RouterActor
    from .routing import (
        Broadcast,
        ConsistentHash,
        LeastBusy,
        Pick,
        RandomPick,
        RoundRobin,
        ScatterGather,
        Strategy,
        TailChopping,
    )
    from .state_machine import GenStateMachine, state
    from .topics import Subscription, Topics, deliver_to

__all__ = (
    "Action",
    "AddRoutee",
    "Agent",
    "AgentRef",
    "BadAction",
    "BadResult",
    "BadStateMachine",
    "BreakerSettings",
    "BreakerStatistics",
    "Broadcast",
    "Call",
    "Caller",
    "CancelTimeout",
    "Cast",
    "CircuitBreaker",
    "CircuitClosed",
    "CircuitHalfOpened",
    "CircuitOpen",
    "CircuitOpened",
    "CircuitState",
    "ConsistentHash",
    "Drained",
    "Enter",
    "Event",
    "EventTimedOut",
    "EventTimeout",
    "GenStateMachine",
    "GetRoutees",
    "HashRing",
    "Info",
    "Internal",
    "KeepState",
    "LeastBusy",
    "Load",
    "NextEvent",
    "NextState",
    "NoAnswer",
    "NoRoutee",
    "Pick",
    "PipedError",
    "Postpone",
    "RandomPick",
    "RemoveRoutee",
    "RepeatState",
    "ReplyTo",
    "Result",
    "RoundRobin",
    "Router",
    "RouterActor",
    "ScatterGather",
    "StateTimedOut",
    "StateTimeout",
    "Stop",
    "Strategy",
    "Subscription",
    "TailChopping",
    "TimedOut",
    "Timeout",
    "TimeoutKind",
    "Topics",
    "UnknownState",
    "UpdateTimeout",
    "ask_all",
    "ask_all_async",
    "ask_first",
    "ask_first_async",
    "deliver_to",
    "drain",
    "drain_all",
    "keep_state",
    "next_state",
    "pipe_to",
    "repeat_state",
    "state",
    "stop",
    "stop_and_reply",
    "waiting_messages",
)

_PARTS: Final = {
    "agent": (
        "Agent",
        "AgentRef",
    ),
    "circuit": (
        "BreakerSettings",
        "CircuitState",
    ),
    "circuit_breaker": (
        "BreakerStatistics",
        "CircuitBreaker",
    ),
    "draining": (
        "Drained",
        "drain",
        "drain_all",
    ),
    "errors": (
        "BadAction",
        "BadResult",
        "BadStateMachine",
        "CircuitOpen",
        "NoAnswer",
        "NoRoutee",
        "UnknownState",
    ),
    "events": (
        "CircuitClosed",
        "CircuitHalfOpened",
        "CircuitOpened",
    ),
    "gather": (
        "ask_all",
        "ask_all_async",
        "ask_first",
        "ask_first_async",
    ),
    "hash_ring": ("HashRing",),
    "load": (
        "Load",
        "waiting_messages",
    ),
    "machine_words": (
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
    ),
    "pipe": (
        "PipedError",
        "pipe_to",
    ),
    "router": (
        "AddRoutee",
        "GetRoutees",
        "RemoveRoutee",
        "Router",
        "RouterActor",
    ),
    "routing": (
        "Broadcast",
        "ConsistentHash",
        "LeastBusy",
        "Pick",
        "RandomPick",
        "RoundRobin",
        "ScatterGather",
        "Strategy",
        "TailChopping",
    ),
    "state_machine": (
        "GenStateMachine",
        "state",
    ),
    "topics": (
        "Subscription",
        "Topics",
        "deliver_to",
    ),
}
_HOMES: Final = {name: part for part, names in _PARTS.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = found  # the next look finds it at once
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
