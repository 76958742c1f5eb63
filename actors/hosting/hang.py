"""Whether a hosted process gets on, by three clocks, and what is done when it does not.

The clocks: the root's turn (the message that it handles, or the beat of its event loop), the beat of the main thread,
which handles no messages, and the processor time that the kernel counts. None of them asks the process anything.

No clock of the process is compared with ours: what counts is whether a beat has changed from look to look, in the time
of a watcher that leaves out its own delays. So neither a suspended machine nor a slow watcher accuses anybody.

What lives here: time that adds up for a verdict, and the rungs that it climbs; pure. What must not: pages, /proc,
signals (`hang_watch.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import inf
from typing import Final, TypeAlias

from ..child_spec import Limits
from .verdicts import ProcessFacts, Verdict, cpu_between, verdict_of

__all__ = (
    "DEADLINE",
    "LOOKS_PER_BEAT",
    "DumpStacks",
    "EndHung",
    "HangCommand",
    "Judge",
    "Need",
    "Recovered",
    "Sample",
    "Suspect",
    "beat_seconds",
)

BEAT_SECONDS: Final = 1.0  # between two beats, or less where a limit is shorter than
BEATS_PER_LIMIT: Final = 4  # of them
LOOKS_PER_BEAT: Final = 4 / 3  # so that "stopped" is seen within two beats, however looks and beats fall
STALE_BEATS: Final = 3  # so many have to be missing; one late ping is what kills healthy workers elsewhere
STRIKES: Final = 2  # looks that have to agree before what they say is the verdict
CALM: Final = 8  # healthy looks, more than one beat gives, before an alarm is over: what comes and goes is told once
LONG_BEATS: Final = 8  # who has been in trouble for longer is looked at closely only
CLOSE_EVERY: Final = 4  # looks

DEADLINE: Final = "deadline"
"""What is said in the reason of a process that had a message in hand for longer than `Limits.deadline`."""

_NOT_ITS_FAULT: Final = (Verdict.STARVED, Verdict.TRACED, Verdict.STOPPED)  # that time goes by
_STACKS_SAY_WHY: Final = (Verdict.BLOCKED, Verdict.BUSY, Verdict.DEADLOCKED)


class Need(IntEnum):
    """What has to be asked of the kernel for a look, the dearer the later."""

    NOTHING = 0
    STATE = 1
    THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look. `message`: the number of the one in hand, 0 if there is none; `loop_beats`: 0 if the root has no loop.

    `begun`: it is ready, so its beats count; `waits`: the root waits for the answer of an actor; `process`: None where
    the kernel was not asked, or does not say.
    """

    beats: int
    message: int = 0
    loop_beats: int = 0
    begun: bool = True
    waits: bool = False
    process: ProcessFacts | None = None


@dataclass(frozen=True, slots=True)
class Suspect:
    """Tell about it: it has been so for so many seconds, and is ended at `limit`, if there is one."""

    verdict: Verdict
    seconds: float
    limit: float | None


@dataclass(frozen=True, slots=True)
class DumpStacks:
    """Have it write down where its threads are."""


@dataclass(frozen=True, slots=True)
class EndHung:
    """Have it write that down, then kill it. `why`: the verdict, or DEADLINE."""

    why: str
    verdict: Verdict
    seconds: float
    limit: float


@dataclass(frozen=True, slots=True)
class Recovered:
    """Tell that it gets on again, so many seconds after it had ceased to."""

    verdict: Verdict
    seconds: float


HangCommand: TypeAlias = Suspect | DumpStacks | EndHung | Recovered


def beat_seconds(limits: Limits) -> float:
    """Say how often a process with these limits beats.

    >>> beat_seconds(Limits()), beat_seconds(Limits(hang_limit=2.0))
    (1.0, 0.5)
    """
    given = (limits.stopped_seconds, limits.hang_limit, limits.busy_limit, limits.deadline)
    return min([BEAT_SECONDS, *(limit / BEATS_PER_LIMIT for limit in given if limit is not None)])


class Judge:
    """Judges one life, look by look. `now` is the watcher's own time, see above.

    >>> judge = Judge(Limits(), beat=1.0, now=0.0)
    >>> judge.receive(Sample(beats=1), now=0.75), judge.verdict
    ([], <Verdict.HEALTHY: 'healthy'>)
    """

    def __init__(self, limits: Limits, beat: float, now: float) -> None:
        self.verdict = Verdict.HEALTHY
        self.healthy_at = now  # the last time
        self._limits: Final = limits
        self._stale: Final = STALE_BEATS * beat
        self._long: Final = LONG_BEATS * beat
        self._now = now
        self._last = Sample(beats=-1)
        self._root_at = now  # when its root was seen to get on last,
        self._beat_at = now  # and its main thread
        self._close = 0  # looks until the next close one, while it has been in trouble for long
        self._facts: ProcessFacts | None = None  # of the last close look, while it is in trouble
        self._facts_at = now
        self._reading: Verdict | None = Verdict.HEALTHY  # of the last look; None: nothing to compare with yet
        self._candidate = Verdict.HEALTHY
        self._strikes = 0
        self._kind = (Verdict.HEALTHY, False)  # what `_spent` counts for: the verdict, and whether it holds the GIL
        self._spent = 0.0
        self._in_hand = 0.0  # how long the message has been, as far as that is its own affair
        self._told: list[Verdict] = []
        self._told_from = now
        self._calm = 0
        self._ended = False

    def needs(self, sample: Sample, now: float) -> Need:
        """Say what `sample.process` has to be before it is received."""
        beats = sample.beats != self._last.beats
        moved = self._moved(sample, beats=beats)
        if sample.message and self._in_hand + now - self._now >= (self._limits.deadline or inf):
            return Need.THREADS
        if moved or now - self._root_at < self._stale:
            return Need.NOTHING if beats else Need.STATE
        settled = self._reading is self.verdict is not Verdict.STOPPED
        if now - self._root_at < self._long or self._close <= 0 or not settled:
            return Need.THREADS
        return Need.THREADS if self._spent + now - self._now >= (self._limit or inf) else Need.STATE

    def receive(self, sample: Sample, now: float) -> list[HangCommand]:
        """Take one look into account; say what to do."""
        passed, self._now = now - self._now, now
        beats = sample.beats != self._last.beats or not sample.begun
        if self._moved(sample, beats=beats):
            self._root_at = now
        if beats:
            self._beat_at = now
        same = sample.message == self._last.message != 0
        self._last = sample
        self._reading = self._read(sample, now)
        spent = 0.0 if self._reading in _NOT_ITS_FAULT else passed
        self._in_hand = self._in_hand + spent if same else 0.0
        if self._ended or self._reading is None:
            return []
        self._settle(self._reading, passed)
        return self._climb(self._reading)

    def _moved(self, sample: Sample, *, beats: bool) -> bool:
        if sample.loop_beats:
            return sample.loop_beats != self._last.loop_beats
        if sample.message:
            return sample.message != self._last.message
        return beats  # an idle root takes a message as soon as Python code can run

    def _read(self, sample: Sample, now: float) -> Verdict | None:
        """Give what this look says by itself."""
        facts = sample.process
        if facts is not None and facts.traced:
            return Verdict.TRACED
        if facts is not None and facts.state == "T":
            return Verdict.STOPPED
        if now - self._root_at < self._stale:
            self._facts = None
            return Verdict.HEALTHY
        if facts is not None and facts.threads is None and self._facts is not None:
            self._close -= 1
            return self._reading
        before, self._facts = self._facts, facts
        then, self._facts_at = self._facts_at, now
        self._close = CLOSE_EVERY - 1
        if facts is not None and before is None:
            return None
        locked = facts is not None and facts.locked and not sample.waits
        thread_beats = now - self._beat_at < self._stale
        return verdict_of(thread_beats=thread_beats, cpu=cpu_between(before, facts, now - then), locked=locked)

    def _settle(self, reading: Verdict, passed: float) -> None:
        """Let what looks say become the verdict, and count the time for it."""
        self._strikes = self._strikes + 1 if reading is self._candidate else 1
        self._candidate = reading
        at_once = reading in {Verdict.HEALTHY, Verdict.STOPPED, Verdict.TRACED}  # a beat, or the kernel's plain word
        if at_once or self._strikes >= STRIKES:
            self.verdict = reading
        if reading is Verdict.HEALTHY:
            self.healthy_at = self._now
        if reading is not self.verdict or reading is Verdict.STARVED:
            return  # what is counted stands still meanwhile
        kind = (reading, reading is Verdict.BUSY and self._now - self._beat_at >= self._stale)
        self._spent = self._spent + passed if kind == self._kind else 0.0
        self._kind = kind

    @property
    def _limit(self) -> float | None:
        """How long it may stay what it is now."""
        limits = self._limits
        match self.verdict:
            case Verdict.STOPPED:
                return limits.stopped_seconds
            case Verdict.DEADLOCKED:
                return limits.hang_limit
            case Verdict.BUSY if limits.deadline is None and self._kind == (Verdict.BUSY, True):
                return limits.busy_limit
            case _:
                return None

    def _climb(self, reading: Verdict) -> list[HangCommand]:
        verdict, limit, deadline = self.verdict, self._limit, self._limits.deadline
        if deadline is not None and self._in_hand >= deadline and reading not in _NOT_ITS_FAULT:
            return self._end(DEADLINE, self._in_hand, deadline)
        if verdict is Verdict.HEALTHY:
            return self._calm_down()
        self._calm = 0
        if limit is not None and self._spent >= limit and reading is verdict:
            return self._end(verdict.value, self._spent, limit)
        seconds = self._now - self.healthy_at if limit is None else self._spent
        patience = self._limits.hang_limit if limit is None else limit / 2
        if verdict is Verdict.TRACED or verdict in self._told or patience is None or seconds < patience:
            return []
        if not self._told:
            self._told_from = self.healthy_at
        self._told.append(verdict)
        told = Suspect(verdict, seconds, limit)
        return [told, DumpStacks()] if verdict in _STACKS_SAY_WHY else [told]

    def _calm_down(self) -> list[HangCommand]:
        self._calm += 1
        if not self._told or self._calm < CALM:
            return []
        told = self._told[-1]
        self._told.clear()
        return [Recovered(told, self._now - self._told_from)]

    def _end(self, why: str, seconds: float, limit: float) -> list[HangCommand]:
        self._ended = True
        return [EndHung(why, self.verdict, seconds, limit)]
