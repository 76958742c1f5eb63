"""Every mistake in the limits of a process is named, with what was expected and what was given."""

from __future__ import annotations

import pytest

from regrow.actors import Limits
from regrow.supervision.limit_checks import limit_problems


def problems(**fields: object) -> list[str]:
    limits = Limits(**fields)  # type: ignore[arg-type]
    return [f"{problem.where}: {problem.expected}, {problem.got}" for problem in limit_problems("limits", limits)]


def test_limits_that_are_right_have_no_problem() -> None:
    assert problems() == []
    assert (
        problems(
            nice=19,
            memory_bytes=1,
            data_bytes=1,
            resident_bytes=2,
            resident_soft_bytes=1,
            open_files=1,
            cpu_seconds=0.5,
            max_messages=1,
            max_age=1,
            max_age_variance=0.5,
            max_growth_bytes=1,
            window_messages=1,
            window_bytes=1,
            deaths_before_quarantine=0,
        )
        == []
    )


@pytest.mark.parametrize("name", ["stopped_seconds", "hang_limit", "busy_limit", "deadline", "cpu_seconds", "max_age"])
@pytest.mark.parametrize("value", [0, -1.0, "5s", True, float("inf"), float("nan")])
def test_times_are_longer_than_zero(name: str, value: object) -> None:
    assert problems(**{name: value}) == [f"limits.{name}: seconds > 0, or None for no limit, {value!r}"]


@pytest.mark.parametrize(
    "name",
    [
        *("memory_bytes", "data_bytes", "resident_bytes", "resident_soft_bytes", "max_growth_bytes"),
        *("open_files", "max_messages", "window_messages", "window_bytes"),
    ],
)
@pytest.mark.parametrize("value", [0, -5, 1.5, "1MiB", True])
def test_sizes_and_counts_are_positive_integers(name: str, value: object) -> None:
    assert problems(**{name: value}) == [f"limits.{name}: an integer > 0, or None for no limit, {value!r}"]


@pytest.mark.parametrize("value", [20, -21, 1.5, "5", True])
def test_niceness_is_within_its_bounds(value: object) -> None:
    assert problems(nice=value) == [f"limits.nice: an integer from -20 to 19, {value!r}"]


@pytest.mark.parametrize("value", [-1, 1.5, None, False])
def test_deaths_are_counted_in_whole_numbers(value: object) -> None:
    assert problems(deaths_before_quarantine=value) == [
        f"limits.deaths_before_quarantine: an integer >= 0, 0 for never, {value!r}"
    ]


def test_a_window_that_its_counters_could_not_tell_is_refused() -> None:
    assert problems(window_messages=2**31, window_bytes=2**31 - 1) == [
        "limits.window_messages: at most 2147483647, 2147483648"
    ]


def test_limits_that_make_no_sense_together_are_named() -> None:
    assert problems(resident_soft_bytes=5, resident_bytes=5) == [
        "limits.resident_soft_bytes: less than the resident_bytes of 5, 5"
    ]
    assert problems(max_age_variance=1.0) == ["limits.max_age_variance: a max_age that it is added to, none"]
    assert problems(max_age=1.0, max_age_variance=-1) == ["limits.max_age_variance: seconds >= 0, -1"]
