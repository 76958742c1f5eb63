"""What a worker, a client and a gateway say to each other, as frozen facts.

What lives here: the vocabulary of the session (one class a message kind) and nothing else. Wire integers end in `_ms`;
user values travel as `bytes`, already encoded, so that a gateway never decodes what it only carries.
Unknown kinds and unknown fields are ignored by the reader, so that a newer peer can say more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from .dead_letters import ChangeDead, DeadLetter, DeadLetters, ListDead
from .outcomes import Failure, FailureKind, Outcome, Success

__all__ = (
    "ADMIN_KINDS",
    "CLIENT_KINDS",
    "SUBPROTOCOL",
    "Accepted",
    "Ack",
    "Await",
    "Busy",
    "Cancel",
    "ChangeDead",
    "Closing",
    "Connect",
    "DeadLetter",
    "DeadLetters",
    "Drain",
    "ErrorMessage",
    "ExtendLease",
    "Failure",
    "FailureKind",
    "Heartbeat",
    "HeartbeatAck",
    "Hello",
    "InFlight",
    "Invoke",
    "Lease",
    "ListDead",
    "Message",
    "Outcome",
    "Pause",
    "Progress",
    "Ready",
    "Result",
    "ResultAck",
    "Settled",
    "Status",
    "StatusRequest",
    "Submit",
    "Success",
    "Terms",
)

SUBPROTOCOL: Final = "regrow.v1"

# ── handshake ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """gateway -> peer, first: who I am, which versions I speak, which features I offer."""

    gateway: str
    versions: tuple[str, ...] = (SUBPROTOCOL,)
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InFlight:
    """One request that a reconnecting worker still runs or still owes the result of, for adoption."""

    request_id: str
    lease_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """peer -> gateway: who I am, by what right, what I can do, what I still hold, which features I ask for.

    `instance` names the worker for its whole life, over every link process; `epoch` grows with every link process, and
    the gateway fences an older epoch of the same instance.
    """

    role: Literal["worker", "client"]
    token: str = field(repr=False)
    instance: str
    epoch: int = 0
    name: str = ""
    functions: tuple[str, ...] = ()
    capacity: int = 0
    in_flight: tuple[InFlight, ...] = ()
    version: str = SUBPROTOCOL
    paused: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """gateway -> peer: you are in; these intervals and features hold on this connection."""

    connection_id: str
    heartbeat_interval_ms: int
    heartbeat_misses: int
    lease_ms: int
    lease_renew_ms: int
    max_message_bytes: int
    features: tuple[str, ...] = ()


# ── liveness ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """worker -> gateway: alive, at the interval of Ready. `due_ns` is the sender's monotonic time it was due at."""

    sequence: int
    due_ns: int = 0
    running: int = 0
    capacity: int = 0
    executor_alive: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatAck:
    """gateway -> worker: I heard beat `sequence`."""

    sequence: int


# ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """gateway -> worker: run this. `lease_id` fences: a result under an older lease is refused."""

    request_id: str
    function: str
    arguments: bytes
    lease_id: int
    attempt: int = 1
    deadline_ms: int | None = None  # time left when it was sent; None: no deadline
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """worker -> gateway: I have taken the request."""

    request_id: str
    lease_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Busy:
    """worker -> gateway: I cannot take the request now; give it to somebody else. Counts as no attempt."""

    request_id: str
    lease_id: int
    reason: str = "at capacity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """worker -> gateway -> client: how far a request is; advisory, droppable."""

    request_id: str
    done: float
    total: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """worker -> gateway: how a request ended; repeated until ResultAck."""

    request_id: str
    lease_id: int
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultAck:
    """gateway -> worker: the result is persisted (or was already, or is stale): forget it."""

    request_id: str
    lease_id: int
    accepted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtendLease:
    """worker -> gateway: these requests still make progress; renew their leases. Idempotent."""

    requests: tuple[InFlight, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """gateway -> worker: the lease of a request was renewed, or (`lost`) it is not yours any more."""

    request_id: str
    lease_id: int
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """gateway -> worker, client -> gateway: stop running this request."""

    request_id: str
    reason: str = "cancelled"


# ── drain and end ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """worker -> gateway: send me nothing new; I finish what I have. Heartbeats and renewals go on."""

    reason: str = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """gateway -> peer: I am going away; reconnect elsewhere (or later), keep this connection until you have."""

    grace_ms: int
    reason: str = "draining"


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """either way, last: why this side closes. `release` gives every lease back at once."""

    reason: str
    release: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorMessage:
    """either way: something was wrong. Scope `request` leaves the connection alone; `fatal` says do not come back."""

    scope: Literal["request", "connection"]
    code: str
    text: str
    request_id: str = ""
    fatal: bool = False


# ── client ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Part of Submit (client -> gateway): when, after whom and where a request may run, and how long it is kept.

    Of the requests with the same `key` for the same function, `key_concurrency` are under way at a time, in order.
    `fingerprint` tells a repeated request from another one of the same id.
    """

    delay_ms: int = 0
    key: str = ""
    key_concurrency: int = 1
    labels: dict[str, str] = field(default_factory=dict)
    affinity: str = ""
    result_ttl_ms: int | None = None  # None: as long as the gateway keeps results
    headers: dict[str, str] = field(default_factory=dict)
    fingerprint: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """client -> gateway: have this run. The client makes `request_id`, so a repeated Submit is the same request."""

    request_id: str
    function: str
    arguments: bytes
    deadline_ms: int | None = None
    max_attempts: int = 3
    priority: int = 0
    terms: Terms | None = None  # None: nothing beyond the above


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """gateway -> client: the request is persisted; it will be settled even if both of us restart."""

    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Await:
    """client -> gateway: tell me when these are settled (at once for those that are)."""

    request_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """gateway -> client: how a request ended, after how many attempts."""

    request_id: str
    outcome: Outcome
    attempts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """client -> gateway: how are you?"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """gateway -> client: queue, workers and counts, as plain values for people and for tests."""

    values: dict[str, object]


Message: TypeAlias = (
    Hello
    | Connect
    | Ready
    | Heartbeat
    | HeartbeatAck
    | Invoke
    | Ack
    | Busy
    | Progress
    | Result
    | ResultAck
    | ExtendLease
    | Lease
    | Cancel
    | Pause
    | Drain
    | Closing
    | ErrorMessage
    | Submit
    | Accepted
    | Await
    | Settled
    | StatusRequest
    | Status
    | ListDead
    | ChangeDead
    | DeadLetters
)

CLIENT_KINDS: Final = (Submit, Accepted, Await, Settled, StatusRequest, Status, ListDead, ChangeDead, DeadLetters)
ADMIN_KINDS: Final = (ListDead, ChangeDead)
"""What a client says that only an administrator may."""
