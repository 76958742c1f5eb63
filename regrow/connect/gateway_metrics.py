"""The numbers of a gateway: what its broker decides, folded; what its status says, renamed.

What lives here: the fold over the changes that the broker asks to be saved. What must not: any counting of its own in
the broker, which knows nothing of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from regrow.connect.broker import Command
from regrow.connect.metrics import Counter, Family, Histogram, counter, exposition, gauge, require_renderer
from regrow.connect.store.changes import SaveLease, SaveOutcome, SaveRelease, SaveRequest

__all__ = ("GatewayMetrics", "measuring")

_SECONDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0)
_COMMIT_SECONDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0)
_STATES: Final = {
    "queued": "Requests that wait for a worker.",
    "leased": "Requests that were given to a worker which has not said yet that it has them.",
    "running": "Requests that a worker has.",
    "retry_wait": "Requests that wait for their next attempt.",
    "results_kept": "Results that clients can still ask for.",
    "clients": "Clients that are connected.",
    "workers_connected": "Workers that are connected.",
    "capacity": "Requests that the connected workers can have at once.",
}


@dataclass(slots=True)
class _Open:
    """A request that is not settled: since when it waits, or since when a worker has it."""

    since: float
    leased: bool = False


class GatewayMetrics:
    """Runs in: the gateway's loop. Shape: one small object a request that is not settled, which the broker bounds."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self.closed = Counter(
            "regrow_gateway_closed_connections_total",
            "Connections that the gateway turned away or ended, by its reason.",
            label="reason",
        )
        self.received_bytes = Counter("regrow_gateway_received_bytes_total", "Bytes of session messages received.")
        self.commit = Histogram(
            "regrow_gateway_commit_seconds", "From handing changes to the store until they were safe.", _COMMIT_SECONDS
        )
        self._leases = Counter("regrow_gateway_leases_granted_total", "Leases that were granted or adopted.")
        self._returned = Counter(
            "regrow_gateway_leases_ended_total",
            "Leases that ended without settling their request: it waits again, for a worker or its next attempt.",
        )
        self._queued = Histogram(
            "regrow_gateway_request_queued_seconds",
            "How long a request waited for a worker, and for its next attempt, until it was given away.",
            _SECONDS,
        )
        self._run = Histogram(
            "regrow_gateway_request_run_seconds", "From a lease to the outcome that settled its request.", _SECONDS
        )

    def saw(self, command: Command, now: float) -> None:
        """Fold what the broker has decided; only what it saves says something about requests."""
        match command:
            case SaveRequest():
                self._open[command.request_id] = _Open(now)
            case SaveLease():
                self._leases.add()
                known = self._open.get(command.request_id)  # None: it was submitted before this gateway started
                if known is not None and not known.leased:
                    self._queued.observe(now - known.since)
                self._open[command.request_id] = _Open(now, leased=True)
            case SaveRelease():
                self._returned.add()
                self._open[command.request_id] = _Open(now)
            case SaveOutcome():
                ended = self._open.pop(command.request_id, None)
                if ended is not None and ended.leased:
                    self._run.observe(now - ended.since)
            case _:
                pass

    def text(self, status: Mapping[str, object]) -> bytes:
        """Give what Prometheus reads. Errors: ValueError if what writes it is not installed."""
        return exposition(self.families(status))

    def families(self, status: Mapping[str, object]) -> tuple[Family, ...]:
        """Give every metric, in the order of docs/reference/metrics.md. `status` is the gateway's own."""
        endings = status["settled"]
        if not isinstance(endings, dict):
            raise AssertionError(f"status.settled: expected counts by ending, got {endings!r}")
        return (
            gauge("regrow_gateway_draining", "1 while the gateway drains.", _number(status, "draining")),
            gauge("regrow_gateway_uptime_seconds", "Since the gateway started.", _number(status, "uptime_s")),
            gauge("regrow_gateway_connections", "Connections, let in or not yet.", _number(status, "connections")),
            *(gauge(f"regrow_gateway_{key}", text, _number(status, key)) for key, text in _STATES.items()),
            gauge(
                "regrow_gateway_loop_lag_seconds",
                "The worst lateness of the gateway's event loop in the last minute.",
                _number(status, "loop_lag_recent_ms") / 1000.0,
            ),
            gauge(
                "regrow_gateway_heartbeat_lateness_seconds",
                "The 99th percentile of the lateness of heartbeats, of the connected worker where it is the highest.",
                _lateness(status["workers"]) / 1000.0,
            ),
            counter("regrow_gateway_settled_total", "Requests settled, by how they ended.", endings, label="ending"),
            counter(
                "regrow_gateway_attempts_total",
                "Attempts of the requests that were settled.",
                _number(status, "attempts"),
            ),
            counter(
                "regrow_gateway_received_messages_total",
                "Session messages received.",
                _number(status, "messages_received"),
            ),
            self.received_bytes.family(),
            self.closed.family(),
            self._leases.family(),
            self._returned.family(),
            self._queued.family(),
            self._run.family(),
            self.commit.family(),
        )


def measuring(asked_for: bool) -> GatewayMetrics | None:
    """Give the metrics of a gateway that is to have any. Errors: ValueError if what writes them is not installed."""
    if not asked_for:
        return None
    require_renderer()
    return GatewayMetrics()


def _number(status: Mapping[str, object], key: str) -> float:
    value = status[key]
    if not isinstance(value, int | float):
        raise AssertionError(f"status.{key}: expected a number, got {value!r}")
    return float(value)


def _lateness(workers: object) -> float:
    """Give milliseconds."""
    rows: Iterable[object] = workers if isinstance(workers, list) else ()
    worst = 0.0
    for row in rows:
        if isinstance(row, dict) and row["connected"]:
            worst = max(worst, float(row["heartbeats"]["late_p99_ms"]))
    return worst
