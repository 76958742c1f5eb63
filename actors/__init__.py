"""Actors with lives that others can watch: what `regrow.actors` offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..protocol.lazy import lazily
from . import describe as describe  # at once: who has anything of this package can read and say its records

if TYPE_CHECKING:
    from .actor import HOOKS as HOOKS
    from .actor import Actor as Actor
    from .actor import Cause as Cause
    from .actor_tree import ActorNode as ActorNode
    from .actor_tree import ActorTree as ActorTree
    from .adopted import AdoptedActor as AdoptedActor
    from .broadcast import Broadcast as Broadcast
    from .broadcast import Undelivered as Undelivered
    from .bus import EventBus as EventBus
    from .bus import EventQueue as EventQueue
    from .bus import SubscriberFailed as SubscriberFailed
    from .cell import Cell as Cell
    from .child_spec import BrutalKill as BrutalKill
    from .child_spec import ChildSpec as ChildSpec
    from .child_spec import ChildType as ChildType
    from .child_spec import Delays as Delays
    from .child_spec import Grace as Grace
    from .child_spec import Infinity as Infinity
    from .child_spec import Isolation as Isolation
    from .child_spec import Limits as Limits
    from .child_spec import Restart as Restart
    from .child_spec import Shutdown as Shutdown
    from .child_spec import Start as Start
    from .clock import Clock as Clock
    from .clock import SystemClock as SystemClock
    from .clock import TimerHandle as TimerHandle
    from .control import ActorExit as ActorExit
    from .control import Ignore as Ignore
    from .control import Reply as Reply
    from .default_system import default_system as default_system
    from .describe import Describe as Describe
    from .describe import Description as Description
    from .entries import Entry as Entry
    from .errors import ActorDeadError as ActorDeadError
    from .errors import ActorError as ActorError
    from .errors import AskTimeout as AskTimeout
    from .errors import AsyncElsewhere as AsyncElsewhere
    from .errors import BadHandler as BadHandler
    from .errors import BadTarget as BadTarget
    from .errors import BlockingLoop as BlockingLoop
    from .errors import CallingSelf as CallingSelf
    from .errors import KeyTaken as KeyTaken
    from .errors import LivesElsewhere as LivesElsewhere
    from .errors import MailboxFull as MailboxFull
    from .errors import NameTaken as NameTaken
    from .errors import NothingInHand as NothingInHand
    from .errors import NotStarted as NotStarted
    from .errors import RegrowError as RegrowError
    from .errors import ReturnedStart as ReturnedStart
    from .errors import ReturnedUnready as ReturnedUnready
    from .errors import StartError as StartError
    from .errors import StartIgnored as StartIgnored
    from .errors import StartTimeout as StartTimeout
    from .errors import StashFull as StashFull
    from .errors import StateChanged as StateChanged
    from .errors import SystemClosed as SystemClosed
    from .errors import UnhandledMessage as UnhandledMessage
    from .errors import UnknownDispatcher as UnknownDispatcher
    from .events import AbandonedEnded as AbandonedEnded
    from .events import ActorAbandoned as ActorAbandoned
    from .events import ActorExited as ActorExited
    from .events import ActorStarted as ActorStarted
    from .events import CallbackFailed as CallbackFailed
    from .events import DeadLetter as DeadLetter
    from .events import Deadlocked as Deadlocked
    from .events import HandlerStuck as HandlerStuck
    from .events import HookFailed as HookFailed
    from .events import LogReceived as LogReceived
    from .events import MailboxHigh as MailboxHigh
    from .events import MailboxLow as MailboxLow
    from .events import OutputCaptured as OutputCaptured
    from .events import PoolExhausted as PoolExhausted
    from .extras import ReceiveTimeout as ReceiveTimeout
    from .functions import FunctionActor as FunctionActor
    from .functions import StopToken as StopToken
    from .futures import AskFuture as AskFuture
    from .groups import Groups as Groups
    from .handles import handles as handles
    from .handshake import StartHandle as StartHandle
    from .hosting.blob import Blob as Blob
    from .hosting.counters import Counters as Counters
    from .hosting.port import Port as Port
    from .hosting.port import PortClosed as PortClosed
    from .hosting.port import PortMessage as PortMessage
    from .keyed_registry import Registry as Registry
    from .looking import Statistics as Statistics
    from .mailbox import Envelope as Envelope
    from .mailbox_options import MailboxOptions as MailboxOptions
    from .mailbox_options import Overflow as Overflow
    from .named_ref import NamedRef as NamedRef
    from .options import SpawnOptions as SpawnOptions
    from .outcome import Ignored as Ignored
    from .outcome import Started as Started
    from .outcome import StartFailed as StartFailed
    from .outcome import StartOutcome as StartOutcome
    from .ref import ActorRef as ActorRef
    from .registry import NameRegistry as NameRegistry
    from .registry_listeners import Listener as Listener
    from .replies import ReplyHandle as ReplyHandle
    from .signals import Down as Down
    from .signals import Exit as Exit
    from .signals import ExitReport as ExitReport
    from .signals import GroupJoined as GroupJoined
    from .signals import GroupLeft as GroupLeft
    from .signals import Registered as Registered
    from .signals import StopRequest as StopRequest
    from .signals import Unregistered as Unregistered
    from .system import ActorSystem as ActorSystem
    from .system import HostLink as HostLink
    from .timers import Timer as Timer
    from .told import Told as Told
    from .trace import Trace as Trace
    from .trace import TraceRecord as TraceRecord
    from .typed import TypedProxy as TypedProxy
    from .typed import ask_call as ask_call
    from .typed import await_call as await_call
    from .typed import call as call
    from .typed import tell_call as tell_call
    from .typed import typed_proxy as typed_proxy

_HOMES: Final = {
    "HOOKS": "actor",
    "AbandonedEnded": "events",
    "Actor": "actor",
    "ActorAbandoned": "events",
    "ActorDeadError": "errors",
    "ActorError": "errors",
    "ActorExit": "control",
    "ActorExited": "events",
    "ActorNode": "actor_tree",
    "ActorRef": "ref",
    "ActorStarted": "events",
    "ActorSystem": "system",
    "ActorTree": "actor_tree",
    "AdoptedActor": "adopted",
    "AskFuture": "futures",
    "AskTimeout": "errors",
    "AsyncElsewhere": "errors",
    "BadHandler": "errors",
    "BadTarget": "errors",
    "Blob": "hosting.blob",
    "BlockingLoop": "errors",
    "Broadcast": "broadcast",
    "BrutalKill": "child_spec",
    "CallbackFailed": "events",
    "CallingSelf": "errors",
    "Cause": "actor",
    "Cell": "cell",
    "ChildSpec": "child_spec",
    "ChildType": "child_spec",
    "Clock": "clock",
    "Counters": "hosting.counters",
    "DeadLetter": "events",
    "Deadlocked": "events",
    "Delays": "child_spec",
    "Describe": "describe",
    "Description": "describe",
    "Down": "signals",
    "Entry": "entries",
    "Envelope": "mailbox",
    "EventBus": "bus",
    "EventQueue": "bus",
    "Exit": "signals",
    "ExitReport": "signals",
    "FunctionActor": "functions",
    "Grace": "child_spec",
    "GroupJoined": "signals",
    "GroupLeft": "signals",
    "Groups": "groups",
    "HandlerStuck": "events",
    "HookFailed": "events",
    "HostLink": "system",
    "Ignore": "control",
    "Ignored": "outcome",
    "Infinity": "child_spec",
    "Isolation": "child_spec",
    "KeyTaken": "errors",
    "Limits": "child_spec",
    "Listener": "registry_listeners",
    "LivesElsewhere": "errors",
    "LogReceived": "events",
    "MailboxFull": "errors",
    "MailboxHigh": "events",
    "MailboxLow": "events",
    "MailboxOptions": "mailbox_options",
    "NameRegistry": "registry",
    "NameTaken": "errors",
    "NamedRef": "named_ref",
    "NotStarted": "errors",
    "NothingInHand": "errors",
    "OutputCaptured": "events",
    "Overflow": "mailbox_options",
    "PoolExhausted": "events",
    "Port": "hosting.port",
    "PortClosed": "hosting.port",
    "PortMessage": "hosting.port",
    "ReceiveTimeout": "extras",
    "Registered": "signals",
    "Registry": "keyed_registry",
    "RegrowError": "errors",
    "Reply": "control",
    "ReplyHandle": "replies",
    "Restart": "child_spec",
    "ReturnedStart": "errors",
    "ReturnedUnready": "errors",
    "Shutdown": "child_spec",
    "SpawnOptions": "options",
    "Start": "child_spec",
    "StartError": "errors",
    "StartFailed": "outcome",
    "StartHandle": "handshake",
    "StartIgnored": "errors",
    "StartOutcome": "outcome",
    "StartTimeout": "errors",
    "Started": "outcome",
    "StashFull": "errors",
    "StateChanged": "errors",
    "Statistics": "looking",
    "StopRequest": "signals",
    "StopToken": "functions",
    "SubscriberFailed": "bus",
    "SystemClock": "clock",
    "SystemClosed": "errors",
    "Timer": "timers",
    "TimerHandle": "clock",
    "Told": "told",
    "Trace": "trace",
    "TraceRecord": "trace",
    "TypedProxy": "typed",
    "Undelivered": "broadcast",
    "UnhandledMessage": "errors",
    "UnknownDispatcher": "errors",
    "Unregistered": "signals",
    "ask_call": "typed",
    "await_call": "typed",
    "call": "typed",
    "default_system": "default_system",
    "handles": "handles",
    "tell_call": "typed",
    "typed_proxy": "typed",
}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(_HOMES)
    __getattr__, __dir__ = lazily(globals(), _HOMES)
