"""The verdict "stopped" is reached look by look, and never because the watcher itself was late."""

import os

import pytest

from regrow.actors.hosting.stopped import LOOKS, StoppedWatch, is_stopped


def looks(watch: StoppedWatch, *moments: tuple[float, bool]) -> list[bool]:
    return [watch.look(stopped=stopped, now=now) for now, stopped in moments]


def test_a_process_that_stays_stopped_for_the_limit_is_found() -> None:
    watch = StoppedWatch(2.0)
    assert looks(watch, *((index * 0.5, True) for index in range(LOOKS + 1))) == [False] * LOOKS + [True]


def test_one_that_goes_on_meanwhile_starts_from_nothing() -> None:
    watch = StoppedWatch(2.0)
    assert looks(watch, (0.0, True), (0.5, True), (1.0, False), (1.5, True), (3.0, True)) == [False] * 5


@pytest.mark.parametrize("gap", [3.0, 3600.0])
def test_a_watcher_that_was_held_up_itself_does_not_count_that_time(gap: float) -> None:
    watch = StoppedWatch(2.0)
    assert looks(watch, (0.0, True), (gap, True)) == [False, False]


def test_this_process_runs_and_a_process_that_is_not_there_is_not_stopped() -> None:
    assert not is_stopped(os.getpid())
    assert not is_stopped(2**30)
