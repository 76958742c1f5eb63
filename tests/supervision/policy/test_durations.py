"""Times and sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.supervision.policy.durations import format_duration, parse_duration, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("1d", 86400.0),
        ("500us", 0.0005),
        (" 3 s ", 3.0),
        ("0s", 0.0),
        (0, 0.0),
        (7, 7.0),
        (0.2, 0.2),
    ],
)
def test_durations_are_read(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "given", ["", "5", "5 parsecs", "s", "-1s", "1s2", -1, float("inf"), float("nan"), True, None, []]
)
def test_what_is_no_duration_is_refused_with_what_was_expected(given: object) -> None:
    with pytest.raises(ValueError, match=r'a duration \(seconds, or text such as "250ms"'):
        parse_duration(given)


@given(st.integers(min_value=0, max_value=59), st.sampled_from(["ms", "s", "m", "h"]))
def test_what_is_written_can_be_read_again(count: int, unit: str) -> None:
    seconds = parse_duration(f"{count}{unit}")
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "size"), [("512MiB", 512 * 2**20), ("2GiB", 2**31), ("64kB", 64000), ("1b", 1), (10, 10)]
)
def test_sizes_are_read(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("given", ["", "512", "5 sheep", -1, 1.5, True, None])
def test_what_is_no_size_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="a size"):
        parse_size(given)
