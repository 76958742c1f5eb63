"""The count that decays, and what holds for every intensity."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.protocol.exits import Shutdown
from regrow.supervision import check_supervisor_spec
from regrow.supervision.backoff import Backoff, ConstantBackoff, DecorrelatedBackoff
from regrow.supervision.decay import FailureDecay
from regrow.supervision.events import BackoffWasReset, IntensityReached, RestartScheduled
from regrow.supervision.intensity import Intensity, RestartIntensity, RestartLog
from regrow.supervision.spec import SupervisorSpec
from tests.supervision.stage import Stage, child

INTENSITIES = st.one_of(
    st.builds(RestartIntensity, st.integers(0, 5), st.floats(0.01, 100.0)),
    st.builds(FailureDecay, st.floats(0.0, 6.0), st.floats(0.01, 100.0)),
)
TIMES = st.lists(st.floats(0.0, 60.0), max_size=30)


def fill(intensity: Intensity, gaps: list[float]) -> tuple[RestartLog, float]:
    log: RestartLog = ()
    now = 100.0
    for gap in gaps:
        now += gap
        log, _ = intensity.record(log, now)
    return log, now


def outcomes(intensity: Intensity, times: list[float]) -> list[bool]:
    log: RestartLog = ()
    found = []
    for now in times:
        log, allowed = intensity.record(log, now)
        found.append(allowed)
    return found


def test_as_many_at_once_as_the_threshold_are_forgiven_and_one_more_is_not() -> None:
    assert outcomes(FailureDecay(), [7.0] * 6) == [True] * 5 + [False]
    assert outcomes(FailureDecay(2.5, 30.0), [7.0] * 3) == [True, True, False]


def test_the_first_attempt_counts_one_and_each_later_one_adds_to_what_is_left() -> None:
    decay = FailureDecay(5.0, 30.0)
    log, allowed = decay.record((), 100.0)
    assert (log, allowed) == ((1.0, 100.0), True)
    log, allowed = decay.record(log, 130.0)
    assert (log, allowed) == ((1.5, 130.0), True)
    log, allowed = decay.record(log, 190.0)
    assert (log, allowed) == ((1.375, 190.0), True)


def test_the_threshold_is_inclusive() -> None:
    assert FailureDecay(1.5, 30.0).allows((1.0, 100.0), 130.0)
    assert not FailureDecay(1.5, 30.0).allows((1.0, 100.0), 129.999)


def test_one_attempt_in_a_half_life_is_forgiven_for_ever() -> None:
    assert all(outcomes(FailureDecay(2.0, 30.0), [30.0 * n for n in range(2000)]))


def test_below_a_threshold_of_one_the_first_attempt_is_one_too_many() -> None:
    assert outcomes(FailureDecay(0.0), [1.0]) == [False]
    assert outcomes(FailureDecay(0.99), [1.0]) == [False]


def test_what_it_forgives_at_once_and_how_long_it_remembers() -> None:
    assert (FailureDecay(2.5, 10.0).burst, FailureDecay(2.5, 10.0).memory) == (2, 50.0)
    assert (RestartIntensity(3, 5.0).burst, RestartIntensity(3, 5.0).memory) == (3, 5.0)


@given(st.lists(st.floats(0.0, 1e6), max_size=50))
def test_the_log_never_grows_and_the_count_stays_finite(gaps: list[float]) -> None:
    log, _ = fill(FailureDecay(), gaps)
    assert len(log) == (2 if gaps else 0)
    assert all(math.isfinite(value) for value in log)


@pytest.mark.parametrize("value", [-1, math.inf, math.nan, "5", True, None])
def test_a_bad_threshold_says_field_expected_and_got(value: object) -> None:
    with pytest.raises(ValueError, match=rf"^threshold: expected finite number >= 0, got {value!r}$"):
        FailureDecay(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, "5", True, None])
def test_a_bad_decay_says_field_expected_and_got(value: object) -> None:
    with pytest.raises(ValueError, match=rf"^decay: expected finite seconds > 0, got {value!r}$"):
        FailureDecay(1.0, value)  # type: ignore[arg-type]


def test_a_decay_may_be_as_short_as_a_float_can_be() -> None:
    assert outcomes(FailureDecay(1.0, 5e-324), [1.0, 2.0, 2.0]) == [True, True, False]


# ── what holds for every intensity ───────────────────────────────────────────────────────────────────────────────────


@given(INTENSITIES, TIMES, st.floats(0.0, 100.0))
def test_looking_ahead_says_what_recording_then_says_and_enters_nothing(
    intensity: Intensity, gaps: list[float], ahead: float
) -> None:
    log, now = fill(intensity, gaps)
    before = tuple(log)
    assert intensity.allows(log, now + ahead) == intensity.record(log, now + ahead)[1]
    assert log == before


@given(INTENSITIES, TIMES, st.floats(0.0, 50.0), st.floats(0.0, 50.0))
def test_time_only_helps(intensity: Intensity, gaps: list[float], first: float, more: float) -> None:
    log, now = fill(intensity, gaps)
    if intensity.allows(log, now + first):
        assert intensity.allows(log, now + first + more)


@given(INTENSITIES, TIMES, TIMES, st.floats(0.0, 50.0))
def test_what_is_too_many_stays_too_many_whatever_is_attempted_until_then(
    intensity: Intensity, gaps: list[float], between: list[float], ahead: float
) -> None:
    log, now = fill(intensity, gaps)
    due = now + ahead
    if intensity.allows(log, due):
        return
    for gap in between:
        now = min(due, now + gap)
        log, _ = intensity.record(log, now)
    assert not intensity.allows(log, due)


# ── one budget, in the core ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_supervisor_gives_up_over_the_threshold_and_says_which_it_was() -> None:
    stage = Stage(child("a"), intensity=FailureDecay(2.0, 30.0)).boot()
    stage.crash("a")
    stage.crash("a")
    assert not stage.over
    stage.crash("a")
    assert stage.exited == Shutdown("reached_max_restart_intensity")
    [fact] = stage.saw(IntensityReached)
    assert fact.intensity == FailureDecay(2.0, 30.0)
    assert (fact.child_id, fact.max_restarts, fact.max_seconds) == ("a", 2, 150.0)


def test_a_window_that_was_exceeded_is_told_as_itself() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(0, 7.0)).boot()
    stage.crash("a")
    [fact] = stage.saw(IntensityReached)
    assert fact.intensity == RestartIntensity(0, 7.0)


def test_a_decaying_count_lets_pass_what_a_window_of_the_same_burst_would_not() -> None:
    stage = Stage(child("a"), intensity=FailureDecay(2.0, 1.0)).boot()
    for _ in range(50):
        stage.crash("a")
        stage.pass_time(1.0)
    assert not stage.over


@pytest.mark.parametrize("intensity", [RestartIntensity(2, 10.0), FailureDecay(2.0, 10.0)])
def test_restarts_at_once_and_restarts_after_a_wait_share_one_budget(
    intensity: RestartIntensity | FailureDecay,
) -> None:
    slow = child("slow", backoff=ConstantBackoff(1.0, initial=None))
    stage = Stage(slow, child("fast"), intensity=intensity).boot()
    stage.crash("slow")
    stage.pass_time(1.0)
    stage.crash("fast")
    stage.crash("slow")
    assert stage.over
    assert len(stage.attempts) == 2


@pytest.mark.parametrize("intensity", [RestartIntensity(1, 10.0), FailureDecay(1.5, 10.0)])
def test_an_attempt_that_is_allowed_after_its_wait_is_waited_for(intensity: RestartIntensity | FailureDecay) -> None:
    stage = Stage(child("a"), intensity=intensity, backoff=ConstantBackoff(10.001)).boot()
    stage.crash("a")
    stage.crash("a")
    assert not stage.over
    stage.pass_time(10.001)
    assert stage.states() == {"a": "running"}


@pytest.mark.parametrize("intensity", [RestartIntensity(1, 10.0), FailureDecay(1.5, 10.0)])
def test_an_attempt_that_is_too_many_even_after_its_wait_is_not_waited_for(
    intensity: RestartIntensity | FailureDecay,
) -> None:
    stage = Stage(child("a"), intensity=intensity, backoff=ConstantBackoff(9.999)).boot()
    stage.crash("a")
    stage.crash("a")
    assert stage.over


def test_a_group_counts_once_however_many_it_restarts() -> None:
    stage = Stage(*map(child, "abcdef"), strategy="one_for_all", intensity=FailureDecay(1.0, 10.0)).boot()
    stage.crash("c")
    assert not stage.over
    stage.crash("d")
    assert stage.over


def test_anything_else_is_refused_before_a_child_starts() -> None:
    [problem] = check_supervisor_spec(SupervisorSpec(intensity=3))  # type: ignore[arg-type]
    assert str(problem) == "intensity: expected a RestartIntensity or a FailureDecay, got 3"


# ── the wait before ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_core_tells_a_backoff_the_wait_before_and_forgets_it_with_the_count() -> None:
    class Told:
        reset_after = 5.0

        def __init__(self) -> None:
            self.previous: list[float] = []

        def delay(self, restarts: int, rng: object, previous: float) -> float:
            self.previous.append(previous)
            return float(restarts)

    told = Told()
    stage = Stage(child("a"), backoff=told).boot()
    stage.crash("a")
    stage.pass_time(1.0)
    stage.crash("a")
    stage.pass_time(2.0)
    stage.pass_time(5.0)
    assert len(stage.saw(BackoffWasReset)) == 1
    stage.crash("a")
    assert told.previous == [0.0, 1.0, 0.0]


def test_waits_that_are_decorrelated_are_each_within_three_times_the_one_before() -> None:
    stage = Stage(child("a"), backoff=DecorrelatedBackoff(1.0, 1000.0), seed=5).boot()
    for _ in range(12):
        stage.crash("a")
        stage.pass_time(stage.saw(RestartScheduled)[-1].delay)
    delays = [fact.delay for fact in stage.saw(RestartScheduled)]
    assert delays[0] == 0.0
    for before, after in itertools.pairwise(delays):
        assert 1.0 <= after <= 3 * max(before, 1.0)
    assert max(delays) > 9.0


def test_each_child_has_a_wait_before_of_its_own() -> None:
    stage = Stage(child("a"), child("b"), backoff=DecorrelatedBackoff(1.0, 1000.0, initial=None)).boot()
    for _ in range(6):
        stage.crash("a")
        stage.pass_time(stage.saw(RestartScheduled)[-1].delay)
    stage.crash("b")
    assert 1.0 <= stage.saw(RestartScheduled)[-1].delay <= 3.0


def test_a_jitter_of_nothing_is_no_wait() -> None:
    stage = Stage(child("a"), backoff=Backoff(base=0.0, cap=0.0)).boot()
    for _ in range(5):
        stage.crash("a")
    assert stage.states() == {"a": "running"}


def test_a_supervisor_describes_itself_with_the_fields_of_its_intensity() -> None:
    assert Stage(intensity=FailureDecay(2.5, 9.0)).core.settings.items() >= {"threshold": 2.5, "decay": 9.0}.items()
    assert Stage(intensity=RestartIntensity(2, 9.0)).core.settings.items() >= {"max_restarts": 2}.items()
