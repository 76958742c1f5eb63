"""What has happened to each child lately, kept so that an end can be explained.

What lives here: `History`, a subscriber of the bus with bounded memory. What must not: text (`post_mortem.py`).
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from regrow.actors.bus import EventBus
from regrow.actors.hosting.events import CommandEnded
from regrow.actors.signals import ExitReport
from regrow.protocol.exits import ExitReason
from regrow.supervision.events import (
    BackoffWasReset,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    IntensityReached,
    RestartScheduled,
    ShutdownError,
    ShutdownErrors,
    SignificantChildEnded,
    Unstopped,
)

__all__ = ("ChildHistory", "ChildKey", "End", "GaveUp", "History")

ChildKey: TypeAlias = tuple[str, str]  # supervisor, child id

ENDS_MAX: Final = 32  # ends kept a child: more than anyone reads, enough for the usual intensity
CHILDREN_MAX: Final = 1024  # children kept; beyond it the one that nothing happened to for longest is forgotten
GAVE_UP_MAX: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """One life that ended. `at`: monotonic seconds; `ready`: whether it had been ready."""

    at: float
    reason: ExitReason
    ready: bool
    report: ExitReport | None = None


@dataclass(slots=True)
class ChildHistory:
    """The latest ends and restart delays of one child.

    `total` counts all unwanted ends since the start, `restarts` the restarts since the waits were last reset.
    """

    ends: deque[End] = field(default_factory=lambda: deque(maxlen=ENDS_MAX))
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=ENDS_MAX))
    total: int = 0
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class GaveUp:
    """A supervisor that gave up, with what had happened to the child that was one restart too many."""

    at: float
    event: IntensityReached
    ends: tuple[End, ...]
    delays: tuple[float, ...]
    total: int
    restarts: int


class History:
    """Listens from construction until `close`. Runs in: any thread; quick, never waits for an actor."""

    def __init__(self, bus: EventBus, *, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._children: OrderedDict[ChildKey, ChildHistory] = OrderedDict()
        self._gave_up: deque[GaveUp] = deque(maxlen=GAVE_UP_MAX)
        self._start_failures: deque[tuple[str, End]] = deque(maxlen=ENDS_MAX)
        self._tails: OrderedDict[str, tuple[str, ...]] = OrderedDict()  # by the name of a program's actor
        self._significant: SignificantChildEnded | None = None
        self._trouble: list[Unstopped | ShutdownError | ShutdownErrors] = []
        self._unsubscribe = bus.subscribe(
            self._hear,
            ChildStarted,
            ChildStartFailed,
            ChildTerminated,
            RestartScheduled,
            BackoffWasReset,
            IntensityReached,
            SignificantChildEnded,
            ShutdownError,
            ShutdownErrors,
            Unstopped,
            CommandEnded,
        )

    def close(self) -> None:
        """Stop listening; what is known stays."""
        self._unsubscribe()

    def child(self, supervisor: str, child_id: str) -> ChildHistory:
        """Give a copy of what is known of a child."""
        with self._lock:
            known = self._children.get((supervisor, child_id), ChildHistory())
            return ChildHistory(known.ends.copy(), known.delays.copy(), known.total, known.restarts)

    @property
    def gave_up(self) -> tuple[GaveUp, ...]:
        """The supervisors that gave up, oldest first."""
        with self._lock:
            return tuple(self._gave_up)

    @property
    def start_failures(self) -> tuple[tuple[str, End], ...]:
        """The latest starts that failed, as path and end, oldest first."""
        with self._lock:
            return tuple(self._start_failures)

    @property
    def significant_end(self) -> SignificantChildEnded | None:
        """The latest significant child whose end ended its supervisor."""
        return self._significant

    @property
    def trouble(self) -> tuple[Unstopped | ShutdownError | ShutdownErrors, ...]:
        """The children that did not stop as they were asked to."""
        with self._lock:
            return tuple(self._trouble)

    def _hear(self, event: object) -> None:
        with self._lock:
            match event:
                case CommandEnded(ref=ref, stderr_tail=tail):
                    self._tails[ref.name] = tail
                    if len(self._tails) > CHILDREN_MAX:
                        self._tails.popitem(last=False)
                case ChildStartFailed(reason=reason):
                    end = End(at=self._now(), reason=reason, ready=False, report=self._report(event, None))
                    self._end(event, end)
                    self._start_failures.append((f"{event.supervisor}/{event.child_id}", end))
                case ChildTerminated(expected=False, reason=reason, report=report):
                    self._end(event, End(at=self._now(), reason=reason, ready=True, report=self._report(event, report)))
                case RestartScheduled(delay=delay):
                    child = self._of(event)
                    child.delays.append(delay)
                    child.restarts += 1
                case BackoffWasReset():
                    child = self._of(event)
                    child.delays.clear()
                    child.restarts = 0
                case IntensityReached():
                    child = self._of(event)
                    ends, delays = tuple(child.ends), tuple(child.delays)
                    self._gave_up.append(GaveUp(self._now(), event, ends, delays, child.total, child.restarts))
                case SignificantChildEnded():
                    self._significant = event
                case Unstopped() | ShutdownError() | ShutdownErrors():
                    self._trouble = [*self._trouble[-GAVE_UP_MAX:], event]
                case _:
                    pass

    def _report(self, event: ChildStartFailed | ChildTerminated, report: object) -> ExitReport | None:
        """What a program said last comes in an event of its own, just before the end of its actor."""
        tail = self._tails.pop(event.child_id, ())
        known = report if isinstance(report, ExitReport) else ExitReport()
        if tail and not known.stderr_tail:
            return replace(known, stderr_tail=tail, in_hand=None)  # that would be the news of its end
        return None if report is None else known

    def _end(self, event: ChildStartFailed | ChildTerminated, end: End) -> None:
        child = self._of(event)
        child.ends.append(end)
        child.total += 1

    def _of(
        self, event: ChildStartFailed | ChildTerminated | RestartScheduled | BackoffWasReset | IntensityReached
    ) -> ChildHistory:
        key = (event.supervisor, event.child_id)
        child = self._children.setdefault(key, ChildHistory())
        self._children.move_to_end(key)
        if len(self._children) > CHILDREN_MAX:
            self._children.popitem(last=False)
        return child
