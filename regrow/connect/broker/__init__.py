"""The broker: routing, leases, retries and results as one pure core."""

from .core import BrokerCore
from .events import (
    Command,
    Disconnect,
    DrainStarted,
    Event,
    PeerJoined,
    PeerLeft,
    PeerSaid,
    Report,
    Send,
    TimePassed,
)
from .requests import TRANSITIONS, RequestState, Step
from .retry import RetryPolicy
from .routing import LeastBusy, Routing
from .settings import BrokerSettings

__all__ = (
    "TRANSITIONS",
    "BrokerCore",
    "BrokerSettings",
    "Command",
    "Disconnect",
    "DrainStarted",
    "Event",
    "LeastBusy",
    "PeerJoined",
    "PeerLeft",
    "PeerSaid",
    "Report",
    "RequestState",
    "RetryPolicy",
    "Routing",
    "Send",
    "Step",
    "TimePassed",
)
