"""What the broker knows of a worker: who it is, what it serves, and which requests it holds under which lease."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from regrow.connect.broker.heartbeats import Punctuality

__all__ = ("CAPACITY_MAX", "Slot", "Worker")

CAPACITY_MAX: Final = 1_000_000
"""Requests that one worker may say it has room for; sums of it have to fit an integer of the wire."""


@dataclass(slots=True, eq=False)
class Slot:
    """A part of a worker's capacity that a request takes up, until the lease ends or the worker says that it is done.

    A cancelled request keeps its slot: the worker still runs it until it says otherwise or lets the lease run out.
    """

    lease_id: int
    expires: float


@dataclass(slots=True, eq=False, kw_only=True)
class Worker:
    """A worker instance, over all its connections. `connection` is "" while it has none but still holds leases."""

    instance: str
    epoch: int
    name: str = ""
    connection: str = ""
    functions: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()  # texts like "gpu=a100"
    capacity: int = 0
    paused: bool = False
    executor_alive: bool = True
    busy: bool = False  # it refused a request a moment ago
    silent: bool = False  # it let a lease run out, and has said nothing since
    slots: dict[str, Slot] = field(default_factory=dict)  # by request_id
    settled: int = 0
    punctuality: Punctuality

    @property
    def available(self) -> bool:
        """Whether it can take one more request now."""
        there = bool(self.connection) and not self.silent
        return there and not (self.paused or self.busy) and self.executor_alive and self.room > 0

    @property
    def room(self) -> int:
        """How many more requests its capacity has room for."""
        return self.capacity - len(self.slots)

    def describe(self) -> dict[str, object]:
        """Give plain values for Status."""
        return {
            "instance": self.instance,
            "epoch": self.epoch,
            "name": self.name,
            "connected": bool(self.connection),
            "paused": self.paused,
            "executor_alive": self.executor_alive,
            "capacity": self.capacity,
            "in_flight": len(self.slots),
            "settled": self.settled,
            "functions": sorted(self.functions),
            "labels": sorted(self.labels),
            "heartbeats": {
                "count": self.punctuality.count,
                "late_worst_ms": round(self.punctuality.worst_ms, 3),
                "late_p99_ms": round(self.punctuality.p99_ms(), 3),
            },
        }
