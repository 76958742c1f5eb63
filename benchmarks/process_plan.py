"""What `benchmarks.processes` measures, with how much of it, which figures are aimed at, and the sides by name.

What must not be here: running anything.
"""

from __future__ import annotations

from typing import Final

from benchmarks.actor_plan import Job, Metric

__all__ = (
    "BARE",
    "BLOB",
    "JOBS",
    "METRICS",
    "NOT_BUILT",
    "OURS",
    "PACKAGES",
    "PEERS",
    "QUICK_BLOB",
    "SLOW",
    "TARGETED",
)

TARGETED: Final = "zygote"  # the launcher that the targets are about
OURS: Final = (TARGETED, "exec")
PACKAGES: Final = {"loky": "loky==3.7.0", "pyzmq": "pyzmq==27.3.0"}
PEERS: Final = (
    "mp spawn",
    "mp forkserver",
    "mp Pipe",
    "mp Queue",
    "QueueHandler",
    "SocketHandler",
    "ProcessPoolExecutor",
    *PACKAGES,
    "node Worker",
)
BARE: Final = "bare"  # no peer: what the system takes
SLOW: Final = (*OURS[1:], *PEERS)  # they start few where the zygote starts a thousand
NOT_BUILT: Final = "not built"  # what a side says of something that this version does not have

CRASH: Final = Job("crash", 3, 400)
SUPERVISED: Final = Job("supervised crash", 3, 400)
MEMORY: Final = Job("memory", 5, 20, few=10, fixed=True)
CROWD: Final = Job("crowd", 10, 1_000, few=20, fixed=True)
TELL: Final = Job("tell", 5_000, 2_000_000)
BACK: Final = Job("tell back", 5_000, 2_000_000)
ASK: Final = Job("ask", 200, 200_000)
PAYLOAD: Final = Job("payload", 20, 20_000, size=1)  # MiB
BROADCAST: Final = Job("broadcast", 3, 2_000, size=1)  # MiB
PORT: Final = Job("port", 5_000, 500_000)
BLOB: Final = Job("blob", 10, 100, size=1024, fixed=True)  # MiB
QUICK_BLOB: Final = Job("blob", 10, 100, size=16, fixed=True)
PAGE: Final = Job("page", 1_000, 1_000_000)
LOAD: Final = Job("load", 1_000, 1_000_000)
LOGS: Final = Job("logs", 2_000, 400_000)
LANE: Final = Job("log records", 2_000, 400_000)
JOBS: Final = (
    CRASH,
    SUPERVISED,
    MEMORY,
    CROWD,
    TELL,
    BACK,
    ASK,
    PAYLOAD,
    BROADCAST,
    PORT,
    BLOB,
    PAGE,
    LOAD,
    LOGS,
    LANE,
)

METRICS: Final = (
    Metric(CRASH, "p50", "killed -> replacement ready, p50", "ms", at_most=5.0),
    Metric(CRASH, "p99", "killed -> replacement ready, p99", "ms"),
    Metric(CRASH, "noticed p50", "killed -> exit announced, p50", "ms"),
    Metric(CRASH, "noticed p99", "killed -> exit announced, p99", "ms", at_most=5.0),
    Metric(SUPERVISED, "p50", "killed -> replacement ready, supervised, p50", "ms", at_most=5.0),
    Metric(SUPERVISED, "p99", "killed -> replacement ready, supervised, p99", "ms"),
    Metric(MEMORY, "private", "private memory of an idle child", "MB", at_most=2.0),
    Metric(MEMORY, "pss", "the same, with its share of what is shared", "MB"),
    Metric(CROWD, "start", "1,000 started at once, each", "ms", at_most=5.0),  # peers: few, as SLOW says
    Metric(CROWD, "stop", "1,000 stopped at once, each", "ms"),
    Metric(TELL, "rate", "small messages, parent to child", "/s", "more", at_least=400_000),
    Metric(BACK, "rate", "small messages, child to parent", "/s", "more", at_least=400_000),
    Metric(ASK, "p50", "round trip, p50", "us", at_most=30.0),
    Metric(ASK, "p99", "round trip, p99", "us"),
    Metric(PAYLOAD, "GB/s", "1 MiB payloads, one way", "GB/s", "more", at_least=4.0),
    Metric(BROADCAST, "ms", "1 MiB of rows to 8 processes, sent", "ms"),
    Metric(BROADCAST, "each", "  the same, told to one after the other", "ms"),
    Metric(BROADCAST, "encoding", "  to encode it", "ms"),
    Metric(PORT, "port", "small messages, child to child by port", "/s", "more"),
    Metric(PORT, "host", "  the same, through the host", "/s", "more"),
    Metric(PORT, "port p50", "round trip, child to child by port, p50", "us"),
    Metric(PORT, "host p50", "  the same, through the host", "us"),
    Metric(BLOB, "p50", "1 GiB handed over, p50", "ms", at_most=1.0),
    Metric(QUICK_BLOB, "p50", "16 MiB handed over, p50", "ms", at_most=1.0),
    Metric(LOGS, "rate", "records of `logging`, child to parent", "/s", "more", at_least=100_000),
    Metric(LOGS, "came", "  of them came", "%", "more"),
    Metric(LOGS, "late", "  a beat comes late by, at worst", "ms", at_most=100.0),
    Metric(LANE, "rate", "log records as data, child to parent", "/s", "more", at_least=100_000),
    Metric(LANE, "came", "  of them came", "%", "more"),
    Metric(LANE, "late", "  a beat comes late by, at worst", "ms", at_most=100.0),
    Metric(PAGE, "ns", "black box page read (Queue: qsize)", "ns"),
    Metric(LOAD, "ns", "ref.load()", "ns", at_most=1_000.0),
)
