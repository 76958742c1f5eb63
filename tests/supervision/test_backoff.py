from __future__ import annotations

import dataclasses
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.actors.child_spec import Delays
from regrow.supervision.backoff import NO_BACKOFF, Backoff, Jitter

PLAIN = Backoff(jitter="none")


def delays(backoff: Delays, count: int) -> list[float]:
    rng = random.Random(1)
    return [backoff.delay(n, rng) for n in range(1, count + 1)]


def test_the_first_restart_is_at_once_then_base_then_doubling_to_the_cap() -> None:
    assert delays(PLAIN, 10) == pytest.approx([0, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0])


def test_a_billion_restarts_do_not_overflow() -> None:
    assert PLAIN.delay(10**9, random.Random()) == 30.0
    assert Backoff(factor=1.0, jitter="none").delay(10**9, random.Random()) == 0.2
    assert Backoff(base=1e-300, factor=1.5, cap=1e300, jitter="none").delay(10**9, random.Random()) == 1e300


def test_no_backoff_is_what_otp_does() -> None:
    assert delays(NO_BACKOFF, 5) == [0, 0, 0, 0, 0]


def test_a_factor_of_one_waits_the_same_every_time() -> None:
    assert delays(Backoff(initial=1.0, base=2.0, factor=1, jitter="none"), 4) == [1, 2, 2, 2]


def test_jitter_comes_from_the_given_rng_alone() -> None:
    random.seed(1)
    first = delays(Backoff(), 8)
    random.seed(2)
    assert delays(Backoff(), 8) == first


@given(st.integers(1, 10**9), st.sampled_from(["full", "equal"]), st.integers())
def test_jitter_stays_between_its_bounds(n: int, jitter: Jitter, seed: int) -> None:
    whole = PLAIN.delay(n, random.Random(seed))
    delay = Backoff(jitter=jitter).delay(n, random.Random(seed))
    assert (0 if jitter == "full" else whole / 2) <= delay <= whole <= 30.0


def test_the_reset_comes_by_default_halfway_between_base_and_cap() -> None:
    assert Backoff(base=1, cap=9).reset_after == 5.0
    assert Backoff(reset_after=0.5).reset_after == 0.5


def test_it_is_a_value() -> None:
    assert Backoff(base=1) == Backoff(base=1.0)
    assert hash(Backoff()) == hash(Backoff())
    assert dataclasses.replace(PLAIN, cap=1.0).delay(9, random.Random()) == 1.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAIN.cap = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("field", ["initial", "base", "factor", "cap", "reset_after"])
@pytest.mark.parametrize("value", [-1, math.inf, math.nan, "1", True])
def test_a_bad_number_says_field_expected_and_got(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"{field}: expected finite .* >= .*, got {value!r}"):
        Backoff(**{field: value})  # type: ignore[arg-type]


def test_a_cap_below_the_base_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cap: expected at least base \(2\), got 1"):
        Backoff(base=2, cap=1)


def test_an_unknown_jitter_is_refused() -> None:
    with pytest.raises(ValueError, match=r'jitter: expected "full", "none" or "equal", got \'some\''):
        Backoff(jitter="some")  # type: ignore[arg-type]


def test_restarts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="restarts: expected an integer >= 1, got 0"):
        PLAIN.delay(0, random.Random())
