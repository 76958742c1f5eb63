"""A backoff played through: the steps, and giving up as the real core does."""

from __future__ import annotations

import io
import random
import xml.etree.ElementTree as ET

import pytest
from rich.console import Console

from regrow.actors.child_spec import Delays
from regrow.observe.allowance import allowance_text
from regrow.observe.schedule import GivingUp, Schedule, Spread, Step, play
from regrow.observe.schedule_svg import schedule_svg
from regrow.observe.schedule_view import backoff_text, giving_up_text, schedule_table
from regrow.supervision.backoff import (
    NO_BACKOFF,
    AkkaBackoff,
    Backoff,
    ConstantBackoff,
    DecorrelatedBackoff,
    LadderBackoff,
    TenacityBackoff,
)
from regrow.supervision.decay import FailureDecay
from regrow.supervision.events import RestartScheduled
from regrow.supervision.intensity import RestartIntensity
from tests.supervision.stage import Stage, child

NEVER = RestartIntensity(10**6, 1.0)


def exactly(value: float) -> Spread:
    return Spread(value, value, value)


def test_without_jitter_there_is_one_time_for_each_restart() -> None:
    schedule = play(LadderBackoff([0, 1, 5]), NEVER, restarts=4, runs=3)
    assert schedule.steps == (
        Step(1, exactly(0.0), exactly(0.0)),
        Step(2, exactly(1.0), exactly(1.0)),
        Step(3, exactly(5.0), exactly(6.0)),
        Step(4, exactly(5.0), exactly(11.0)),
    )
    assert schedule.giving_up is None


def test_with_jitter_the_spread_of_the_runs_is_shown() -> None:
    steps = play(Backoff(base=8.0, jitter="equal"), NEVER, restarts=2, runs=500).steps
    delay = steps[1].delay
    assert 4.0 <= delay.least < 4.2
    assert 5.7 < delay.median < 6.3
    assert 7.8 < delay.most <= 8.0
    assert steps[1].at == delay


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert play(Backoff(), NEVER, seed=3) == play(Backoff(), NEVER, seed=3)
    assert play(Backoff(), NEVER, seed=3) != play(Backoff(), NEVER, seed=4)


def test_each_wait_is_told_to_the_next() -> None:
    schedule = play(DecorrelatedBackoff(1.0, 1e6), NEVER, restarts=5, runs=400)
    assert schedule.steps[1].delay.most <= 3.0
    assert 9.0 < schedule.steps[4].delay.most <= 81.0


@pytest.mark.parametrize(
    ("delays", "intensity", "restarts", "at"),
    [
        (NO_BACKOFF, RestartIntensity(3, 5.0), 3, 0.0),
        (LadderBackoff([0, 1, 2]), RestartIntensity(3, 5.0), 3, 3.0),
        (ConstantBackoff(1.0), RestartIntensity(0, 5.0), 0, 0.0),
        (ConstantBackoff(1.0), FailureDecay(2.0, 30.0), 2, 1.0),
    ],
)
def test_the_supervisor_gives_up_where_the_real_one_does(
    delays: Delays, intensity: RestartIntensity | FailureDecay, restarts: int, at: float
) -> None:
    schedule = play(delays, intensity, runs=2)
    assert schedule.giving_up == GivingUp(1.0, (restarts, restarts), exactly(at))
    stage = Stage(child("a"), intensity=intensity, backoff=delays).boot()
    while not stage.over:
        stage.crash("a")
        if not stage.over:
            stage.pass_time(stage.saw(RestartScheduled)[-1].delay)
    assert len(stage.saw(RestartScheduled)) == restarts
    assert stage.now - 100.0 == pytest.approx(at)


def test_giving_up_in_some_of_the_runs_is_a_share() -> None:
    schedule = play(Backoff(initial=None, base=2.0, cap=2.0), RestartIntensity(1, 1.0), restarts=2, runs=400)
    assert schedule.giving_up is not None
    assert 0.4 < schedule.giving_up.share < 0.6
    assert "in 5" in giving_up_text(schedule) or "in 4" in giving_up_text(schedule)
    assert "% of the runs" in giving_up_text(schedule)


@pytest.mark.parametrize(("restarts", "runs"), [(0, 1), (1, 0)])
def test_there_is_something_to_play(restarts: int, runs: int) -> None:
    with pytest.raises(ValueError, match=rf"expected integers >= 1, got {restarts} and {runs}"):
        play(NO_BACKOFF, NEVER, restarts=restarts, runs=runs)


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (
            play(NO_BACKOFF, RestartIntensity(0, 1.0)),
            "A supervisor whose child dies at once gives up after 0 restarts, at its first death.",
        ),
        (
            play(ConstantBackoff(1.5), RestartIntensity(1, 9.0)),
            "A supervisor whose child dies at once gives up after 1 restart, 0s after its first death.",
        ),
        (
            play(ConstantBackoff(1.5), RestartIntensity(2, 9.0)),
            "A supervisor whose child dies at once gives up after 2 restarts, 1.5s after its first death.",
        ),
        (
            play(NO_BACKOFF, NEVER, restarts=5),
            "A supervisor whose child dies at once has not given up after 5 restarts.",
        ),
    ],
)
def test_giving_up_is_said_in_one_sentence(schedule: Schedule, text: str) -> None:
    assert giving_up_text(schedule) == text


@pytest.mark.parametrize(
    ("delays", "text"),
    [
        (Backoff(), "exponential, initial 0s, base 200ms, factor 2, cap 30s, jitter full, reset_after 15.1s"),
        (ConstantBackoff(90.0, None), "constant, seconds 1m30s, initial none, reset_after 1m30s"),
        (
            AkkaBackoff(1.0, 9.0),
            "akka, min_backoff 1s, max_backoff 9s, random_factor 0.2, initial none, reset_after 5s",
        ),
        (TenacityBackoff("a:b", 9.0), "tenacity, wait a:b, cap 9s, initial 0s, reset_after 4.5s"),
    ],
)
def test_a_backoff_is_said_in_the_words_of_a_policy(delays: Delays, text: str) -> None:
    assert backoff_text(delays) == text


def test_an_intensity_is_said_in_few_words() -> None:
    assert allowance_text(RestartIntensity(3, 5.0)) == "3 restarts in 5s"
    assert allowance_text(RestartIntensity(1, 60.0)) == "1 restart in 1m"
    assert allowance_text(FailureDecay()) == "a count of 5 restarts that halves every 30s"


def test_delays_of_ones_own_are_said_as_themselves() -> None:
    class Own:
        reset_after = 1.0

        def delay(self, restarts: int, rng: random.Random, previous: float) -> float:
            return 1.0

        def __repr__(self) -> str:
            return "Own()"

    assert backoff_text(Own()) == "Own()"


def test_the_table_has_a_row_for_each_restart_and_a_bar_as_long_as_its_wait() -> None:
    written = io.StringIO()
    Console(width=120, file=written).print(schedule_table(play(LadderBackoff([0, 2, 8]), NEVER, restarts=3, runs=1)))
    shown = written.getvalue().splitlines()
    assert [line.split() for line in shown] == [
        ["restart", "least", "median", "most", "delay", "comes", "at"],
        ["1", "0s", "0s", "0s", "0s"],
        ["2", "2s", "2s", "2s", "─" * 8 + "█", "2s"],
        ["3", "8s", "8s", "8s", "─" * 31 + "█", "10s"],
    ]


@pytest.mark.parametrize("delays", [Backoff(), NO_BACKOFF, ConstantBackoff(1e-6), LadderBackoff([1e9])])
def test_the_svg_is_well_formed_and_has_every_restart_twice(delays: Delays) -> None:
    schedule = play(delays, RestartIntensity(3, 5.0), restarts=7, runs=20)
    root = ET.fromstring(schedule_svg(schedule, title="a < b & c", notes=("one", "two")))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:3] == ["a < b & c", "one", "two"]
    assert all(texts.count(str(number)) == 2 for number in range(1, 8))
    titles = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}title")]
    assert len(titles) == 14
    assert titles[0].startswith("restart 1: ")
    assert (schedule.giving_up is not None) == ("gives up" in texts)


def test_everything_is_inside_the_drawing() -> None:
    root = ET.fromstring(schedule_svg(play(Backoff(), NEVER, restarts=60), title="t", notes=()))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y = float(box.attrib.get("x", 0)), float(box.attrib.get("y", 0))
        assert 0 <= x <= x + float(box.attrib["width"]) <= width
        assert 0 <= y <= y + float(box.attrib["height"]) <= height
