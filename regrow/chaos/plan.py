"""Plans: which fault hits which target when, made from a seed, so that a bad run can be run again.

What lives here: pure values and the generator. What must not: clocks, processes, signals.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from regrow.chaos.faults import Fault
from regrow.protocol.errors import RegrowError

__all__ = ("Injection", "Plan", "PlanError")


class PlanError(RegrowError):
    """A plan that cannot be made; the text says what, expected and got."""


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault, for one named target, so many seconds after the start."""

    at: float
    target: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.at:6.2f} s  {self.fault}  {self.target}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Injections in the order of their times."""

    injections: tuple[Injection, ...]

    @classmethod
    def spread(cls, faults: Sequence[tuple[str, Fault]], *, seconds: float, seed: int, quiet: float = 0.15) -> Plan:
        """Spread the faults over the run, in the order given, each at a seeded random moment of its own slice.

        Shape: `faults` are (target, fault); the first and the last `quiet` share of the time stay calm, so that there
        is a steady state to compare with and time to recover in.
        Errors: PlanError for a time or share that leaves no room.
        """
        if seconds <= 0 or not 0 <= quiet < 0.5:
            raise PlanError(f"chaos plan: expected seconds > 0 and 0 <= quiet < 0.5, got {seconds} and {quiet}")
        rng = random.Random(seed)
        start, length = seconds * quiet, seconds * (1 - 2 * quiet)
        slice_ = length / max(1, len(faults))
        return cls(
            tuple(
                Injection(round(start + slice_ * (index + 0.6 * rng.random()), 3), target, fault)
                for index, (target, fault) in enumerate(faults)
            )
        )

    def due(self, elapsed: float, done: int) -> tuple[Injection, ...]:
        """Give the injections that are due by `elapsed` seconds, less the first `done`, which were made already."""
        return tuple(injection for injection in self.injections[done:] if injection.at <= elapsed)
