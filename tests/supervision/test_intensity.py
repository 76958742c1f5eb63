from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.supervision.intensity import RestartIntensity, RestartLog


def test_as_many_restarts_as_allowed_pass_and_one_more_does_not() -> None:
    intensity = RestartIntensity(3, 5.0)
    log: RestartLog = ()
    allowed = []
    for now in (0.0, 1.0, 2.0, 3.0):
        log, ok = intensity.record(log, now)
        allowed.append(ok)
    assert allowed == [True, True, True, False]


def test_the_window_is_inclusive_at_its_far_end() -> None:
    assert not RestartIntensity(1, 5.0).allows((10.0,), 15.0)
    assert RestartIntensity(1, 5.0).allows((10.0,), math.nextafter(15.0, 16.0))


def test_zero_restarts_means_the_first_is_one_too_many() -> None:
    assert not RestartIntensity(0, 5.0).allows((), 1.0)


def test_asking_does_not_enter_an_attempt() -> None:
    log: RestartLog = (1.0,)
    RestartIntensity(1, 5.0).allows(log, 2.0)
    assert log == (1.0,)


@pytest.mark.parametrize("value", [-1, 1.5, "3", True, None])
def test_a_bad_number_of_restarts_says_field_expected_and_got(value: object) -> None:
    with pytest.raises(ValueError, match=r"max_restarts: expected an integer >= 0, got "):
        RestartIntensity(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan, "5", True, None])
def test_a_bad_period_says_field_expected_and_got(value: object) -> None:
    with pytest.raises(ValueError, match=r"max_seconds: expected finite seconds > 0, got "):
        RestartIntensity(1, value)  # type: ignore[arg-type]


@given(
    st.integers(0, 5),
    st.floats(0.001, 100.0),
    st.lists(st.floats(0.0, 50.0), max_size=40),
)
def test_whatever_is_allowed_never_has_more_than_the_limit_in_any_window(
    most: int, window: float, gaps: list[float]
) -> None:
    intensity, now = RestartIntensity(most, window), 0.0
    log: RestartLog = ()
    passed: list[float] = []
    for gap in gaps:
        now += gap
        log, ok = intensity.record(log, now)
        assert len(log) <= len(passed) + 1
        if not ok:
            break
        passed.append(now)
        assert sum(then >= now - window for then in passed) <= most
