"""Every value of the family: its exact waits, its bounds, and what it says of a bad field."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.actors.child_spec import Delays
from regrow.supervision.backoff import (
    AkkaBackoff,
    Backoff,
    ConstantBackoff,
    DecorrelatedBackoff,
    LadderBackoff,
    TenacityBackoff,
)

DAY = 86400.0
SECONDS = st.floats(0.0, 1e6)
PLAIN: dict[str, Delays] = {
    "exponential": Backoff(jitter="none"),
    "constant": ConstantBackoff(2.0),
    "ladder": LadderBackoff([0, 1, 5]),
    "akka": AkkaBackoff(random_factor=0.0),
}
ALL: dict[str, Delays] = {
    **PLAIN,
    "exponential, full jitter": Backoff(),
    "exponential, equal jitter": Backoff(jitter="equal"),
    "akka, with spread": AkkaBackoff(),
    "decorrelated": DecorrelatedBackoff(),
    "tenacity": TenacityBackoff(lambda state: state.attempt_number),
}
every = pytest.mark.parametrize("backoff", ALL.values(), ids=ALL.keys())


def run(backoff: Delays, count: int, seed: int = 1) -> list[float]:
    """Wait as a supervisor does, each time telling the wait before."""
    rng, delay, found = random.Random(seed), 0.0, []
    for restarts in range(1, count + 1):
        delay = backoff.delay(restarts, rng, delay)
        found.append(delay)
    return found


@st.composite
def spans(draw: st.DrawFn) -> tuple[float, float]:
    low = draw(SECONDS)
    return low, low + draw(SECONDS)


# ── exact waits ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_constant_backoff_restarts_at_once_and_then_waits_the_same_every_time() -> None:
    assert run(ConstantBackoff(3.0), 4) == [0.0, 3.0, 3.0, 3.0]
    assert run(ConstantBackoff(3.0, initial=1.0), 3) == [1.0, 3.0, 3.0]
    assert run(ConstantBackoff(3.0, initial=None), 3) == [3.0, 3.0, 3.0]


def test_a_ladder_is_climbed_step_by_step_and_its_last_step_repeats() -> None:
    assert run(LadderBackoff([0.1, 0.5, 1, 2, 5]), 7) == [0.1, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
    assert run(LadderBackoff([0.1, 0.5], initial=0.0), 4) == [0.0, 0.1, 0.5, 0.5]
    assert LadderBackoff([1, 2]).steps == LadderBackoff((1.0, 2.0)).steps == (1.0, 2.0)


@pytest.mark.parametrize(("restarts", "whole"), [(2, 0.2), (5, 1.6), (10**9, 30.0)])
def test_jitter_is_one_draw_below_the_whole_wait(restarts: int, whole: float) -> None:
    assert Backoff().delay(restarts, random.Random(5)) == random.Random(5).uniform(0.0, whole)
    assert Backoff(jitter="equal").delay(restarts, random.Random(5)) == random.Random(5).uniform(whole / 2, whole)


def test_decorrelated_jitter_draws_between_the_base_and_three_times_the_wait_before() -> None:
    backoff, rng = DecorrelatedBackoff(1.0, 60.0), random.Random(7)
    again = random.Random(7)
    assert backoff.delay(1, rng, 0.0) == 0.0
    first = backoff.delay(2, rng, 0.0)
    assert first == again.uniform(1.0, 3.0)
    second = backoff.delay(3, rng, first)
    assert second == again.uniform(1.0, 3 * first)
    assert backoff.delay(4, rng, 30.0) == min(60.0, again.uniform(1.0, 90.0))


def test_decorrelated_jitter_does_not_ask_how_often_it_waited_already() -> None:
    backoff = DecorrelatedBackoff(1.0, 60.0)
    assert backoff.delay(2, random.Random(3), 10.0) == backoff.delay(10**9, random.Random(3), 10.0)


def test_without_an_initial_wait_the_series_begins_with_the_first_restart() -> None:
    assert run(Backoff(jitter="none", initial=None), 3) == pytest.approx([0.2, 0.4, 0.8])
    assert run(AkkaBackoff(1.0, 8.0, 0.0), 5) == [1.0, 2.0, 4.0, 8.0, 8.0]
    assert run(AkkaBackoff(1.0, 8.0, 0.0, initial=0.0), 5) == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert run(DecorrelatedBackoff(1.0, 60.0, initial=None), 1, seed=7) == [random.Random(7).uniform(1.0, 3.0)]


@pytest.mark.parametrize(
    ("count", "least", "most", "expected"),
    [
        (0, 0, 0, 0),
        (0, 300, 420, 300),
        (2, 5, 7, 7),
        (2, 5, 7 * DAY, 20),
        (29, 300, 600, 600),
        (29, 1e4 * DAY, 1e4 * DAY, 1e4 * DAY),
        (2**31 - 1, 1e4 * DAY, 1e4 * DAY, 1e4 * DAY),
    ],
)
def test_akka_calculates_the_delay_as_akka_does(count: int, least: float, most: float, expected: float) -> None:
    assert AkkaBackoff(least, most, 0.0).delay(count + 1, random.Random()) == expected


def test_akka_spreads_after_the_cap_so_that_a_wait_may_be_longer_than_it() -> None:
    backoff, rng = AkkaBackoff(1.0, 8.0, 0.5), random.Random(5)
    again = random.Random(5)
    assert [backoff.delay(n, rng) for n in (1, 2, 9)] == [
        whole * (1 + again.random() * 0.5) for whole in (1.0, 2.0, 8.0)
    ]
    assert max(AkkaBackoff(1.0, 8.0, 0.5).delay(9, random.Random(seed)) for seed in range(20)) > 8.0


def test_the_defaults_are_those_of_the_default_backoff_where_they_mean_the_same() -> None:
    assert DecorrelatedBackoff() == DecorrelatedBackoff(0.2, 30.0, 0.0, 15.1)
    assert AkkaBackoff() == AkkaBackoff(0.2, 30.0, 0.2, None, 15.1)
    assert TenacityBackoff(lambda _: 1.0).cap == 30.0
    assert Backoff() == Backoff(0.0, 0.2, 2.0, 30.0, "full", 15.1)


@pytest.mark.parametrize("backoff", [AkkaBackoff(0.0, 0.0, 1.0), Backoff(base=0.0, cap=0.0), Backoff()])
def test_nothing_is_drawn_where_there_is_nothing_to_spread(backoff: Delays) -> None:
    rng = random.Random(1)
    before = rng.getstate()
    assert backoff.delay(1, rng, 0.0) == 0.0
    assert rng.getstate() == before


# ── of all of them ───────────────────────────────────────────────────────────────────────────────────────────────────


@every
def test_the_same_seed_gives_the_same_waits_whatever_others_draw(backoff: Delays) -> None:
    random.seed(1)
    first = run(backoff, 12, seed=4)
    random.seed(2)
    assert run(backoff, 12, seed=4) == first


@every
def test_a_billion_restarts_are_one_more_restart(backoff: Delays) -> None:
    for restarts in (10**6, 10**9, 10**18):
        assert 0.0 <= backoff.delay(restarts, random.Random(1), 30.0) <= 36.0


@every
def test_restarts_are_counted_from_one(backoff: Delays) -> None:
    for restarts in (0, -1, True, 1.5):
        with pytest.raises(ValueError, match=rf"^restarts: expected an integer >= 1, got {restarts}$"):
            backoff.delay(restarts, random.Random(), 0.0)  # type: ignore[arg-type]


@every
def test_they_are_values(backoff: Any) -> None:
    assert backoff == type(backoff)(**{name: getattr(backoff, name) for name in backoff.__dataclass_fields__})
    assert hash(backoff) == hash(backoff)
    with pytest.raises(AttributeError):
        backoff.reset_after = 1.0


@pytest.mark.parametrize("backoff", PLAIN.values(), ids=PLAIN.keys())
def test_without_jitter_they_never_get_shorter_and_leave_the_rng_alone(backoff: Delays) -> None:
    rng = random.Random(1)
    before = rng.getstate()
    waits = [backoff.delay(n, rng, 0.0) for n in range(1, 80)]
    assert waits == sorted(waits)
    assert rng.getstate() == before


@given(spans(), st.integers(1, 10**9), st.floats(0.0, 1e9), st.integers())
def test_decorrelated_waits_stay_between_base_and_cap(
    span: tuple[float, float], restarts: int, previous: float, seed: int
) -> None:
    backoff = DecorrelatedBackoff(*span, initial=None)
    delay = backoff.delay(restarts, random.Random(seed), previous)
    assert min(span[0], span[1]) <= delay <= span[1]
    assert delay <= 3 * max(previous, span[0])


@given(spans(), st.floats(1.0, 10.0), st.integers(2, 10**9))
def test_exponential_waits_grow_from_base_to_cap(span: tuple[float, float], factor: float, restarts: int) -> None:
    backoff = Backoff(base=span[0], cap=span[1], factor=factor, jitter="none")
    delay = backoff.delay(restarts, random.Random())
    assert span[0] <= delay <= span[1]
    assert delay <= backoff.delay(restarts + 1, random.Random())


@given(spans(), st.floats(0.0, 1.0), st.integers(1, 10**9), st.integers())
def test_akkas_waits_stay_within_their_spread(
    span: tuple[float, float], factor: float, restarts: int, seed: int
) -> None:
    whole = AkkaBackoff(*span, 0.0).delay(restarts, random.Random())
    delay = AkkaBackoff(*span, factor).delay(restarts, random.Random(seed))
    assert span[0] <= whole <= span[1]
    assert whole <= delay <= whole * (1 + factor)


@given(st.lists(SECONDS, min_size=1, max_size=9), st.integers(1, 10**9))
def test_a_ladder_only_ever_gives_its_steps(steps: list[float], restarts: int) -> None:
    assert LadderBackoff(steps).delay(restarts, random.Random()) == steps[min(restarts, len(steps)) - 1]


def test_the_largest_floats_do_not_overflow() -> None:
    most = 1.7e308
    assert DecorrelatedBackoff(1.0, most).delay(2, random.Random(1), most) <= most
    assert math.isfinite(AkkaBackoff(most, most, 1.0).delay(2, random.Random(1)))
    for backoff in (Backoff(base=most, cap=most), DecorrelatedBackoff(most, most), AkkaBackoff(most, most)):
        assert backoff.reset_after == most


def test_nothing_grows_from_a_base_of_zero() -> None:
    assert Backoff(base=0.0, jitter="none").delay(10**9, random.Random()) == 0.0
    assert AkkaBackoff(0.0, 30.0).delay(10**9, random.Random()) == 0.0


# ── resets ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_by_default_the_count_starts_again_halfway_between_the_shortest_and_the_longest_wait() -> None:
    assert ConstantBackoff(3.0).reset_after == 3.0
    assert LadderBackoff([1, 2, 9]).reset_after == 5.0
    assert DecorrelatedBackoff(1.0, 9.0).reset_after == 5.0
    assert AkkaBackoff(1.0, 9.0).reset_after == 5.0
    assert TenacityBackoff(lambda _: 1, cap=8.0).reset_after == 4.0
    assert AkkaBackoff(1.0, 9.0, reset_after=0).reset_after == 0.0


# ── bad fields ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("value", [-1, math.inf, math.nan, "1", True, 10**400])
@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (ConstantBackoff, "seconds"),
        (ConstantBackoff, "initial"),
        (ConstantBackoff, "reset_after"),
        (LadderBackoff, "initial"),
        (LadderBackoff, "reset_after"),
        (DecorrelatedBackoff, "base"),
        (DecorrelatedBackoff, "cap"),
        (DecorrelatedBackoff, "initial"),
        (DecorrelatedBackoff, "reset_after"),
        (AkkaBackoff, "min_backoff"),
        (AkkaBackoff, "max_backoff"),
        (AkkaBackoff, "initial"),
        (AkkaBackoff, "reset_after"),
        (TenacityBackoff, "cap"),
        (TenacityBackoff, "initial"),
        (TenacityBackoff, "reset_after"),
    ],
)
def test_bad_seconds_say_field_expected_and_got(kind: Any, field: str, value: object) -> None:
    needed: dict[Any, dict[str, Any]] = {
        ConstantBackoff: {"seconds": 1},
        LadderBackoff: {"steps": [1]},
        TenacityBackoff: {"wait": lambda _: 1},
    }
    fields: dict[str, Any] = {**needed.get(kind, {}), field: value}
    with pytest.raises(ValueError, match=rf"^{field}: expected finite seconds >= 0, got {value!r}$"):
        kind(**fields)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, "1", True])
def test_a_random_factor_is_a_share(value: object) -> None:
    with pytest.raises(ValueError, match=rf"^random_factor: expected finite number from 0 to 1, got {value!r}$"):
        AkkaBackoff(random_factor=value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [[], (), "12", 3, None, {1, 2}, b"12"])
def test_steps_are_a_sequence_that_is_not_empty(value: object) -> None:
    with pytest.raises(ValueError, match=r"^steps: expected a non-empty sequence of seconds, got "):
        LadderBackoff(value)  # type: ignore[arg-type]


def test_a_bad_step_is_named() -> None:
    with pytest.raises(ValueError, match=r"^steps\[1\]: expected finite seconds >= 0, got -2$"):
        LadderBackoff([1, -2])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: DecorrelatedBackoff(2, 1), "cap: expected at least base (2), got 1"),
        (lambda: AkkaBackoff(2, 1), "max_backoff: expected at least min_backoff (2), got 1"),
    ],
)
def test_a_longest_wait_below_the_shortest_is_refused(make: Any, text: str) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert str(caught.value) == text
