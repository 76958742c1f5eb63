"""Traces: what an actor takes, sends and runs, written down for somebody who looks.

A trace is held by who looks: it is bounded, and when he forgets it, it ends. Source: sys:trace/2, sys:log/2.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias
from weakref import ReferenceType, ref

from .current import FENCES

if TYPE_CHECKING:
    from types import TracebackType

    from .clock import Clock
    from .ref import ActorRef

__all__ = ("Taps", "Trace", "TraceKind", "TraceRecord")

TraceKind: TypeAlias = Literal["in", "out", "hook"]


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """One thing that happened. `what`: the message, or the name of the hook; `peer`: who has asked, or is sent to."""

    at: float  # monotonic seconds
    kind: TraceKind
    what: object
    peer: ActorRef[Any] | None = None


class Trace:
    """The latest records of one life, `maxlen` at most. Ends with `close()`, with that life, or when it is forgotten.

    Runs in: any thread.
    """

    def __init__(self, subject: ActorRef[Any], clock: Clock, maxlen: int) -> None:
        if maxlen < 1:
            raise ValueError(f"trace: expected a maxlen of at least 1, got {maxlen}")
        self.ref = subject
        self._clock = clock
        self._records: deque[TraceRecord] = deque(maxlen=maxlen)
        self._count = 0
        self._taps: Taps | None = None

    def records(self) -> tuple[TraceRecord, ...]:
        """Give them, oldest first."""
        return tuple(self._records)

    @property
    def lost(self) -> int:
        """How many had to go because there were more than `maxlen`."""
        return max(0, self._count - (self._records.maxlen or 0))

    @property
    def open(self) -> bool:
        """True while something can still be added."""
        return self._taps is not None and self._taps.has(self)

    def close(self) -> None:
        """End it; the records stay."""
        if self._taps is not None:
            self._taps.drop(self)

    def attach(self, taps: Taps) -> None:
        """Begin. Only for who makes traces."""
        self._taps = taps
        taps.add(self)

    def note(self, kind: TraceKind, what: object, peer: ActorRef[Any] | None) -> None:
        """Add a record. Runs in: the turn of whom it is of."""
        self._records.append(TraceRecord(self._clock.now(), kind, what, peer))
        self._count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Taps:
    """The traces of one life. While there is one, those who send look who sends (`FENCES`)."""

    __slots__ = ("_closed", "_lock", "_traces")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._traces: tuple[ReferenceType[Trace], ...] = ()
        self._closed = False

    @property
    def any(self) -> bool:
        """True if there is one, or was until nobody held it any more."""
        return bool(self._traces)

    def has(self, trace: Trace) -> bool:
        """Say whether it is one of them."""
        return any(weak() is trace for weak in self._traces)

    def add(self, trace: Trace) -> None:
        """Add to it from now on."""
        with self._lock:
            if self._closed:
                return
            self._traces = (*self._traces, ref(trace))
        FENCES.put_up()

    def drop(self, trace: Trace | None = None) -> None:
        """Add to it no more, nor to those that nobody holds."""
        with self._lock:
            kept = tuple(weak for weak in self._traces if weak() is not None and weak() is not trace)
            dropped = len(self._traces) - len(kept)
            self._traces = kept
        for _ in range(dropped):
            FENCES.take_down()

    def note(self, kind: TraceKind, what: object, peer: ActorRef[Any] | None = None) -> None:
        """Add to all."""
        gone = False
        for weak in self._traces:
            trace = weak()
            if trace is None:
                gone = True
            else:
                trace.note(kind, what, peer)
        if gone:
            self.drop()

    def close(self) -> None:
        """Drop all."""
        with self._lock:
            self._closed = True
            dropped = len(self._traces)
            self._traces = ()
        for _ in range(dropped):
            FENCES.take_down()
