"""The facts that the patterns publish on the bus of a system."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("CircuitClosed", "CircuitHalfOpened", "CircuitOpened")


@dataclass(frozen=True, slots=True)
class CircuitOpened:
    """A circuit breaker lets no call through for so many seconds."""

    name: str
    retry_after: float


@dataclass(frozen=True, slots=True)
class CircuitHalfOpened:
    """A circuit breaker lets a few calls try."""

    name: str


@dataclass(frozen=True, slots=True)
class CircuitClosed:
    """A circuit breaker lets all calls through again."""

    name: str
