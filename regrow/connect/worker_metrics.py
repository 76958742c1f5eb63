"""The numbers of a worker, and whether it is ready: the events of its system, folded.

What lives here: the fold and what is concluded from it. What must not: sockets (`admin_http.py`) and any question that
takes long: the executor is asked by whoever has time for it.
"""

from __future__ import annotations

import threading
from typing import Final

from regrow.actors import ActorSystem
from regrow.actors.hosting.events import HangEnded, HangSuspected
from regrow.actors.roles.executor.actor import ExecutorStatus
from regrow.actors.roles.messages import HeartbeatMeasured, LinkStateChanged
from regrow.connect.metrics import Counter, Family, counter, gauge
from regrow.connect.worker_watch import LinkStatus
from regrow.supervision.events import ChildTerminated

__all__ = ("WorkerMetrics",)

_PHASE: Final = "ready"


class WorkerMetrics:
    """Hears the bus. Runs in: the threads that publish, and those that ask; none of them waits here."""

    def __init__(self, system: ActorSystem) -> None:
        self._clock = system.clock
        self._lock = threading.Lock()
        self._heard_at: float | None = None  # when the gateway was last known to have spoken; None: not yet
        self._silence_limit = 0.0  # seconds; 0: not known yet
        self._interval = 0.0
        self._deaths = Counter(
            "regrow_worker_child_deaths_total", "Parts of the worker that died unasked, by child.", label="child"
        )
        self._suspected = Counter("regrow_worker_hangs_suspected_total", "Processes that were seen not to get on.")
        self._ended = Counter("regrow_worker_hangs_ended_total", "Processes that were ended because they hung.")
        kinds = (LinkStateChanged, HeartbeatMeasured, ChildTerminated, HangSuspected, HangEnded)
        self.close = system.bus.subscribe(self._hear, *kinds)

    def silence(self) -> float:
        """Give the seconds since the gateway's last word, as far as it is known here; 0 before the first."""
        with self._lock:
            return 0.0 if self._heard_at is None else max(0.0, self._clock.now() - self._heard_at)

    def reasons(self, link: LinkStatus, executor: ExecutorStatus | None) -> tuple[str, ...]:
        """Say why work cannot come in and go out now; nothing if it can."""
        reasons: list[str] = []
        if link.phase != _PHASE:
            reasons.append(f"no session with the gateway: {link.phase} {link.reason}".strip())
        else:
            silence = self.silence()
            with self._lock:
                # What is known of the gateway comes with the beats: it is one interval old before the next one.
                limit = self._silence_limit + self._interval
            if limit and silence > limit:
                reasons.append(f"heard nothing from the gateway for {silence:.1f} s, at most {limit:g} s are allowed")
        if executor is None:
            reasons.append("the executor does not answer")
            return tuple(reasons)
        if not executor.alive:
            reasons.append("no process that runs functions is up")
        if executor.draining:
            reasons.append("draining")
        if executor.unstored > executor.capacity:
            reasons.append(f"the outbox is full: {executor.unstored} results wait to be stored")
        return tuple(reasons)

    def families(
        self, link: LinkStatus, heartbeat: HeartbeatMeasured | None, executor: ExecutorStatus | None
    ) -> tuple[Family, ...]:
        """Give every metric, in the order of docs/reference/metrics.md; those of who does not answer are left out."""
        known = (
            gauge("regrow_worker_session_ready", "1 while there is a session with the gateway.", link.phase == _PHASE),
            gauge(
                "regrow_worker_gateway_silence_seconds",
                "Since the last word of the gateway; as the last heartbeat knew it, and the time since then.",
                self.silence(),
            ),
            counter(
                "regrow_worker_sessions_total",
                "Sessions that became ready; all but the first reconnected.",
                link.readies,
            ),
            counter("regrow_worker_links_total", "Connection processes so far.", link.links),
            gauge("regrow_worker_connect_seconds", "From the last dial to its session.", link.latency),
            self._deaths.family(),
            self._suspected.family(),
            self._ended.family(),
        )
        return (*known, *_of_heartbeat(heartbeat), *_of_executor(executor))

    def _hear(self, event: object) -> None:
        match event:
            case LinkStateChanged(phase="ready"):
                with self._lock:
                    self._heard_at = self._clock.now()
            case HeartbeatMeasured():
                with self._lock:
                    self._heard_at = self._clock.now() - event.silence
                    self._silence_limit, self._interval = event.silence_limit, event.interval
            case ChildTerminated():
                if not event.expected:
                    self._deaths.add(1, event.child_id)
            case HangSuspected():
                self._suspected.add()
            case HangEnded():
                self._ended.add()


def _of_heartbeat(heartbeat: HeartbeatMeasured | None) -> tuple[Family, ...]:
    if heartbeat is None:
        return ()
    return (
        gauge(
            "regrow_worker_heartbeat_lateness_seconds",
            "The 99th percentile of the lateness of the last heartbeats.",
            heartbeat.p99_lateness,
        ),
        gauge(
            "regrow_worker_heartbeat_lateness_worst_seconds",
            "The worst lateness of a heartbeat of this connection process.",
            heartbeat.worst_lateness,
        ),
        gauge(
            "regrow_worker_heartbeat_round_trip_seconds",
            "From the last heartbeat that was acknowledged to its acknowledgement.",
            heartbeat.last_round_trip,
        ),
    )


def _of_executor(executor: ExecutorStatus | None) -> tuple[Family, ...]:
    if executor is None:
        return ()
    statistics = executor.statistics
    return (
        gauge("regrow_worker_running", "Requests that run.", executor.running),
        gauge("regrow_worker_waiting", "Requests that wait here for one that runs to end.", executor.waiting),
        gauge("regrow_worker_unstored", "Results that the outbox has not taken yet.", executor.unstored),
        gauge("regrow_worker_capacity", "Requests that may run at once.", executor.capacity),
        gauge("regrow_worker_executors", "Processes that run functions and are up.", len(executor.pids)),
        gauge("regrow_worker_draining", "1 while the worker drains.", executor.draining),
        counter("regrow_worker_taken_total", "Requests taken.", statistics.taken),
        counter("regrow_worker_runs_total", "Runs of functions that were begun.", statistics.runs),
        counter("regrow_worker_refused_total", "Requests refused, because all was busy.", statistics.refused),
        counter("regrow_worker_finished_total", "Requests that were finished, well or not.", statistics.finished),
        counter("regrow_worker_run_deaths_total", "Runs whose process died.", statistics.deaths),
        counter(
            "regrow_worker_killed_total", "Runs that were killed, for their deadline or a cancel.", statistics.killed
        ),
        counter(
            "regrow_worker_quarantined_total", "Requests that killed too often to be run again.", statistics.quarantined
        ),
    )
