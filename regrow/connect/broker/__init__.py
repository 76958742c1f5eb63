"""The broker: routing, leases, retries and results as one pure core."""

from regrow.connect.broker.core import BrokerCore
from regrow.connect.broker.events import (
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
from regrow.connect.broker.requests import TRANSITIONS, RequestState, Step
from regrow.connect.broker.retry import RetryPolicy
from regrow.connect.broker.routing import LeastBusy, Routing
from regrow.connect.broker.settings import BrokerSettings

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
