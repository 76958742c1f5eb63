"""What a worker can be told beyond the obvious, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from regrow.actors.roles.executor.actor import ExecutorStatus
from regrow.actors.roles.logger_proxy import LogStatistics
from regrow.actors.roles.messages import HeartbeatMeasured
from regrow.connect.worker_tree import TreeOptions
from regrow.connect.worker_watch import LinkStatus
from regrow.protocol.session.foreign import ForeignProtocol

__all__ = ("WorkerOptions", "WorkerStatus")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """What most workers need not say. Shape: seconds and bytes.

    `drain_grace` is Kubernetes' 30 s less a margin; `executor_silence` the age of the executor's last word from which
    on leases are not renewed any more.
    """

    labels: Mapping[str, str] = field(default_factory=dict[str, str])  # what requests may need: {"gpu": "a100"}
    processes: int | None = None  # that run functions; None: as many as the worker's capacity
    prefetch: int = 0  # requests that the gateway may send ahead of free slots; for many short functions
    queue_bound: int | None = None  # requests that may wait here before the answer is BUSY; None: as many as may run
    deaths_before_quarantine: int = 3
    cancel_grace: float = 1.0
    interrupt_grace: float = 1.0
    drain_grace: float = 25.0
    executor_silence: float = 30.0
    link_silence_beats: int = 15  # seconds, about, that the link may leave unanswered before it is killed and replaced
    outbox_max_bytes: int = 256 * 1024 * 1024
    reconnect_base: float = 0.2
    reconnect_cap: float = 30.0
    max_attempts: int | None = None  # that may fail in a row before it gives up; None: it never does
    give_up_after: float | None = None  # without a session, when an attempt fails
    protocol: type[ForeignProtocol] | None = None  # the words of a server that is no regrow gateway
    log_level: str = "debug"  # what is below it is not even sent home
    ca_file: str | None = None  # PEM; whom to trust for wss: instead of the system's authorities
    cert_file: str | None = None  # PEM; what to show to a gateway that asks for a certificate
    key_file: str | None = None  # its key, unless that is in cert_file
    # its url, which may have a password in it; True: as http_proxy and the like say; None: none
    proxy: str | Literal[True] | None = field(default=None, repr=False)
    watchdog_seconds: float | None = (
        None  # that the main process may hang before its zygote ends it: never, or 1 or more
    )
    preload: tuple[str, ...] = ()  # modules that every process shall find imported; they must start no thread
    tree: TreeOptions = TreeOptions()
    http: str | None = None  # HOST:PORT that answers /healthz, /readyz and /metrics; None: nobody does


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """How a worker is. `executor` and `logs` are None if those did not answer in time."""

    name: str
    instance: str
    link: LinkStatus
    executor: ExecutorStatus | None
    heartbeat: HeartbeatMeasured | None
    logs: LogStatistics | None

    @property
    def healthy(self) -> bool:
        """Whether work can come in and go out now."""
        return self.link.phase == "ready" and self.executor is not None and self.executor.alive
