"""When a child that dies at once would be restarted, and when its supervisor would give up: a backoff, played through.

What lives here: the playing, and its result as values. What must not: clocks (time is a number here), drawing.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from statistics import median

from regrow.actors.child_spec import Delays
from regrow.supervision.intensity import Intensity, RestartLog

__all__ = ("GivingUp", "Schedule", "Spread", "Step", "play")


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, middle and most of what the runs gave, in seconds."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        """Sum up at least one value."""
        return cls(min(values), median(values), max(values))


@dataclass(frozen=True, slots=True)
class Step:
    """One restart: how long it is waited for, and when it comes, counted from the first death."""

    restart: int
    delay: Spread
    at: Spread


@dataclass(frozen=True, slots=True)
class GivingUp:
    """When the supervisor gives up, and after how many restarts; `share` of the runs came to that within the steps."""

    share: float
    restarts: tuple[int, int]  # fewest, most
    at: Spread


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps as if nobody gave up, and beside them when somebody does; None: in no run."""

    steps: tuple[Step, ...]
    giving_up: GivingUp | None
    runs: int

    def to_json(self) -> dict[str, object]:
        """Give it as plain values."""
        return asdict(self)


def play(delays: Delays, intensity: Intensity, *, restarts: int = 12, runs: int = 1000, seed: int = 0) -> Schedule:
    """Let a child die at once after each of `restarts` restarts, `runs` times over.

    The same seed gives the same schedule. The intensity is asked as a supervisor asks it: ahead, for the end of a wait.
    Errors: ValueError if there is nothing to play; whatever the delays raise.
    """
    if restarts < 1 or runs < 1:
        raise ValueError(f"restarts and runs: expected integers >= 1, got {restarts!r} and {runs!r}")
    rng = random.Random(seed)
    waits: list[list[float]] = [[] for _ in range(restarts)]
    times: list[list[float]] = [[] for _ in range(restarts)]
    ends: list[tuple[int, float]] = []
    for _ in range(runs):
        log: RestartLog = ()
        now, delay, given_up = 0.0, 0.0, False
        for index in range(restarts):
            delay = max(0.0, delays.delay(index + 1, rng, delay))
            due = now + delay
            if not given_up and not intensity.allows(log, due):
                given_up = True
                ends.append((index, now))
            log, _ = intensity.record(log, due)
            now = due
            waits[index].append(delay)
            times[index].append(now)
    steps = tuple(Step(index + 1, Spread.of(waits[index]), Spread.of(times[index])) for index in range(restarts))
    if not ends:
        return Schedule(steps, None, runs)
    counts = [count for count, _ in ends]
    giving_up = GivingUp(len(ends) / runs, (min(counts), max(counts)), Spread.of([at for _, at in ends]))
    return Schedule(steps, giving_up, runs)
