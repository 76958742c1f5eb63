"""What became of every request of `benchmarks.service_soak`, and the judge who reads it.

What lives here: what clients and functions write down, and the rules; the rules are those that the documentation
promises. What must not: processes, faults, chance, a clock.

A request is known by its ticket, which the client makes and the function is given; every run of the function has a
nonce, which is what it returns. So a result says which run it is of.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ("Acknowledged", "Began", "Event", "Failed", "Refused", "Returned", "Settled", "Unknown", "Verdict", "judge")

MOST_WORDS = 20  # objections that are written out


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The gateway has said that it has the request safe."""

    ticket: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The client was told no, or was left in doubt: the request may run, and need not."""

    ticket: int
    doubt: bool
    why: str


@dataclass(frozen=True, slots=True)
class Began:
    """A run of the function has begun; written by the function."""

    ticket: int
    nonce: str


@dataclass(frozen=True, slots=True)
class Returned:
    """A run of the function is about to return; written by the function."""

    ticket: int
    nonce: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A reader was given this result."""

    ticket: int
    reader: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A reader was told that the request has failed."""

    ticket: int
    reader: str
    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """A reader was told that there is no such request."""

    ticket: int
    reader: str


Event: TypeAlias = Acknowledged | Refused | Began | Returned | Settled | Failed | Unknown


@dataclass(slots=True)
class Verdict:
    """What the judge found."""

    objections: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter[str])

    def object(self, words: str) -> None:
        """Note that a rule was broken."""
        self.counts["objections"] += 1
        if len(self.objections) < MOST_WORDS:
            self.objections.append(words)


@dataclass(slots=True)
class _Case:
    """All that is known of one request."""

    acknowledged: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    began: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)


def judge(history: list[Event]) -> Verdict:
    """Judge a history of which nothing is under way any more: all faults are over and all readers have been answered.

    >>> judge([Acknowledged(1, "r1"), Began(1, "a"), Returned(1, "a"), Settled(1, "x", "a")]).objections
    []
    >>> judge([Acknowledged(1, "r1")]).objections
    ['lost: request 1 was acknowledged, and no reader was told how it ended']
    """
    cases: defaultdict[int, _Case] = defaultdict(_Case)
    home: dict[str, int] = {}  # the ticket that a run was for
    verdict = Verdict()
    for event in history:
        case = cases[event.ticket]
        match event:
            case Acknowledged():
                case.acknowledged.append(event.request_id)
            case Refused():
                case.refused.append(event)
            case Began():
                case.began.append(event.nonce)
                if home.setdefault(event.nonce, event.ticket) != event.ticket:
                    verdict.object(f"mixed up: run {event.nonce} is of requests {home[event.nonce]} and {event.ticket}")
            case Returned():
                case.returned.append(event.nonce)
            case Settled():
                case.settled.append(event)
            case Failed():
                case.failed.append(event)
            case Unknown():
                case.unknown.append(event)
    for ticket, case in sorted(cases.items()):
        _judge_acknowledged(ticket, case, verdict)
        _judge_results(ticket, case, home, verdict)
        _count(case, verdict)
    return verdict


def _judge_acknowledged(ticket: int, case: _Case, verdict: Verdict) -> None:
    """What was acknowledged is settled, and stays known; what was refused does not run."""
    for told in case.unknown:
        if case.acknowledged:
            verdict.object(f"forgotten: request {ticket} was acknowledged, and {told.reader} is told it is unknown")
    if case.acknowledged and not (case.settled or case.failed or case.unknown):
        verdict.object(f"lost: request {ticket} was acknowledged, and no reader was told how it ended")
    if len(set(case.acknowledged)) > 1:
        verdict.object(f"doubled: request {ticket} was acknowledged as {sorted(set(case.acknowledged))}")
    for refused in case.refused:
        if not refused.doubt and case.began:
            verdict.object(f"run although refused: request {ticket}: {refused.why}")


def _judge_results(ticket: int, case: _Case, home: dict[str, int], verdict: Verdict) -> None:
    """One result a request, the same for every reader, of a run of this request that has come to its end."""
    for failed in case.failed:
        verdict.object(f"failed: request {ticket}, as {failed.reader} is told: {failed.why}")
    accepted = {settled.nonce for settled in case.settled}
    if len(accepted) > 1:
        verdict.object(f"accepted twice: request {ticket} has the results {sorted(accepted)}")
    if case.settled and case.failed:
        verdict.object(f"accepted twice: request {ticket} has a result and has failed")
    for nonce in accepted:
        if nonce not in home:
            verdict.object(f"made up: the result {nonce} of request {ticket} is of no run")
        elif home[nonce] != ticket:
            verdict.object(f"mixed up: the result {nonce} of request {ticket} is of a run for request {home[nonce]}")
        elif nonce not in case.returned:
            verdict.object(f"made up: the result {nonce} of request {ticket} is of a run that did not end")
    for nonce, times in Counter(case.began).items():
        if times > 1:
            verdict.object(f"mixed up: run {nonce} of request {ticket} began {times} times")


def _count(case: _Case, verdict: Verdict) -> None:
    counts = verdict.counts
    counts["acknowledged"] += bool(case.acknowledged)
    counts["refused or in doubt"] += bool(case.refused)
    counts["settled"] += bool(case.settled)
    counts["readings"] += len(case.settled)
    counts["runs"] += len(case.began)
    counts["runs again"] += max(0, len(case.began) - 1)
    counts["ran to the end again"] += max(0, len(case.returned) - 1)
