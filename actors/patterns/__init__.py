"""What is often built from actors. `regrow.actors` loads nothing of it, and each part is loaded when it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...protocol.lazy import lazily

if TYPE_CHECKING:
    from .agent import Agent as Agent
    from .agent import AgentRef as AgentRef
    from .circuit import BreakerSettings as BreakerSettings
    from .circuit import CircuitState as CircuitState
    from .circuit_breaker import BreakerStatistics as BreakerStatistics
    from .circuit_breaker import CircuitBreaker as CircuitBreaker
    from .draining import Drained as Drained
    from .draining import drain as drain
    from .draining import drain_all as drain_all
    from .errors import BadAction as BadAction
    from .errors import BadResult as BadResult
    from .errors import BadStateMachine as BadStateMachine
    from .errors import CircuitOpen as CircuitOpen
    from .errors import NoAnswer as NoAnswer
    from .errors import NoRoutee as NoRoutee
    from .errors import UnknownState as UnknownState
    from .events import CircuitClosed as CircuitClosed
    from .events import CircuitHalfOpened as CircuitHalfOpened
    from .events import CircuitOpened as CircuitOpened
    from .gather import ask_all as ask_all
    from .gather import ask_all_async as ask_all_async
    from .gather import ask_first as ask_first
    from .gather import ask_first_async as ask_first_async
    from .hash_ring import HashRing as HashRing
    from .load import Load as Load
    from .load import waiting_messages as waiting_messages
    from .machine_words import Action as Action
    from .machine_words import Call as Call
    from .machine_words import Caller as Caller
    from .machine_words import CancelTimeout as CancelTimeout
    from .machine_words import Cast as Cast
    from .machine_words import Enter as Enter
    from .machine_words import Event as Event
    from .machine_words import EventTimedOut as EventTimedOut
    from .machine_words import EventTimeout as EventTimeout
    from .machine_words import Info as Info
    from .machine_words import Internal as Internal
    from .machine_words import KeepState as KeepState
    from .machine_words import NextEvent as NextEvent
    from .machine_words import NextState as NextState
    from .machine_words import Postpone as Postpone
    from .machine_words import RepeatState as RepeatState
    from .machine_words import ReplyTo as ReplyTo
    from .machine_words import Result as Result
    from .machine_words import StateTimedOut as StateTimedOut
    from .machine_words import StateTimeout as StateTimeout
    from .machine_words import Stop as Stop
    from .machine_words import TimedOut as TimedOut
    from .machine_words import Timeout as Timeout
    from .machine_words import TimeoutKind as TimeoutKind
    from .machine_words import UpdateTimeout as UpdateTimeout
    from .machine_words import keep_state as keep_state
    from .machine_words import next_state as next_state
    from .machine_words import repeat_state as repeat_state
    from .machine_words import stop as stop
    from .machine_words import stop_and_reply as stop_and_reply
    from .pipe import PipedError as PipedError
    from .pipe import pipe_to as pipe_to
    from .router import AddRoutee as AddRoutee
    from .router import GetRoutees as GetRoutees
    from .router import RemoveRoutee as RemoveRoutee
    from .router import Router as Router
    from .router import RouterActor as RouterActor
    from .routing import Broadcast as Broadcast
    from .routing import ConsistentHash as ConsistentHash
    from .routing import LeastBusy as LeastBusy
    from .routing import Pick as Pick
    from .routing import RandomPick as RandomPick
    from .routing import RoundRobin as RoundRobin
    from .routing import ScatterGather as ScatterGather
    from .routing import Strategy as Strategy
    from .routing import TailChopping as TailChopping
    from .state_machine import GenStateMachine as GenStateMachine
    from .state_machine import state as state
    from .topics import Subscription as Subscription
    from .topics import Topics as Topics
    from .topics import deliver_to as deliver_to

_HOMES: Final = {
    "Action": "machine_words",
    "AddRoutee": "router",
    "Agent": "agent",
    "AgentRef": "agent",
    "BadAction": "errors",
    "BadResult": "errors",
    "BadStateMachine": "errors",
    "BreakerSettings": "circuit",
    "BreakerStatistics": "circuit_breaker",
    "Broadcast": "routing",
    "Call": "machine_words",
    "Caller": "machine_words",
    "CancelTimeout": "machine_words",
    "Cast": "machine_words",
    "CircuitBreaker": "circuit_breaker",
    "CircuitClosed": "events",
    "CircuitHalfOpened": "events",
    "CircuitOpen": "errors",
    "CircuitOpened": "events",
    "CircuitState": "circuit",
    "ConsistentHash": "routing",
    "Drained": "draining",
    "Enter": "machine_words",
    "Event": "machine_words",
    "EventTimedOut": "machine_words",
    "EventTimeout": "machine_words",
    "GenStateMachine": "state_machine",
    "GetRoutees": "router",
    "HashRing": "hash_ring",
    "Info": "machine_words",
    "Internal": "machine_words",
    "KeepState": "machine_words",
    "LeastBusy": "routing",
    "Load": "load",
    "NextEvent": "machine_words",
    "NextState": "machine_words",
    "NoAnswer": "errors",
    "NoRoutee": "errors",
    "Pick": "routing",
    "PipedError": "pipe",
    "Postpone": "machine_words",
    "RandomPick": "routing",
    "RemoveRoutee": "router",
    "RepeatState": "machine_words",
    "ReplyTo": "machine_words",
    "Result": "machine_words",
    "RoundRobin": "routing",
    "Router": "router",
    "RouterActor": "router",
    "ScatterGather": "routing",
    "StateTimedOut": "machine_words",
    "StateTimeout": "machine_words",
    "Stop": "machine_words",
    "Strategy": "routing",
    "Subscription": "topics",
    "TailChopping": "routing",
    "TimedOut": "machine_words",
    "Timeout": "machine_words",
    "TimeoutKind": "machine_words",
    "Topics": "topics",
    "UnknownState": "errors",
    "UpdateTimeout": "machine_words",
    "ask_all": "gather",
    "ask_all_async": "gather",
    "ask_first": "gather",
    "ask_first_async": "gather",
    "deliver_to": "topics",
    "drain": "draining",
    "drain_all": "draining",
    "keep_state": "machine_words",
    "next_state": "machine_words",
    "pipe_to": "pipe",
    "repeat_state": "machine_words",
    "state": "state_machine",
    "stop": "machine_words",
    "stop_and_reply": "machine_words",
    "waiting_messages": "load",
}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(_HOMES)
    __getattr__, __dir__ = lazily(globals(), _HOMES)
