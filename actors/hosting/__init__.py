"""Actors in OS processes of their own: what `regrow.actors.hosting` offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...protocol.lazy import lazily

if TYPE_CHECKING:
    from .black_box import BlackBox as BlackBox
    from .black_box import BlackBoxState as BlackBoxState
    from .black_box import Recorded as Recorded
    from .blob import Blob as Blob
    from .blob import BlobClosed as BlobClosed
    from .command import Command as Command
    from .command import CommandActor as CommandActor
    from .counters import Counters as Counters
    from .counters import CountersClosed as CountersClosed
    from .errors import CommandNotReady as CommandNotReady
    from .errors import CountersFull as CountersFull
    from .errors import HostingError as HostingError
    from .errors import LaunchFailed as LaunchFailed
    from .errors import LimitExceeded as LimitExceeded
    from .errors import LinkLost as LinkLost
    from .errors import NotImportable as NotImportable
    from .errors import OutboxFull as OutboxFull
    from .errors import OutOfDescriptors as OutOfDescriptors
    from .errors import PortUnusable as PortUnusable
    from .errors import Quarantined as Quarantined
    from .events import CommandEnded as CommandEnded
    from .events import HangEnded as HangEnded
    from .events import HangRecovered as HangRecovered
    from .events import HangSuspected as HangSuspected
    from .events import HostingFault as HostingFault
    from .events import HostingWarning as HostingWarning
    from .events import LogsLost as LogsLost
    from .events import MessageQuarantined as MessageQuarantined
    from .events import ProcessReplaced as ProcessReplaced
    from .events import ReplacementFailed as ReplacementFailed
    from .events import StacksDumped as StacksDumped
    from .host import Hosting as Hosting
    from .hosted_ref import HostedRef as HostedRef
    from .import_path import path_of as path_of
    from .import_path import resolve as resolve
    from .port import Port as Port
    from .port import PortClosed as PortClosed
    from .port import PortMessage as PortMessage
    from .port_states import PortState as PortState
    from .readiness import FileReady as FileReady
    from .readiness import LineReady as LineReady
    from .readiness import NotifyReady as NotifyReady
    from .readiness import PortReady as PortReady
    from .readiness import Readiness as Readiness
    from .remote_ref import RemoteRef as RemoteRef
    from .statistics import HostingStatistics as HostingStatistics
    from .verdicts import Verdict as Verdict

_HOMES: Final = {
    "BlackBox": "black_box",
    "BlackBoxState": "black_box",
    "Blob": "blob",
    "BlobClosed": "blob",
    "Command": "command",
    "CommandActor": "command",
    "CommandEnded": "events",
    "CommandNotReady": "errors",
    "Counters": "counters",
    "CountersClosed": "counters",
    "CountersFull": "errors",
    "FileReady": "readiness",
    "HangEnded": "events",
    "HangRecovered": "events",
    "HangSuspected": "events",
    "HostedRef": "hosted_ref",
    "Hosting": "host",
    "HostingError": "errors",
    "HostingFault": "events",
    "HostingStatistics": "statistics",
    "HostingWarning": "events",
    "LaunchFailed": "errors",
    "LimitExceeded": "errors",
    "LineReady": "readiness",
    "LinkLost": "errors",
    "LogsLost": "events",
    "MessageQuarantined": "events",
    "NotImportable": "errors",
    "NotifyReady": "readiness",
    "OutOfDescriptors": "errors",
    "OutboxFull": "errors",
    "Port": "port",
    "PortClosed": "port",
    "PortMessage": "port",
    "PortReady": "readiness",
    "PortState": "port_states",
    "PortUnusable": "errors",
    "ProcessReplaced": "events",
    "Quarantined": "errors",
    "Readiness": "readiness",
    "Recorded": "black_box",
    "RemoteRef": "remote_ref",
    "ReplacementFailed": "events",
    "StacksDumped": "events",
    "Verdict": "verdicts",
    "path_of": "import_path",
    "resolve": "import_path",
}

if not TYPE_CHECKING:  # type checkers know the names above, and that there are no others
    __all__ = tuple(_HOMES)
    __getattr__, __dir__ = lazily(globals(), _HOMES)
