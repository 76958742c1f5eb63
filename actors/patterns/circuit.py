"""The core of a circuit breaker: who may call now, and what their outcomes say about the next ones. Pure.

    closed     calls go through; `max_failures` failures in a row open it
    open       nobody calls until the reset timeout is over
    half open  `probes` calls go through; one failure opens it for longer, as many successes close it

Source: Nygard, Release It!; akka's CircuitBreaker.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

__all__ = ("BreakerSettings", "Circuit", "CircuitState", "Permit", "Refusal")


class CircuitState(StrEnum):
    """Whether calls go through: all, none, a few to try."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSettings:
    """When it opens and for how long; all times in seconds. Errors: ValueError naming the field."""

    max_failures: int = 5  # in a row
    call_timeout: float = 10.0  # a call that takes longer is a failure, whatever comes of it
    reset_timeout: float = 30.0  # the first; what follows without a success between grows by `factor`
    factor: float = 2.0
    max_reset_timeout: float = 300.0
    jitter: float = 0.0  # up to this share is added at random, so that many breakers do not try at the same moment
    probes: int = 1  # calls that have to succeed before it closes

    def __post_init__(self) -> None:
        for field, least in (("max_failures", 1), ("probes", 1), ("factor", 1.0), ("jitter", 0.0)):
            if not getattr(self, field) >= least:
                raise ValueError(f"{field}: expected {least} or more, got {getattr(self, field)!r}")
        for field in ("call_timeout", "reset_timeout", "max_reset_timeout"):
            if not getattr(self, field) > 0:
                raise ValueError(f"{field}: expected more than 0 seconds, got {getattr(self, field)!r}")


@dataclass(frozen=True, slots=True)
class Permit:
    """One call that goes through; its outcome has to be told."""

    era: int
    number: int
    began: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """No call now; perhaps in `retry_after` seconds."""

    retry_after: float


class Circuit:
    """Decides. The caller brings the time and holds the lock. `changes` collects the states that it has gone to.

    An outcome counts in the era, from one change of state to the next, that its permit is of: who began to call before
    it opened says nothing about whether it may close.
    """

    def __init__(self, settings: BreakerSettings, rng: random.Random) -> None:
        self.settings = settings
        self._rng = rng
        self.state = CircuitState.CLOSED
        self.failures = 0  # in a row, while it is closed
        self.changes: list[CircuitState] = []
        self._era = 0
        self._numbers = 0
        self._until = 0.0  # while it is open: when it half opens
        self._reset = settings.reset_timeout  # for how long it opens next
        self._probes: dict[int, float] = {}  # out now: number -> began
        self._succeeded = 0  # probes of this era

    def admit(self, now: float) -> Permit | Refusal:
        """Ask for a call."""
        if self.state is CircuitState.OPEN:
            if now < self._until:
                return Refusal(self._until - now)
            self._go(CircuitState.HALF_OPEN)
        if self.state is CircuitState.HALF_OPEN:
            refusal = self._full(now)
            if refusal is not None:
                return refusal
        self._numbers += 1
        if self.state is CircuitState.HALF_OPEN:
            self._probes[self._numbers] = now
        return Permit(self._era, self._numbers, now)

    def settle(self, permit: Permit, now: float, *, succeeded: bool | None) -> None:
        """Tell what came of a call; None: it says nothing, as one that was cancelled."""
        if permit.era != self._era:
            return
        self._probes.pop(permit.number, None)
        if now - permit.began > self.settings.call_timeout:
            succeeded = False
        if succeeded is None:
            return
        if self.state is CircuitState.HALF_OPEN:
            self._probed(now, succeeded=succeeded)
        elif succeeded:
            self.failures = 0
        else:
            self.failures += 1
            if self.failures >= self.settings.max_failures:
                self._open(now)

    def reset(self) -> None:
        """Close it, whatever it has seen."""
        if self.state is not CircuitState.CLOSED:
            self._go(CircuitState.CLOSED)
        self.failures = 0
        self._reset = self.settings.reset_timeout

    def remaining(self, now: float) -> float:
        """Seconds until it lets one try; 0 if it does now, or is not open."""
        return max(0.0, self._until - now) if self.state is CircuitState.OPEN else 0.0

    def _full(self, now: float) -> Refusal | None:
        """Say whether enough are out. One that has been out for too long has failed: perhaps nobody tells of it."""
        oldest = min(self._probes.values(), default=now)
        overdue = now - oldest - self.settings.call_timeout
        if overdue > 0:
            self._open(now)
            return Refusal(self._until - now)
        if len(self._probes) + self._succeeded < self.settings.probes:
            return None
        return Refusal(-overdue)

    def _probed(self, now: float, *, succeeded: bool) -> None:
        if not succeeded:
            self._open(now)
            return
        self._succeeded += 1
        if self._succeeded >= self.settings.probes:
            self.reset()

    def _open(self, now: float) -> None:
        most = self.settings.max_reset_timeout
        self._until = now + min(self._reset, most) * (1.0 + self.settings.jitter * self._rng.random())
        self._reset = min(self._reset * self.settings.factor, most)
        self._go(CircuitState.OPEN)

    def _go(self, state: CircuitState) -> None:
        self.state = state
        self.changes.append(state)
        self._era += 1
        self._probes.clear()
        self._succeeded = 0
        if state is CircuitState.HALF_OPEN:
            self.failures = 0
