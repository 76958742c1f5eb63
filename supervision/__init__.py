"""Who looks after whom: supervisors with OTP's semantics."""

from ..actors.child_spec import (
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
from .backoff import NO_BACKOFF, Backoff
from .intensity import RestartIntensity
from .significance import AutoShutdown
from .spec import SupervisorSpec
from .strategy import Strategy

__all__ = (
    "NO_BACKOFF",
    "AutoShutdown",
    "Backoff",
    "BrutalKill",
    "ChildSpec",
    "ChildType",
    "Delays",
    "Grace",
    "Infinity",
    "Isolation",
    "Limits",
    "Restart",
    "RestartIntensity",
    "Shutdown",
    "Start",
    "Strategy",
    "SupervisorSpec",
)
