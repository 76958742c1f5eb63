"""When a process is worn out, or over a limit: every limit alone, and how far ages are spread."""

from __future__ import annotations

import random

import pytest

from regrow.actors import Limits
from regrow.actors.hosting.vitals import Resident
from regrow.actors.hosting.wear import AGE, GROWTH, MEMORY, MESSAGES, Wear, look_seconds, wears_out

MIB = 1 << 20


def wear_of(limits: Limits, *, own: int = 20 * MIB, now: float = 0.0, seed: int = 1) -> Wear:
    wear = Wear(limits, random.Random(seed))
    wear.ready(Resident(own + 5 * MIB, own), now)
    return wear


def seen(own: int) -> Resident:
    return Resident(own + 5 * MIB, own)


def test_without_limits_nothing_wears_out() -> None:
    wear = wear_of(Limits())
    assert not any(wear.sent() for _ in range(1000))
    assert wear.worn(seen(10**12), now=10**9) is None
    assert wear.exceeded(seen(10**12)) is None
    assert wear.due is None
    assert not wears_out(Limits(resident_bytes=5, memory_bytes=5, deadline=5.0))


def test_after_so_many_messages_it_is_worn_out_and_says_so_once() -> None:
    wear = wear_of(Limits(max_messages=3))
    assert [wear.sent() for _ in range(5)] == [False, False, True, False, False]
    assert wear.worn(None, now=0.0) == MESSAGES


def test_the_age_counts_from_ready() -> None:
    limits = Limits(max_age=10.0)
    assert Wear(limits, random.Random(1)).due is None
    wear = wear_of(limits, now=100.0)
    assert wear.due == 110.0
    assert wear.worn(None, now=109.9) is None
    assert wear.worn(None, now=110.0) == AGE


def test_ages_are_spread_so_that_not_all_go_at_once() -> None:
    dues = [wear_of(Limits(max_age=10.0, max_age_variance=5.0), seed=seed).due for seed in range(200)]
    assert all(due is not None and 10.0 <= due <= 15.0 for due in dues)
    assert len(set(dues)) == 200
    again = [wear_of(Limits(max_age=10.0, max_age_variance=5.0), seed=seed).due for seed in range(200)]
    assert dues == again


def test_growth_counts_from_what_it_had_when_it_was_ready() -> None:
    wear = wear_of(Limits(max_growth_bytes=30 * MIB), own=50 * MIB)
    assert wear.worn(seen(80 * MIB), now=1.0) is None
    assert wear.worn(seen(80 * MIB + 1), now=1.0) == GROWTH
    assert Wear(Limits(max_growth_bytes=1), random.Random(1)).worn(seen(80 * MIB), now=1.0) is None  # not ready yet


def test_the_soft_limit_wears_it_out_and_the_hard_one_ends_it() -> None:
    wear = wear_of(Limits(resident_soft_bytes=30 * MIB, resident_bytes=40 * MIB))
    assert wear.worn(seen(30 * MIB), now=1.0) is None
    assert wear.worn(seen(31 * MIB), now=1.0) == MEMORY
    assert wear.exceeded(seen(40 * MIB)) is None
    error = wear.exceeded(seen(41 * MIB))
    assert str(error) == "resident_bytes: 40.0 MiB are allowed, it had 41.0 MiB"


def test_what_it_shares_does_not_count() -> None:
    wear = wear_of(Limits(resident_soft_bytes=30 * MIB, resident_bytes=40 * MIB))
    blobs = Resident(2000 * MIB, 20 * MIB)
    assert (wear.worn(blobs, now=1.0), wear.exceeded(blobs)) == (None, None)


@pytest.mark.parametrize(
    "limits",
    [Limits(resident_bytes=1), Limits(resident_soft_bytes=1), Limits(max_growth_bytes=1)],
)
def test_where_memory_counts_it_is_looked_at_closely(limits: Limits) -> None:
    assert look_seconds(limits) == 1.0
    assert look_seconds(Limits(max_age=1.0)) == look_seconds(Limits()) == 5.0
