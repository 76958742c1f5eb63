"""What the demo sees of the worker: heartbeats over all link processes, log records, and every process there was.

What lives here: folding events into numbers. What must not: causing anything.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Mapping

import psutil

from regrow.actors import ActorExited, ActorSystem
from regrow.actors.hosting import HostedRef, LogsLost
from regrow.actors.roles.messages import HeartbeatMeasured
from regrow.cli.demo.report import Beats

__all__ = ("CountingLogger", "Observer", "ProcessCensus")

_SAMPLES = 100_000  # heartbeats kept for a plot


class CountingLogger:
    """The user's logger of the demo: counts what came from other processes, and keeps the last lines for the view."""

    def __init__(self, keep: int = 6) -> None:
        self.received = 0
        self.last: list[str] = []
        self._keep = keep
        self._lock = threading.Lock()

    def debug(self, text: str, *args: object, **context: object) -> None:
        """Count one record."""
        self._count(text, context, shown=False)

    def info(self, text: str, *args: object, **context: object) -> None:
        """Count one record."""
        self._count(text, context, shown=False)

    def warning(self, text: str, *args: object, **context: object) -> None:
        """Count one record and show it."""
        self._count(text, context, shown=True)

    def error(self, text: str, *args: object, **context: object) -> None:
        """Count one record and show it."""
        self._count(text, context, shown=True)

    def _count(self, text: str, context: Mapping[str, object], *, shown: bool) -> None:
        with self._lock:
            if context.get("source_pid") not in (None, 0, os.getpid()):
                self.received += 1
            if shown:
                self.last = [*self.last, text][-self._keep :]


class Observer:
    """Listens to the worker's bus. Runs in: the threads that publish."""

    def __init__(self, system: ActorSystem) -> None:
        self._lock = threading.Lock()
        self._past: list[HeartbeatMeasured] = []  # the last word of each link process that is gone
        self._present: HeartbeatMeasured | None = None
        self.records_numbered = 0  # by processes that are gone, as their black boxes say
        self.records_died = 0
        self.samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)  # (due, late) in seconds
        self.close = system.bus.subscribe(self._hear, HeartbeatMeasured, ActorExited, LogsLost)

    def beats(self) -> Beats:
        """Give count, worst and 99th percentile over all link processes; of the percentiles, the worst."""
        with self._lock:
            every = [*self._past, *([self._present] if self._present is not None else [])]
        if not every:
            return Beats()
        return Beats(
            count=sum(measured.count for measured in every),
            worst_lateness_ms=round(1000 * max(measured.worst_lateness for measured in every), 2),
            p99_lateness_ms=round(1000 * max(measured.p99_lateness for measured in every), 2),
        )

    def _hear(self, event: object) -> None:
        with self._lock:
            match event:
                case HeartbeatMeasured():
                    self.samples.extend(event.recent)
                    if self._present is not None and event.count < self._present.count:
                        self._past.append(self._present)  # counts start again with every link process
                    self._present = event
                case ActorExited(ref=HostedRef() as ref):
                    recorded = ref.black_box
                    self.records_numbered += 0 if recorded is None else recorded.log_sequence
                case LogsLost():
                    self.records_died += event.count


class ProcessCensus:
    """Every process that was ever seen below this one, to find those that are left behind."""

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}  # pid: when it was created, because pids are used again

    def take(self) -> None:
        """Look at what there is now."""
        for process in psutil.Process(os.getpid()).children(recursive=True):
            try:
                self._seen.setdefault(process.pid, process.create_time())
            except psutil.NoSuchProcess:
                continue  # gone between the two looks, so not left behind

    def alive(self) -> list[psutil.Process]:
        """Give those of all seen that live."""
        found = []
        for pid, created in self._seen.items():
            try:
                process = psutil.Process(pid)
                if process.create_time() == created and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.NoSuchProcess:
                continue
        return found
