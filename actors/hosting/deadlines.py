"""Deadlines on their way to somebody with another clock: as the time that remains."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..system import ActorSystem

__all__ = ("deadline_of", "remaining_ms")


def remaining_ms(system: ActorSystem, deadline: float | None) -> int | None:
    """Say a deadline (monotonic seconds) as milliseconds from now."""
    return None if deadline is None else max(0, round((deadline - system.clock.now()) * 1000))


def deadline_of(system: ActorSystem, remaining: int | None) -> float | None:
    """Read what `remaining_ms` gave."""
    return None if remaining is None else system.clock.now() + remaining / 1000
