"""Actors with lives that others can watch: what `regrow.actors` offers."""

from .actor import HOOKS, Actor, Cause
from .actor_tree import ActorNode, ActorTree
from .adopted import AdoptedActor
from .broadcast import Broadcast, Undelivered
from .bus import EventBus, EventQueue, SubscriberFailed
from .cell import Cell
from .child_spec import (
    BrutalKill,
    ChildSpec,
    ChildType,
    Delays,
    Grace,
    Infinity,
    Isolation,
    Limits,
    Restart,
    Shutdown,
    Start,
)
from .clock import Clock, SystemClock, TimerHandle
from .control import ActorExit, Ignore, Reply
from .default_system import default_system
from .describe import Describe, Description
from .entries import Entry
from .errors import (
    ActorDeadError,
    ActorError,
    AskTimeout,
    AsyncElsewhere,
    BadHandler,
    BadTarget,
    BlockingLoop,
    CallingSelf,
    KeyTaken,
    LivesElsewhere,
    MailboxFull,
    NameTaken,
    NothingInHand,
    NotStarted,
    RegrowError,
    ReturnedStart,
    ReturnedUnready,
    StartError,
    StartIgnored,
    StartTimeout,
    StashFull,
    SystemClosed,
    UnhandledMessage,
    UnknownDispatcher,
)
from .events import (
    AbandonedEnded,
    ActorAbandoned,
    ActorExited,
    ActorStarted,
    CallbackFailed,
    DeadLetter,
    Deadlocked,
    HandlerStuck,
    HookFailed,
    LogReceived,
    MailboxHigh,
    MailboxLow,
    OutputCaptured,
    PoolExhausted,
)
from .extras import ReceiveTimeout
from .functions import FunctionActor, StopToken
from .futures import AskFuture
from .groups import Groups
from .handles import handles
from .handshake import StartHandle
from .keyed_registry import Registry
from .looking import Statistics
from .mailbox import Envelope
from .mailbox_options import MailboxOptions, Overflow
from .named_ref import NamedRef
from .options import SpawnOptions
from .outcome import Ignored, Started, StartFailed, StartOutcome
from .ref import ActorRef
from .registry import NameRegistry
from .registry_listeners import Listener
from .replies import ReplyHandle
from .signals import Down, Exit, ExitReport, GroupJoined, GroupLeft, Registered, StopRequest, Unregistered
from .system import ActorSystem, HostLink
from .timers import Timer
from .trace import Trace, TraceRecord
from .typed import TypedProxy, ask_call, await_call, call, tell_call, typed_proxy

__all__ = (
    "HOOKS",
    "AbandonedEnded",
    "Actor",
    "ActorAbandoned",
    "ActorDeadError",
    "ActorError",
    "ActorExit",
    "ActorExited",
    "ActorNode",
    "ActorRef",
    "ActorStarted",
    "ActorSystem",
    "ActorTree",
    "AdoptedActor",
    "AskFuture",
    "AskTimeout",
    "AsyncElsewhere",
    "BadHandler",
    "BadTarget",
    "BlockingLoop",
    "Broadcast",
    "BrutalKill",
    "CallbackFailed",
    "CallingSelf",
    "Cause",
    "Cell",
    "ChildSpec",
    "ChildType",
    "Clock",
    "DeadLetter",
    "Deadlocked",
    "Delays",
    "Describe",
    "Description",
    "Down",
    "Entry",
    "Envelope",
    "EventBus",
    "EventQueue",
    "Exit",
    "ExitReport",
    "FunctionActor",
    "Grace",
    "GroupJoined",
    "GroupLeft",
    "Groups",
    "HandlerStuck",
    "HookFailed",
    "HostLink",
    "Ignore",
    "Ignored",
    "Infinity",
    "Isolation",
    "KeyTaken",
    "Limits",
    "Listener",
    "LivesElsewhere",
    "LogReceived",
    "MailboxFull",
    "MailboxHigh",
    "MailboxLow",
    "MailboxOptions",
    "NameRegistry",
    "NameTaken",
    "NamedRef",
    "NotStarted",
    "NothingInHand",
    "OutputCaptured",
    "Overflow",
    "PoolExhausted",
    "ReceiveTimeout",
    "Registered",
    "Registry",
    "RegrowError",
    "Reply",
    "ReplyHandle",
    "Restart",
    "ReturnedStart",
    "ReturnedUnready",
    "Shutdown",
    "SpawnOptions",
    "Start",
    "StartError",
    "StartFailed",
    "StartHandle",
    "StartIgnored",
    "StartOutcome",
    "StartTimeout",
    "Started",
    "StashFull",
    "Statistics",
    "StopRequest",
    "StopToken",
    "SubscriberFailed",
    "SystemClock",
    "SystemClosed",
    "Timer",
    "TimerHandle",
    "Trace",
    "TraceRecord",
    "TypedProxy",
    "Undelivered",
    "UnhandledMessage",
    "UnknownDispatcher",
    "Unregistered",
    "ask_call",
    "await_call",
    "call",
    "default_system",
    "handles",
    "tell_call",
    "typed_proxy",
)
