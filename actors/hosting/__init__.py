"""Actors in OS processes of their own: what `regrow.actors.hosting` offers."""

from .black_box import BlackBox, BlackBoxState, Recorded
from .command import Command, CommandActor
from .errors import CommandNotReady, HostingError, LaunchFailed, NotImportable, OutboxFull
from .events import CommandEnded, HostingFault, HostingWarning, LogsLost
from .host import Hosting
from .hosted_ref import HostedRef
from .import_path import path_of, resolve
from .readiness import FileReady, LineReady, NotifyReady, PortReady, Readiness
from .remote_ref import RemoteRef

__all__ = (
    "BlackBox",
    "BlackBoxState",
    "Command",
    "CommandActor",
    "CommandEnded",
    "CommandNotReady",
    "FileReady",
    "HostedRef",
    "Hosting",
    "HostingError",
    "HostingFault",
    "HostingWarning",
    "LaunchFailed",
    "LineReady",
    "LogsLost",
    "NotImportable",
    "NotifyReady",
    "OutboxFull",
    "PortReady",
    "Readiness",
    "Recorded",
    "RemoteRef",
    "path_of",
    "resolve",
)
