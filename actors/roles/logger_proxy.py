"""The role that takes log records home: two ends of one proxy.

What lives here: `LoggerProxy`, the receiving end in the main process, which hands every record to the user's own
logger as if it had been logged there; `LogForwarder`, the sending end in the connection process. What must not: the
kinds of loggers (`log_sinks.py`) and the making of records (`log_sender.py`).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ...protocol.exits import is_abnormal
from ...protocol.host.messages import LogRecord
from ..actor import Actor
from ..errors import ActorDeadError
from ..events import ActorExited
from ..hosting.events import LogsLost
from ..ref import ActorRef
from .link_messages import RoleLogged
from .log_sender import LogSender, refuse_record
from .log_sinks import RecordSink, record_sink

__all__ = ("AskStatistics", "LogForwarder", "LogGaps", "LogStatistics", "LoggerProxy")

_QUEUE_RECORDS: Final = 10_000
"""Records that wait for the user's logger; then the oldest is dropped and counted. A slow logger must not eat the
memory."""

_SAID_EVERY: Final = 10_000  # records at most, and when none waits: a line about those that were dropped
_SOURCES: Final = 1024  # sources whose numbers are remembered; the one that was silent longest is forgotten first


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatistics:
    """Counts by source. `gaps`: records that were numbered there and never came, while later ones did; `died_with`:
    those that a killed process took with it; `dropped`: the user's logger was too slow; `failed`: it raised.
    """

    received: Mapping[str, int] = field(default_factory=dict)
    gaps: Mapping[str, int] = field(default_factory=dict)
    died_with: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Wake:
    """There are records."""


@dataclass(frozen=True, slots=True)
class AskStatistics:
    """Answered with LogStatistics."""


class LogGaps:
    """Counts, by source, what came and what is missing between the numbers.

    >>> gaps = LogGaps()
    >>> for number in (1, 2, 5): gaps.came("executor-0", 4711, number)
    >>> gaps.received, gaps.missing
    ({'executor-0': 3}, {'executor-0': 2})
    """

    def __init__(self) -> None:
        self.received: dict[str, int] = {}
        self.missing: dict[str, int] = {}
        self._last: dict[tuple[str, int], int] = {}

    def came(self, source: str, pid: int, sequence: int) -> None:
        """A record with this number has come."""
        self.received[source] = self.received.get(source, 0) + 1
        if sequence <= 0:
            return  # of somebody who does not count
        last = self._last.pop((source, pid), 0)
        self._miss(source, sequence - last - 1)
        self._last[(source, pid)] = max(sequence, last)
        while len(self._last) > _SOURCES:
            del self._last[next(iter(self._last))]

    def _miss(self, source: str, records: int) -> None:
        if records > 0:
            self.missing[source] = self.missing.get(source, 0) + records


class LoggerProxy(Actor):
    """The receiving end. A fault of the user's logger is counted and reported once, and never ends this actor."""

    def __init__(self, logger: object | None) -> None:
        super().__init__()
        self._sink: RecordSink = record_sink(logger)
        self._lock = threading.Lock()
        self._waiting: deque[LogRecord] = deque()
        self._gaps = LogGaps()
        self._died_with: dict[str, int] = {}  # records that a process took with it, by its name
        self._dropped = 0
        self._failed = 0
        self._handed = self._untold = 0  # of records dropped by anybody, those that the log does not say yet
        self._unsubscribe: list[Callable[[], None]] = []

    def on_start(self) -> None:
        """Become the sink of the system, and hear what dead processes took with them."""
        self.system.log_sink = self._take
        self._unsubscribe.append(self.system.bus.subscribe(self._hear, LogsLost, RoleLogged, ActorExited))

    def on_stop(self) -> None:
        """Hand over what has come, then let go of the system."""
        self._let_go()
        self._hand_over()

    def on_failure(self, *_: object) -> None:
        """Let go of the system; the next life takes over."""
        self._let_go()

    def on_receive(self, message: object) -> object:
        """Hand over records; answer for the counts."""
        match message:
            case _Wake():
                self._hand_over()
            case AskStatistics():
                self._hand_over()
                with self._lock:
                    died_with = dict(self._died_with)
                return LogStatistics(
                    received=dict(self._gaps.received),
                    gaps=dict(self._gaps.missing),
                    died_with=died_with,
                    dropped=self._dropped,
                    failed=self._failed,
                )
        return None

    def _take(self, record: LogRecord, ref: ActorRef) -> None:
        """Runs in: any thread, the host's loop mostly. Never blocks."""
        self._enqueue(record if record.source else replace(record, source=ref.name))

    def _enqueue(self, record: LogRecord) -> None:
        with self._lock:
            wake = not self._waiting
            if len(self._waiting) >= _QUEUE_RECORDS:
                self._waiting.popleft()
                self._dropped += 1
                self._untold += 1
            self._waiting.append(record)
        if wake:
            try:
                self.ref.tell(_Wake())
            except ActorDeadError:
                return  # the next life takes over; what waits here is handed over by on_stop

    def _hear(self, event: object) -> None:
        """Runs in: the thread of whoever publishes. What ended badly here is worth a line as well."""
        match event:
            case LogsLost():
                with self._lock:
                    self._died_with[event.ref.name] = self._died_with.get(event.ref.name, 0) + event.count
            case RoleLogged():
                self._note(event.level, event.text, event.source)
            case ActorExited() if is_abnormal(event.reason) and event.ref is not self.ref:
                pid = f" (pid {event.report.pid})" if event.report is not None and event.report.pid else ""
                self._note("warning", f"{event.ref.name} ended: {event.reason}{pid}", event.ref.name)

    def _note(self, level: str, text: str, source: str) -> None:
        self._enqueue(LogRecord(level=level, text=text, at=self.system.clock.epoch(), source=source))

    def _hand_over(self) -> None:
        while True:
            with self._lock:
                record = self._waiting.popleft() if self._waiting else None
                if record is not None:
                    self._untold += record.dropped
                    self._handed += 1
                said = record is None or self._handed % _SAID_EVERY == 0
                untold, self._untold = (self._untold, 0) if said else (0, self._untold)
            if untold:
                text = f"{untold} log records were dropped: they came faster than they were read"
                self._give(LogRecord(level="warning", text=text, at=self.system.clock.epoch(), source=self.name))
            if record is None:
                return
            self._gaps.came(record.source, record.pid, record.sequence)
            self._give(record)

    def _give(self, record: LogRecord) -> None:
        try:
            self._sink(record)
        except Exception as error:  # noqa: BLE001 - the user's logger may raise anything
            self._failed += 1
            if self._failed == 1:
                text = f"the logger raised {error!r} and lost a record of {record.source}; said once"
                self.system.bus.publish(RoleLogged(self.name, "error", text, {}))

    def _let_go(self) -> None:
        if self.system.log_sink == self._take:
            self.system.log_sink = None
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe.clear()


class LogForwarder(Actor):
    """The sending end: what the roles of this process say, and how any of them ends, goes to the process that hosts
    it.
    """

    def __init__(self, *, level: str = "debug") -> None:
        super().__init__()
        link = self.system.host_link
        self._sender = LogSender(
            link.log if link is not None else refuse_record,
            source="link",
            epoch=self.system.clock.epoch,
            level=level,
            pid=os.getpid(),
        )
        self._unsubscribe: Callable[[], None] = lambda: None

    def on_start(self) -> None:
        """Hear what is worth a line."""
        self._unsubscribe = self.system.bus.subscribe(self._forward, RoleLogged, ActorExited)

    def on_stop(self) -> None:
        """Stop hearing."""
        self._unsubscribe()

    def on_failure(self, *_: object) -> None:
        """Stop hearing; the next life hears again."""
        self._unsubscribe()

    def _forward(self, event: object) -> None:
        """Runs in: the thread of whoever publishes. Never blocks."""
        match event:
            case RoleLogged():
                self._sender.log(event.level, event.text, {"role": event.source, **event.context})
            case ActorExited() if is_abnormal(event.reason):
                self._sender.log("error", f"{event.ref.name} ended: {event.reason}", {"role": event.ref.name})
