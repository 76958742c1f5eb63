"""The watchdog of a host, look by look: what adds up to its end, and what is not its fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regrow.actors.hosting.verdicts import NS, ProcessFacts, ThreadFacts, Verdict
from regrow.actors.hosting.watchdog import Abort, Recover, Warn, WatchCommand, Watchdog, watch_seconds

LIMIT = 4.0
LOOK = watch_seconds(LIMIT)
IDLE = ProcessFacts(state="S", threads={1: ThreadFacts(0, 0)})


class Host:
    """A host as its watcher sees it."""

    def __init__(self, facts: ProcessFacts | None = IDLE) -> None:
        self.watchdog = Watchdog(LIMIT, 0.0)
        self.beats = 1
        self.facts = facts
        self.now = 0.0
        self.look()

    def look(self, times: int = 1, *, after: float = LOOK, cpu: float = 0.0) -> list[WatchCommand]:
        said: list[WatchCommand] = []
        for _ in range(times):
            self.now += after
            if self.facts is not None:
                self.facts = replace(self.facts, cpu_ns=self.facts.cpu_ns + int(cpu * after * NS))
            said += self.watchdog.receive(self.beats, self.facts, self.now)
        return said


def test_one_that_beats_is_left_alone() -> None:
    host = Host()
    for _ in range(100):
        host.beats += 1
        assert host.look(3) == []


@pytest.mark.parametrize(
    ("facts", "cpu", "verdict"),
    [(IDLE, 0.0, Verdict.DEADLOCKED), (IDLE, 1.0, Verdict.BUSY), (None, 0.0, Verdict.BUSY)],
    ids=["still", "computing", "the kernel says nothing"],
)
def test_one_that_does_not_beat_is_warned_of_at_half_of_the_limit_and_ended_at_it(
    facts: ProcessFacts | None, cpu: float, verdict: Verdict
) -> None:
    host = Host(facts)
    if facts is not None:
        assert host.look(cpu=cpu) == []  # nothing to compare with yet
    assert host.look(10, cpu=cpu) == [Warn(verdict, LIMIT / 2, LIMIT), Abort(verdict, LIMIT, LIMIT)]
    host.beats += 1
    assert host.look(10) == []  # what has been decided is not taken back, nor said twice


def test_one_that_beats_again_is_told_of_if_it_was_warned_of_and_begins_anew() -> None:
    host = Host()
    for _ in range(2):
        assert host.look() == []  # nothing to compare with yet
        assert host.look(2) == [Warn(Verdict.DEADLOCKED, LIMIT / 2, LIMIT)]
        host.beats += 1
        assert host.look() == [Recover(LIMIT / 2)]


@pytest.mark.parametrize(
    "facts",
    [
        ProcessFacts(state="T", threads={1: ThreadFacts(0, 0)}),
        ProcessFacts(state="t", traced=True, threads={1: ThreadFacts(0, 0)}),
        ProcessFacts(state="R", threads={1: ThreadFacts(0, 0, runnable=True)}),
    ],
    ids=["stopped", "traced", "starved"],
)
def test_what_is_not_its_fault_does_not_count(facts: ProcessFacts) -> None:
    assert Host(facts).look(100) == []


def test_a_watcher_that_comes_late_counts_no_more_than_two_looks() -> None:
    host = Host()
    host.look()
    assert host.look(after=3600.0) == [Warn(Verdict.DEADLOCKED, 2 * LOOK, LIMIT)]
