"""How punctual the heartbeats of each worker are, as the gateway sees them arrive.

A beat carries the monotonic moment at which its sender meant to send it. CLOCK_MONOTONIC is one clock for all processes
of a machine, so that arrival minus due is the lateness. A worker on another machine has another zero: its lateness is
taken relative to its most punctual beat. Where a beat carries no moment, it is the gap over the interval.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from math import ceil, log
from typing import Final

__all__ = ("Punctuality",)

_SMALLEST_MS: Final = 0.1
_GROWTH: Final = 1.2
_BUCKETS: Final = 64  # 0.1 ms * 1.2**63 = 9.7 s; a bucket is at most 20 % wide
_SAME_CLOCK_S: Final = 60.0  # a first beat further off than this was timed by another machine's clock


@dataclass(slots=True)
class Punctuality:
    """Lateness of the beats of one worker instance in one epoch: count, worst, 99th percentile."""

    interval: float
    count: int = 0
    worst_ms: float = 0.0
    _offset: float = 0.0
    _last: float | None = None
    _buckets: array[int] = field(default_factory=lambda: array("L", bytes(array("L").itemsize * _BUCKETS)))

    def beat(self, now: float, due_ns: int) -> None:
        """Note a beat that arrived at `now` and was due at `due_ns`; 0 means that its sender did not say."""
        if due_ns:
            late = self._late_of(now - due_ns / 1e9)
        else:
            late = 0.0 if self._last is None else max(0.0, now - self._last - self.interval)
        self._last = now
        self.count += 1
        late_ms = late * 1000.0
        self.worst_ms = max(self.worst_ms, late_ms)
        bucket = 0 if late_ms <= _SMALLEST_MS else ceil(log(late_ms / _SMALLEST_MS, _GROWTH))
        self._buckets[min(bucket, _BUCKETS - 1)] += 1

    def p99_ms(self) -> float:
        """Give the lateness that 99 % of the beats stay within, at most 20 % too high."""
        left = self.count - ceil(self.count * 0.99)
        for bucket in range(_BUCKETS - 1, -1, -1):
            left -= self._buckets[bucket]
            if left < 0:
                return min(self.worst_ms, _SMALLEST_MS * _GROWTH**bucket)
        return 0.0

    def _late_of(self, behind: float) -> float:
        if self.count == 0 and abs(behind) > _SAME_CLOCK_S:
            self._offset = behind
        if self._offset:
            self._offset = min(self._offset, behind)
        return max(0.0, behind - self._offset)
