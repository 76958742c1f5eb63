"""A flood becomes its first lines and a count, and nothing is left untold."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from regrow.actors.log_limit import KEYS_MAX, LimitedLog, LineLimit
from regrow.actors.testing import ManualClock


class Lines(logging.Handler):
    """Keeps what is logged, as "LEVEL text"."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.levelname} {record.getMessage()}")


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    target = logging.getLogger("test.limit")
    target.addHandler(handler)
    target.setLevel(logging.DEBUG)
    target.propagate = False
    yield handler
    target.removeHandler(handler)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def limited(clock: ManualClock, first: int = 2, group_first: int = 5) -> LimitedLog:
    log = logging.getLogger("test.limit")
    return LimitedLog(log, clock, "ends", first=first, group_first=group_first, seconds=10.0)


# The limit


def test_the_first_lines_are_written_and_the_others_counted() -> None:
    limit = LineLimit(first=2, seconds=10.0)
    assert [limit.take("a", at) for at in (0.0, 1.0, 2.0, 3.0)] == [True, True, False, False]
    assert limit.left_out == 2
    assert limit.over(9.999) == []
    assert limit.over(10.0) == [("a", 2)]
    assert limit.left_out == 0


def test_while_it_goes_on_there_is_one_line_in_each_window() -> None:
    limit = LineLimit(first=3, seconds=10.0)
    written = []
    for second in range(40):
        limit.over(float(second))
        written.append(limit.take("a", float(second)))
    assert [second for second, was in enumerate(written) if was] == [0, 1, 2, 10, 20, 30]


def test_after_a_quiet_time_it_is_new_again() -> None:
    limit = LineLimit(first=2, seconds=10.0)
    for at in (0.0, 1.0, 2.0):
        limit.take("a", at)
    assert limit.over(10.0) == [("a", 1)]
    assert limit.over(20.0) == []
    assert [limit.take("a", at) for at in (21.0, 22.0, 23.0)] == [True, True, False]


def test_keys_do_not_count_for_each_other() -> None:
    limit = LineLimit(first=1, seconds=10.0)
    assert [limit.take(key, 0.0) for key in "aabbc"] == [True, False, True, False, True]
    assert limit.over(10.0) == [("a", 1), ("b", 1)]


def test_what_it_remembers_is_bounded_and_shrinks_again() -> None:
    limit = LineLimit(first=1, seconds=10.0)
    written = sum(limit.take(number, 0.0) for number in range(KEYS_MAX + 100))
    assert written == KEYS_MAX + 1
    assert limit.over(10.0) == [(None, 99)]
    assert limit.due == 20.0
    limit.over(20.0)
    assert limit.due is None


def test_the_rest_can_be_taken_early() -> None:
    limit = LineLimit(first=1, seconds=10.0)
    limit.take("a", 0.0)
    assert limit.rest() == []
    limit.take("b", 0.0)
    limit.take("b", 0.0)
    assert (limit.rest(), limit.left_out, limit.due) == ([("b", 1)], 0, None)


# The log


def test_how_many_more_there_were_is_said_when_the_window_ends_without_another_line(
    lines: Lines, clock: ManualClock
) -> None:
    log = limited(clock)
    for number in range(5):
        log.write(logging.ERROR, "root/a", "root", "a %d", number)
    assert lines.said == ["ERROR a 0", "ERROR a 1"]
    clock.advance(10.0)
    assert lines.said[2:] == ["ERROR root/a: and 3 more ends in the last 10 s"]
    clock.advance(100.0)
    assert len(lines.said) == 3


def test_the_count_comes_before_the_line_that_ends_the_window(lines: Lines, clock: ManualClock) -> None:
    log = limited(clock, first=1)
    log.write(logging.ERROR, "root/a", "root", "one")
    log.write(logging.ERROR, "root/a", "root", "two")
    clock.close()  # as if the clock's thread had no time to run
    clock._now = 11.0
    log.write(logging.ERROR, "root/a", "root", "three")
    assert lines.said == ["ERROR one", "ERROR root/a: and 1 more ends in the last 10 s", "ERROR three"]


def test_thousands_of_subjects_share_the_lines_of_their_group(lines: Lines, clock: ManualClock) -> None:
    log = limited(clock)
    for number in range(1000):
        log.write(logging.ERROR, f"root/{number}", "root", "%d", number)
    clock.advance(10.0)
    assert lines.said == [*(f"ERROR {number}" for number in range(5)), "ERROR root: and 995 more ends in the last 10 s"]


def test_one_that_floods_takes_no_line_from_its_siblings(lines: Lines, clock: ManualClock) -> None:
    log = limited(clock)
    for _ in range(100):
        log.write(logging.ERROR, "root/a", "root", "a")
    log.write(logging.ERROR, "root/b", "root", "b")
    assert lines.said == ["ERROR a", "ERROR a", "ERROR b"]


def test_levels_count_apart(lines: Lines, clock: ManualClock) -> None:
    log = limited(clock)
    for _ in range(10):
        log.write(logging.DEBUG, "root/a", "root", "progress")
    log.write(logging.ERROR, "root/a", "root", "gives up")
    clock.advance(10.0)
    assert lines.said[2:] == ["ERROR gives up", "DEBUG root/a: and 8 more ends in the last 10 s"]


def test_a_level_that_is_not_wanted_is_not_counted_either(lines: Lines, clock: ManualClock) -> None:
    logging.getLogger("test.limit").setLevel(logging.ERROR)
    log = limited(clock)
    for _ in range(10):
        log.write(logging.WARNING, "root/a", "root", "x")
    log.close()
    assert lines.said == []


def test_closing_tells_what_has_not_been_told(lines: Lines, clock: ManualClock) -> None:
    log = limited(clock)
    for _ in range(4):
        log.write(logging.WARNING, "root/a", "root", "x")
    log.close()
    assert lines.said[2:] == ["WARNING root/a: and 2 more ends in the last 10 s"]
    clock.advance(100.0)
    log.close()
    assert len(lines.said) == 3
