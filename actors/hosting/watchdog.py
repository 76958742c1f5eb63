"""Whether the process that hosts others gets on itself: judged by its zygote, for nobody else is left who could.

Each look compares the host's beats with those of the look before, in the time of a watcher that leaves out its own
delays. Time in which the host is stopped, held by a debugger, or not let run by the machine does not count.

What lives here: time that adds up, and the rungs that it climbs; pure. What must not: pages, /proc, signals
(`host_watch.py`).
Source: WatchdogSec= of systemd.service(5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from ..child_spec import Limits
from .hang import beat_seconds
from .verdicts import Cpu, ProcessFacts, Verdict, cpu_between, verdict_of

__all__ = ("Abort", "Recover", "Warn", "WatchCommand", "Watchdog", "watch_seconds")

LATE: Final = 2.0  # times the time between looks: what a watcher is later than that is its own delay
WARN_AT: Final = 0.5  # of the limit


@dataclass(frozen=True, slots=True)
class Warn:
    """Say that it has not got on for so many seconds, and that it is ended at `limit`."""

    verdict: Verdict
    seconds: float
    limit: float


@dataclass(frozen=True, slots=True)
class Abort:
    """Say so, and end it, so that its stacks are written down."""

    verdict: Verdict
    seconds: float
    limit: float


@dataclass(frozen=True, slots=True)
class Recover:
    """Say that it gets on again."""

    seconds: float


WatchCommand: TypeAlias = Warn | Abort | Recover


def watch_seconds(limit: float) -> float:
    """Say how often the host beats, and how often it is looked at, if it is ended after `limit` seconds without.

    >>> watch_seconds(30.0), watch_seconds(2.0)
    (1.0, 0.5)
    """
    return beat_seconds(Limits(stopped_seconds=None, busy_limit=None, hang_limit=limit))


class Watchdog:
    """Watches one host, look by look. `now`: monotonic seconds of the watcher.

    >>> watchdog = Watchdog(limit=2.0, now=0.0)
    >>> watchdog.receive(1, None, 0.5), watchdog.receive(1, None, 1.0), watchdog.receive(1, None, 1.5)
    ([], [], [Warn(verdict=<Verdict.BUSY: 'busy'>, seconds=1.0, limit=2.0)])
    """

    def __init__(self, limit: float, now: float) -> None:
        self._limit: Final = limit
        self._most: Final = LATE * watch_seconds(limit)
        self._now = now
        self._beats = -1
        self._facts: ProcessFacts | None = None  # of the last look, while it does not beat
        self._spent = 0.0
        self._warned = self._aborted = False

    def beats(self, beats: int) -> bool:
        """Say whether it has beaten since the last look: then the kernel need not be asked."""
        return beats != self._beats

    def receive(self, beats: int, facts: ProcessFacts | None, now: float) -> list[WatchCommand]:
        """Take one look into account; say what to do. `facts`: None where the kernel was not asked, or does not say."""
        passed, self._now = min(now - self._now, self._most), now
        if self.beats(beats):
            return self._got_on(beats)
        before, self._facts = self._facts, facts
        verdict = _verdict(before, facts, passed)
        if verdict is None or self._aborted:
            return []
        self._spent += passed
        if self._spent >= self._limit:
            self._aborted = True
            return [Abort(verdict, self._spent, self._limit)]
        if self._spent >= WARN_AT * self._limit and not self._warned:
            self._warned = True
            return [Warn(verdict, self._spent, self._limit)]
        return []

    def _got_on(self, beats: int) -> list[WatchCommand]:
        spent, self._spent = self._spent, 0.0
        warned, self._warned = self._warned, False
        self._beats, self._facts = beats, None
        return [Recover(spent)] if warned and not self._aborted else []


def _verdict(before: ProcessFacts | None, facts: ProcessFacts | None, passed: float) -> Verdict | None:
    """What it is that does not beat; None: that is not its fault, or there is nothing to compare with yet."""
    if facts is None:
        return verdict_of(thread_beats=False, cpu=Cpu.UNKNOWN)
    if facts.traced or facts.state == "T" or before is None:
        return None
    verdict = verdict_of(thread_beats=False, cpu=cpu_between(before, facts, passed))
    return None if verdict is Verdict.STARVED else verdict
