"""When a circuit opens, half opens and closes: rules, and random callers against a simple model."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regrow.actors.patterns import BreakerSettings, CircuitState
from regrow.actors.patterns.circuit import Circuit, Permit, Refusal

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
SETTINGS = BreakerSettings(max_failures=3, call_timeout=1.0, reset_timeout=10.0, max_reset_timeout=35.0)


def circuit(settings: BreakerSettings = SETTINGS) -> Circuit:
    return Circuit(settings, random.Random(1))


def call(circuit: Circuit, now: float, *, succeeded: bool | None, took: float = 0.0) -> None:
    permit = circuit.admit(now)
    assert isinstance(permit, Permit)
    circuit.settle(permit, now + took, succeeded=succeeded)


def opened(settings: BreakerSettings = SETTINGS) -> Circuit:
    found = circuit(settings)
    for _ in range(settings.max_failures):
        call(found, 0.0, succeeded=False)
    assert found.state is OPEN
    return found


def test_failures_in_a_row_open_it_and_a_success_between_starts_the_count_anew() -> None:
    c = circuit()
    for succeeded in (False, False, True, False, False):
        call(c, 0.0, succeeded=succeeded)
    assert c.state is CLOSED
    call(c, 0.0, succeeded=False)
    assert c.state is OPEN


def test_an_open_one_refuses_and_says_for_how_long() -> None:
    c = opened()
    assert c.admit(4.0) == Refusal(6.0)
    assert c.remaining(4.0) == 6.0


def test_after_its_time_one_may_try_and_the_others_wait() -> None:
    c = opened()
    assert isinstance(c.admit(10.0), Permit)
    assert c.state is HALF_OPEN
    assert c.admit(10.25) == Refusal(0.75)


def test_a_success_closes_it() -> None:
    c = opened()
    call(c, 10.0, succeeded=True)
    assert c.state is CLOSED
    assert c.changes == [OPEN, HALF_OPEN, CLOSED]


def test_a_failure_opens_it_for_longer_up_to_a_limit_and_a_success_makes_it_short_again() -> None:
    c = opened()
    now = 0.0
    for expected in (20.0, 35.0, 35.0):
        now += c.remaining(now)
        call(c, now, succeeded=False)
        assert c.remaining(now) == expected
    now += c.remaining(now)
    call(c, now, succeeded=True)
    for _ in range(3):
        call(c, now, succeeded=False)
    assert c.remaining(now) == 10.0


def test_several_probes_have_to_succeed_if_it_is_set_so() -> None:
    c = opened(BreakerSettings(max_failures=1, probes=2, reset_timeout=10.0))
    one, two = c.admit(10.0), c.admit(10.0)
    assert isinstance(one, Permit)
    assert isinstance(two, Permit)
    assert isinstance(c.admit(10.0), Refusal)
    c.settle(one, 10.0, succeeded=True)
    assert c.state is HALF_OPEN
    assert isinstance(c.admit(10.0), Refusal)
    c.settle(two, 10.0, succeeded=True)
    assert c.state is CLOSED


def test_a_call_that_takes_too_long_is_a_failure_whatever_comes_of_it() -> None:
    c = circuit()
    for _ in range(3):
        call(c, 0.0, succeeded=True, took=1.1)
    assert c.state is OPEN


def test_a_cancelled_call_says_nothing_and_frees_the_place_of_a_probe() -> None:
    c = opened()
    call(c, 10.0, succeeded=None)
    assert c.state is HALF_OPEN
    assert isinstance(c.admit(10.0), Permit)


def test_a_probe_that_nobody_tells_of_has_failed_in_the_end() -> None:
    c = opened()
    assert isinstance(c.admit(10.0), Permit)
    assert isinstance(c.admit(11.5), Refusal)
    assert c.state is OPEN
    assert c.remaining(11.5) == 20.0


def test_outcomes_of_an_earlier_era_do_not_count() -> None:
    c = circuit()
    early = c.admit(0.0)
    assert isinstance(early, Permit)
    for _ in range(3):
        call(c, 0.0, succeeded=False)
    c.settle(early, 0.5, succeeded=True)
    assert c.state is OPEN
    probe = c.admit(10.0)
    c.settle(early, 10.0, succeeded=False)
    assert c.state is HALF_OPEN
    assert isinstance(probe, Permit)
    c.settle(probe, 10.0, succeeded=True)
    assert c.state is CLOSED


def test_jitter_makes_it_longer_by_a_share_at_most() -> None:
    lengths = {opened(BreakerSettings(jitter=0.5)).remaining(0.0)}
    for seed in range(20):
        c = Circuit(BreakerSettings(max_failures=1, jitter=0.5), random.Random(seed))
        call(c, 0.0, succeeded=False)
        lengths.add(c.remaining(0.0))
    assert all(30.0 <= length <= 45.0 for length in lengths)
    assert len(lengths) > 10


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"max_failures": 0}, "max_failures: expected 1 or more, got 0"),
        ({"factor": 0.5}, "factor: expected 1.0 or more"),
        ({"call_timeout": 0.0}, "call_timeout: expected more than 0 seconds"),
        ({"reset_timeout": float("nan")}, "reset_timeout: expected more than 0 seconds"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        BreakerSettings(**settings)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Step:
    wait: float
    what: str
    which: int = 0


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from([0.0, 0.5, 2.0, 10.0, 40.0]),
        st.sampled_from(["admit", "succeed", "fail", "cancel"]),
        st.integers(0, 5),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 3), st.integers(1, 3))
def test_whatever_callers_do_it_keeps_its_promises(steps: list[Step], failures: int, probes: int) -> None:
    settings = BreakerSettings(
        max_failures=failures, probes=probes, call_timeout=1.0, reset_timeout=5.0, max_reset_timeout=20.0
    )
    c = circuit(settings)
    now, out, trying = 0.0, [], 0
    opened_at = -1.0
    for step in steps:
        now += step.wait
        before, seen = c.state, len(c.changes)
        if step.what == "admit":
            admitted = c.admit(now)
            if isinstance(admitted, Refusal):
                assert c.state is not CLOSED
                assert 0 <= admitted.retry_after <= 20.0
            else:
                assert c.state is not OPEN
                if before is OPEN:
                    assert now >= opened_at + 5.0
                    trying = 0
                trying += c.state is HALF_OPEN
                out.append(admitted)
        elif out:
            permit = out.pop(step.which % len(out))
            outcome = {"succeed": True, "fail": False, "cancel": None}[step.what]
            c.settle(permit, now, succeeded=outcome)
            if before is HALF_OPEN and c.state is HALF_OPEN and outcome is None:
                trying = max(0, trying - 1)
        assert c.failures < failures or c.state is OPEN
        if OPEN in c.changes[seen:]:
            opened_at = now
            assert 5.0 <= c.remaining(now) <= 20.0
        assert trying <= probes + len(out)
        allowed = {(CLOSED, OPEN), (OPEN, HALF_OPEN), (HALF_OPEN, OPEN), (HALF_OPEN, CLOSED)}
        assert set(zip([CLOSED, *c.changes], c.changes)) <= allowed
