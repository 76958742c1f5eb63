"""What the roles of a worker say to each other across the process boundary, as frozen records.

What lives here: the vocabulary between the executor (main process) and the link (connection process), and between the
executor and the processes that run functions. What must not: behavior. Events are past tense, commands imperative.
User values travel as `bytes` that nobody on the way decodes; outcomes too (see `outcomes.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ...protocol.records import record
from ..ref import ActorRef

__all__ = (
    "Adopt",
    "Adopted",
    "CancelInvocation",
    "CancelRun",
    "ExecutorBeat",
    "FunctionTarget",
    "HeartbeatMeasured",
    "Held",
    "InterruptRun",
    "InvocationFinished",
    "InvocationOffered",
    "InvocationProgressed",
    "InvocationRefused",
    "InvocationTaken",
    "LinkPhase",
    "LinkStateChanged",
    "OutboxEmptied",
    "PauseLink",
    "ResultStored",
    "RunFinished",
    "RunFunction",
    "SayWhenEmpty",
    "SlotReady",
)


# ── what a function is ───────────────────────────────────────────────────────────────────────────────────────────────


@record("regrow.function")
@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionTarget:
    """A function of the user, as it is named on the wire (`name`) and found in an executor process (`target`)."""

    name: str
    target: str  # import path "package.module:name"; empty for functions that cannot leave the main process
    entry: str | None = None  # what must come first in `sys.path` to import it (a script's directory)
    isolation: Literal["process", "thread", "inline"] = "process"
    deadline: float | None = None  # seconds a run may take; None: only what the request allows
    retries: int = 0  # local re-runs after the death of the process that ran it
    validate: bool = True  # arguments are checked against the annotations
    concurrency: int | None = None  # runs of it at a time; None: as many as the worker has places
    priority: int = 0  # among what waits in the worker; the highest first
    rate: tuple[int, float] | None = None  # so many runs may begin in so many seconds
    deaths_before_quarantine: int | None = None  # None: as the worker has it


# ── link -> executor ─────────────────────────────────────────────────────────────────────────────────────────────────


@record("regrow.offered")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationOffered:
    """link -> executor: the gateway wants this to be run. `deadline_ms` is the time left when it was sent."""

    request_id: str
    function: str
    arguments: bytes
    lease_id: int
    attempt: int = 1
    deadline_ms: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@record("regrow.cancel")
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelInvocation:
    """link -> executor: stop running this. `lost`: its lease is not ours any more, so nobody waits for an outcome."""

    request_id: str
    reason: str = "cancelled"
    lost: bool = False


@record("regrow.stored")
@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStored:
    """outbox -> executor: the outcome is on disk; you need not keep it."""

    request_id: str
    lease_id: int


@record("regrow.adopt")
@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    """link -> executor, once a link process: I am your link now; what runs, and what do you still owe?"""

    epoch: int
    pid: int
    connection: ActorRef
    outbox: ActorRef
    leases: ActorRef


@record("regrow.say_when_empty")
@dataclass(frozen=True, slots=True)
class SayWhenEmpty:
    """executor -> outbox: nothing more will come; say OutboxEmptied when every result has been acknowledged."""


@record("regrow.outbox_emptied")
@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxEmptied:
    """outbox -> executor: every stored result has been acknowledged."""

    epoch: int


LinkPhase: TypeAlias = Literal["connecting", "ready", "draining", "waiting", "closed", "refused"]


@record("regrow.link_state")
@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStateChanged:
    """connection -> executor: where the session stands. `refused` is final: coming back would not help."""

    phase: LinkPhase
    epoch: int = 0
    pid: int = 0
    connection_id: str = ""
    latency: float = 0.0  # seconds from the start of the dial to READY
    retry_in: float = 0.0  # seconds until the next dial, in phase `waiting`
    code: str = ""
    reason: str = ""
    url: str = ""  # of the gateway that is dialed next, or in use


@record("regrow.heartbeat_measured")
@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatMeasured:
    """heartbeat -> executor: how late the beats of this link process were, measured after each send had completed.

    `recent`: the beats since the last such message, as (monotonic time it was due, seconds late).
    `silence`: seconds since the gateway's last word; the link gives its session up at `silence_limit`.
    """

    count: int
    interval: float
    worst_lateness: float
    p99_lateness: float
    last_round_trip: float = 0.0
    missed: int = 0
    recent: tuple[tuple[float, float], ...] = ()
    silence: float = 0.0
    silence_limit: float = 0.0


# ── executor -> link ─────────────────────────────────────────────────────────────────────────────────────────────────


@record("regrow.taken")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationTaken:
    """executor -> connection: I have it; acknowledge it."""

    request_id: str
    lease_id: int


@record("regrow.refused")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRefused:
    """executor -> connection: I cannot take it now; the gateway shall give it to somebody else."""

    request_id: str
    lease_id: int
    reason: str


@record("regrow.progressed")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationProgressed:
    """function -> executor -> connection: how far a request is; advisory, droppable."""

    request_id: str
    done: float
    total: float | None = None
    note: str = ""


@record("regrow.finished")
@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationFinished:
    """executor -> outbox: how it ended; kept by the executor until ResultStored."""

    request_id: str
    lease_id: int
    outcome: bytes


@record("regrow.held")
@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One request that this worker holds: it runs, waits for a slot, or has ended and its outcome is not yet stored."""

    request_id: str
    lease_id: int
    running: bool = True


@record("regrow.adopted")
@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """executor -> connection: the answer to Adopt."""

    epoch: int
    held: tuple[Held, ...] = ()
    paused: bool = False


@record("regrow.executor_beat")
@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorBeat:
    """executor -> leases: who runs, said at every change and once a beat. Silence means: renew nothing."""

    alive: bool
    running: int
    capacity: int
    held: tuple[Held, ...] = ()


@record("regrow.pause")
@dataclass(frozen=True, slots=True, kw_only=True)
class PauseLink:
    """executor -> connection: take nothing new."""

    reason: str = "draining"


# ── executor <-> the process that runs functions ─────────────────────────────────────────────────────────────────────


@record("regrow.slot_ready")
@dataclass(frozen=True, slots=True, kw_only=True)
class SlotReady:
    """slot -> executor: this process can run functions now."""

    slot: int
    pid: int


@record("regrow.run")
@dataclass(frozen=True, slots=True, kw_only=True)
class RunFunction:
    """executor -> slot: run it. `deadline` is the seconds left when it was sent."""

    request_id: str
    function: FunctionTarget
    arguments: bytes
    incarnation: int  # of the slot, as the executor counts its lives; RunFinished gives it back
    attempt: int = 1
    deadline: float | None = None
    headers: dict[str, str] = field(default_factory=dict)


@record("regrow.cancel_run")
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRun:
    """executor -> slot: raise the flag that the function may look at."""

    request_id: str
    reason: str


@record("regrow.interrupt_run")
@dataclass(frozen=True, slots=True, kw_only=True)
class InterruptRun:
    """executor -> slot: raise `Interrupted` inside the function."""

    request_id: str
    reason: str


@record("regrow.run_finished")
@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """slot -> executor: the function has ended; `outcome` as in `outcomes.py`."""

    slot: int
    incarnation: int
    request_id: str
    outcome: bytes
