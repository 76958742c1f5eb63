"""What `benchmarks.actors` measures, with how much of it, and which figures are aimed at.

What lives here: jobs, what they give, targets, the sides by name. What must not: running anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

__all__ = (
    "CROWDS",
    "FLOORS",
    "IDLE_TARGET_PERCENT",
    "JOBS",
    "MEMORY_TARGET_BYTES",
    "METRICS",
    "OURS",
    "PEER",
    "PEERS",
    "THREADED",
    "Job",
    "Metric",
)

OURS: Final = ("pool", "thread", "asyncio", "asyncio async def")
PEER: Final = "pykka"  # its ThreadingActor: the one that the targets are about
PEERS: Final = (PEER, "plain asyncio", "thespian", "xoscar", "Erlang")
THREADED: Final = ("thread", PEER)  # each actor has a thread: fewer of them
MEMORY_TARGET_BYTES: Final = 2048.0
IDLE_TARGET_PERCENT: Final = 0.5


@dataclass(frozen=True, slots=True)
class Job:
    """One workload. `first`: how many to warm up with; more are done as time allows, up to `limit`.

    `size`: of actors, or of what is sent.
    """

    workload: str
    first: int
    limit: int
    size: int = 2
    few: int | None = None  # instead of `limit`, by sides that are slow at it: where each actor has a thread
    fixed: bool = False  # always `limit`, in the short form a tenth

    @property
    def key(self) -> tuple[str, int]:
        """Tell it from the others."""
        return self.workload, self.size


TELL = Job("tell", 2_000, 1_000_000)
TELL_8 = Job("tell 8", 2_000, 1_000_000)
ASK = Job("ask", 200, 200_000)
ASK_FROM_ACTOR = Job("ask from actor", 200, 200_000)
PING_PONG = Job("ring", 500, 1_000_000)
RING = Job("ring", 500, 1_000_000, size=100)
PROXY = Job("proxy", 200, 100_000)
START = Job("start", 20, 5_000, few=500)
START_STOP = Job("start+stop", 20, 20_000, few=2_000)
BULK = Job("bulk", 1_000, 10_000, few=1_000, fixed=True)
CRASH = Job("crash", 10, 5_000)
JOBS: Final = (TELL, TELL_8, ASK, ASK_FROM_ACTOR, PING_PONG, RING, PROXY, START, START_STOP, BULK, CRASH)

HUNDRED_THOUSAND = Job("ring", 1_000, 1_000_000, size=100_000, fixed=True)  # of the pool, when all else is done


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of a job. `targets`: how many times as good as the peer, on one core and on two."""

    job: Job
    value: str
    title: str
    unit: str
    better: Literal["more", "less"] = "less"
    targets: tuple[float, float] | None = None
    at_most: float | None = None  # a target in `unit`, whatever the peer needs
    at_least: float | None = None  # as above

    def ratio(self, ours: float, theirs: float) -> float:
        """Give how many times as good ours is."""
        return ours / theirs if self.better == "more" else theirs / ours


METRICS: Final = (
    Metric(TELL, "rate", "tell 1->1", "/s", "more", (3.0, 7.0)),
    Metric(TELL_8, "rate", "tell 8->1", "/s", "more", (3.0, 7.0)),
    Metric(ASK, "p50", "ask from a thread, p50", "us", targets=(9.0, 20.0)),
    Metric(ASK, "p99", "  p99", "us"),
    Metric(ASK_FROM_ACTOR, "p50", "ask from an actor, p50", "us", targets=(9.0, 20.0)),
    Metric(ASK_FROM_ACTOR, "p99", "  p99", "us"),
    Metric(PING_PONG, "hop", "ping-pong, a message", "us", targets=(8.0, 20.0)),
    Metric(RING, "hop", "ring of 100, a hop", "us"),
    Metric(PROXY, "p50", "proxy call, p50", "us", targets=(3.0, 3.0)),
    Metric(START, "p50", "start until ready, p50", "us", at_most=30.0),
    Metric(START_STOP, "each", "start and stop", "us", targets=(4.0, 4.0)),
    Metric(BULK, "start", "bulk start, each", "us", targets=(20.0, 20.0)),
    Metric(BULK, "stop", "bulk stop, each", "us"),
    Metric(CRASH, "p50", "crash -> next life answers, p50", "us", targets=(6.0, 6.0)),
    Metric(CRASH, "p99", "  p99", "us"),
)

FLOORS: Final = {
    "deque append+popleft": ("ns", 100_000),
    "method call": ("ns", 100_000),
    "queue.Queue put+get": ("ns", 20_000),
    "lock hand-off between threads": ("us", 2_000),
    "SimpleQueue ping-pong": ("us", 2_000),
    "thread start+join": ("us", 100),
}

CROWDS: Final = {
    "pool": (10_000, 100_000, 1_000_000),
    "asyncio": (10_000, 100_000, 1_000_000),
    "thread": (1_000, 10_000),
    PEER: (1_000, 10_000),
    "plain asyncio": (10_000, 100_000, 1_000_000),
    "Erlang": (10_000, 100_000, 1_000_000),
}
