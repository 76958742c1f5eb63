"""Actors with lives that others can watch: what `regrow.actors` offers."""

from .actor import HOOKS, Actor, Cause
from .adopted import AdoptedActor
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
from .errors import (
    ActorDeadError,
    ActorError,
    AskTimeout,
    BadTarget,
    CallingSelf,
    MailboxFull,
    NameTaken,
    NotStarted,
    RegrowError,
    ReturnedStart,
    ReturnedUnready,
    StartError,
    StartIgnored,
    StartTimeout,
    SystemClosed,
)
from .events import (
    AbandonedEnded,
    ActorAbandoned,
    ActorExited,
    ActorStarted,
    CallbackFailed,
    DeadLetter,
    HookFailed,
    LogReceived,
    OutputCaptured,
)
from .functions import FunctionActor, StopToken
from .futures import AskFuture
from .handshake import StartHandle
from .mailbox import Envelope, MailboxOptions, Overflow
from .options import SpawnOptions
from .outcome import Ignored, Started, StartFailed, StartOutcome
from .ref import ActorRef
from .registry import NameRegistry
from .replies import ReplyHandle
from .signals import Down, Exit, ExitReport, StopRequest
from .system import ActorSystem, HostLink
from .timers import Timer

__all__ = (
    "HOOKS",
    "AbandonedEnded",
    "Actor",
    "ActorAbandoned",
    "ActorDeadError",
    "ActorError",
    "ActorExit",
    "ActorExited",
    "ActorRef",
    "ActorStarted",
    "ActorSystem",
    "AdoptedActor",
    "AskFuture",
    "AskTimeout",
    "BadTarget",
    "BrutalKill",
    "CallbackFailed",
    "CallingSelf",
    "Cause",
    "Cell",
    "ChildSpec",
    "ChildType",
    "Clock",
    "DeadLetter",
    "Delays",
    "Describe",
    "Description",
    "Down",
    "Envelope",
    "EventBus",
    "EventQueue",
    "Exit",
    "ExitReport",
    "FunctionActor",
    "Grace",
    "HookFailed",
    "HostLink",
    "Ignore",
    "Ignored",
    "Infinity",
    "Isolation",
    "Limits",
    "LogReceived",
    "MailboxFull",
    "MailboxOptions",
    "NameRegistry",
    "NameTaken",
    "NotStarted",
    "OutputCaptured",
    "Overflow",
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
    "StopRequest",
    "StopToken",
    "SubscriberFailed",
    "SystemClock",
    "SystemClosed",
    "Timer",
    "TimerHandle",
    "default_system",
)
