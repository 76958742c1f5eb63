"""All sides in turns, workload by workload, round by round: what each of them gave.

What lives here: starting sides on the cores of a mode, how much each is asked to do, and what went wrong. What must
not: what a workload is (`actor_workloads.py`), what is aimed at (`actor_plan.py`), rows.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.actor_plan import THREADED, Job
from benchmarks.actor_serving import Answer, Side, SideFailed
from benchmarks.other_actors import command_of
from benchmarks.other_supervisors import Unavailable

__all__ = ("NOT_AVAILABLE", "Commands", "Findings", "Mode", "Scale", "fresh", "modes", "run_rounds")

NOT_AVAILABLE = "not available"  # what a side says that this version does not have


class Commands(Protocol):
    """Where sides come from."""

    def __call__(self, side: str, cores: int, folder: Path, *, install: bool) -> list[str]:
        """Give the command that is this side. Errors: Unavailable."""


@dataclass(frozen=True, slots=True)
class Mode:
    """The cores that everything of a run is kept to."""

    name: str
    cores: frozenset[int]


@dataclass(frozen=True, slots=True)
class Scale:
    """How long all of it may take: `seconds` for each measurement, of which there are `rounds`.

    `slow`: the sides that do `few` of a job that says how many that are.
    """

    rounds: int
    seconds: float
    quick: bool
    timeout: float = 120.0
    slow: tuple[str, ...] = THREADED

    def count(self, job: Job, side: str, first_took: float) -> int:
        """Say how many to do of a job whose first few took so many seconds."""
        limit = job.few if job.few is not None and side in self.slow else job.limit
        if job.fixed:
            return limit // 10 if self.quick else limit
        first = self.first(job)
        return int(min(limit, max(first, first * self.seconds / max(first_took, 1e-6))))

    def first(self, job: Job) -> int:
        """Say how many to warm up with."""
        return max(1, job.first // 4) if self.quick else job.first


@dataclass(slots=True)
class Findings:
    """What the sides of one mode gave: a list of values for each figure, or why there are none."""

    values: dict[tuple[str, tuple[str, int], str], list[float]] = field(default_factory=dict)
    problems: dict[tuple[str, tuple[str, int] | None], str] = field(default_factory=dict)

    def add(self, side: str, job: tuple[str, int], values: dict[str, float]) -> None:
        """Keep what one measurement gave."""
        for name, value in values.items():
            self.values.setdefault((side, job, name), []).append(value)

    def middle(self, side: str, job: tuple[str, int], name: str) -> float | None:
        """Give the median over the rounds, None without any."""
        values = self.values.get((side, job, name))
        return statistics.median(values) if values else None

    def spread(self, side: str, job: tuple[str, int], name: str) -> str:
        """Give the lowest and the highest; or why there are none."""
        values = self.values.get((side, job, name))
        if values:
            return f"{min(values):.3g}..{max(values):.3g}"
        return self.problems.get((side, job)) or self.problems.get((side, None), "not measured")


def modes() -> list[Mode]:
    """Give one core, and two if there are two."""
    cores = sorted(os.sched_getaffinity(0))
    found = [Mode("one core", frozenset(cores[-1:]))]
    if len(cores) > 1:
        found.append(Mode("two cores", frozenset(cores[-2:])))
    return found


@contextmanager
def fresh(side: str, mode: Mode, *, install: bool) -> Iterator[Side]:
    """Run a side as a process of its own. Errors: SideFailed, Unavailable."""
    with tempfile.TemporaryDirectory(prefix="regrow-actors-") as folder:
        process = Side(command_of(side, len(mode.cores), Path(folder), install=install), mode.cores)
        try:
            yield process
        finally:
            process.close()


class _Team:
    """The sides of a mode: each started once, and once more after it has failed."""

    def __init__(self, mode: Mode, findings: Findings, scale: Scale, commands: Commands, folder: Path) -> None:
        self._mode = mode
        self._findings = findings
        self._scale = scale
        self._commands = commands
        self._folder = folder
        self._sides: dict[str, Side] = {}

    def join(self, name: str) -> None:
        """Start one, or note why not."""
        try:
            command = self._commands(name, len(self._mode.cores), self._folder, install=not self._scale.quick)
            self._sides[name] = Side(command, self._mode.cores)
        except (SideFailed, Unavailable) as error:
            self._findings.problems[name, None] = str(error)

    def measure(self, name: str, job: Job, count: int) -> Answer | None:
        """Let a side do a job; None if it cannot, which is noted and not tried again."""
        side = self._sides.get(name)
        if side is None or (name, job.key) in self._findings.problems:
            return None
        try:
            answer = side.measure(job.workload, count, job.size, self._scale.timeout)
        except SideFailed as error:
            self._findings.problems[name, job.key] = f"failed: {error}"
            self._sides.pop(name).close()
            self.join(name)
            return None
        if answer.get("values") is None:
            self._findings.problems[name, job.key] = answer.get("missing") or f"failed: {answer.get('error')}"
            return None
        return answer

    def close(self) -> None:
        """End all of them."""
        for side in self._sides.values():
            side.close()


def run_rounds(
    mode: Mode,
    sides: Sequence[str],
    jobs: Sequence[Job],
    scale: Scale,
    tell: Callable[[str], object] | None = None,
    commands: Commands = command_of,
) -> Findings:
    """Measure every job of every side. What a side cannot do is in the findings' problems.

    Within a round a job is done by one side after the other, so that what else the machine does meets all of them.
    """
    findings = Findings()
    say = tell or (lambda words: print(words, file=sys.stderr))
    with tempfile.TemporaryDirectory(prefix="regrow-actors-") as folder:
        team = _Team(mode, findings, scale, commands, Path(folder))
        try:
            for name in sides:
                team.join(name)
            counts: dict[tuple[str, Job], int] = {}
            for turn in range(scale.rounds + 1):
                for job in jobs:
                    for name in sides:
                        count = counts.get((name, job), scale.first(job))
                        answer = team.measure(name, job, count)
                        if answer is None:
                            continue
                        if turn == 0:  # warms up
                            counts[name, job] = scale.count(job, name, answer.get("seconds", 0.0))
                        else:
                            findings.add(name, job.key, answer.get("values", {}))
                say(f"{mode.name}: round {turn} of {scale.rounds}")
        finally:
            team.close()
    return findings
