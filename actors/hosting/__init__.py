"""Actors in OS processes of their own: what `regrow.actors.hosting` offers."""

from .black_box import BlackBox, BlackBoxState, Recorded
from .errors import HostingError, LaunchFailed, NotImportable, OutboxFull
from .events import HostingFault, HostingWarning, LogsLost
from .host import Hosting
from .hosted_ref import HostedRef
from .import_path import path_of, resolve
from .remote_ref import RemoteRef

__all__ = (
    "BlackBox",
    "BlackBoxState",
    "HostedRef",
    "Hosting",
    "HostingError",
    "HostingFault",
    "HostingWarning",
    "LaunchFailed",
    "LogsLost",
    "NotImportable",
    "OutboxFull",
    "Recorded",
    "RemoteRef",
    "path_of",
    "resolve",
)
