"""The judge of the service's soak finds nothing in a good history, and everything that is done to one."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from benchmarks.service_history import (
    Acknowledged,
    Began,
    Event,
    Failed,
    Refused,
    Returned,
    Settled,
    Unknown,
    judge,
)

Tamper = Callable[[list[Event], int], None]


def good_history(requests: int) -> list[Event]:
    """Requests as they go: run once or again, read by one or by two, some in doubt, some refused."""
    history: list[Event] = []
    for ticket in range(1, requests + 1):
        if ticket % 11 == 0:
            history.append(Refused(ticket, ticket % 2 == 0, "the gateway is full"))
            continue
        if ticket % 7 == 0:
            history += [
                Refused(ticket, True, "no answer"),
                Began(ticket, f"{ticket}-a"),
                Returned(ticket, f"{ticket}-a"),
            ]
            continue
        history.append(Acknowledged(ticket, f"r{ticket}"))
        if ticket % 3 == 0:
            history += [Began(ticket, f"{ticket}-a")]  # killed while it ran
        if ticket % 5 == 0:
            history += [Began(ticket, f"{ticket}-b"), Returned(ticket, f"{ticket}-b")]  # its result came too late
        history += [Began(ticket, f"{ticket}-c"), Returned(ticket, f"{ticket}-c")]
        history += [Settled(ticket, "the reader", f"{ticket}-c")]
        if ticket % 4 == 0:
            history += [Settled(ticket, "a late reader", f"{ticket}-c")]
    return history


def drop(kind: type[Event]) -> Tamper:
    """Leave out what says this of the request, and of it alone."""

    def tamper(history: list[Event], ticket: int) -> None:
        history[:] = [each for each in history if not (each.ticket == ticket and isinstance(each, kind))]

    return tamper


def add(make: Callable[[int], Event]) -> Tamper:
    def tamper(history: list[Event], ticket: int) -> None:
        history.append(make(ticket))

    return tamper


def swap_results(history: list[Event], ticket: int) -> None:
    """Give two requests the results of each other."""
    for index, each in enumerate(history):
        if isinstance(each, Settled) and each.ticket in (ticket, ticket + 1):
            other = ticket + 1 if each.ticket == ticket else ticket
            history[index] = Settled(each.ticket, each.reader, f"{other}-c")


FAULTS: dict[str, tuple[Tamper, str]] = {
    "an acknowledged request is never settled": (drop(Settled), "lost: "),
    "an acknowledged request is forgotten": (add(lambda it: Unknown(it, "a late reader")), "forgotten: "),
    "a request is settled with another result": (
        add(lambda it: Settled(it, "a late reader", f"{it}-z")),
        "accepted twice: ",
    ),
    "a result comes from a run that nobody began": (drop(Began), "made up: "),
    "a result comes from a run that was killed": (drop(Returned), "made up: "),
    "two requests get the results of each other": (swap_results, "mixed up: "),
    "a request fails that cannot": (add(lambda it: Failed(it, "the reader", "lease_lost")), "failed: "),
    "a request has a result and has failed": (
        add(lambda it: Failed(it, "a late reader", "lease_lost")),
        "accepted twice: ",
    ),
    "a request runs that was refused": (add(lambda it: Refused(it, False, "over quota")), "run although refused: "),
    "one request becomes two": (add(lambda it: Acknowledged(it, "another")), "doubled: "),
    "one run begins twice": (add(lambda it: Began(it, f"{it}-c")), "mixed up: "),
    "one run is of two requests": (add(lambda it: Began(it + 1, f"{it}-c")), "mixed up: "),
}


def test_a_good_history_is_not_objected_to() -> None:
    verdict = judge(good_history(200))
    assert verdict.objections == []
    assert verdict.counts["acknowledged"] == verdict.counts["settled"] > 100
    assert verdict.counts["runs again"] > 50


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("seed", range(5))
def test_each_fault_in_one_request_among_many_is_found(fault: str, seed: int) -> None:
    history = good_history(200)
    plain = [it for it in range(1, 199) if not any(number % each == 0 for each in (7, 11) for number in (it, it + 1))]
    ticket = random.Random(seed).choice(plain)
    tamper, words = FAULTS[fault]
    tamper(history, ticket)
    objections = judge(history).objections
    assert any(each.startswith(words) and f"{ticket}" in each for each in objections), objections


def test_what_is_in_doubt_may_run_and_may_not() -> None:
    assert judge([Refused(1, True, "no answer"), Refused(2, True, "no answer"), Began(2, "x")]).objections == []


def test_many_objections_are_all_counted_and_not_all_written_out() -> None:
    verdict = judge([Acknowledged(ticket, f"r{ticket}") for ticket in range(100)])
    assert verdict.counts["objections"] == 100
    assert len(verdict.objections) == 20
