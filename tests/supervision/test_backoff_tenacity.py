"""tenacity's strategies as backoffs: the numbers are tenacity's, the randomness is ours."""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st
from tenacity import wait as strategies

from regrow.supervision import SupervisorSpec, check_supervisor_spec
from regrow.supervision.backoff import TenacityBackoff

WAITS: dict[str, strategies.wait_base] = {
    "fixed": tenacity.wait_fixed(1.5),
    "none": tenacity.wait_none(),
    "random": tenacity.wait_random(1, 4),
    "incrementing": tenacity.wait_incrementing(1, 2, 20),
    "exponential": tenacity.wait_exponential(multiplier=0.5, max=40, exp_base=3, min=1),
    "random exponential": tenacity.wait_random_exponential(multiplier=0.5, max=60, min=0.1),
    "exponential jitter": tenacity.wait_exponential_jitter(multiplier=2, max=50, jitter=3, min=1),
    "sum": tenacity.wait_fixed(3) + tenacity.wait_random(0, 2),
    "combine": tenacity.wait_combine(tenacity.wait_random(0, 1), tenacity.wait_random_exponential(max=9)),
    "chain": tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_random(2, 3), tenacity.wait_exponential()),
    "nested": tenacity.wait_chain(tenacity.wait_none(), tenacity.wait_random(0, 1) + tenacity.wait_random(0, 2)),
}
every = pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS.keys())


class DoublingWait(strategies.wait_exponential):
    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        return 2 * super().__call__(retry_state)


def as_tenacity_does(wait: strategies.wait_base, attempts: int) -> list[float]:
    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    found = []
    for attempt in range(1, attempts + 1):
        state.attempt_number = attempt
        found.append(float(wait(state)))
    return found


@every
def test_the_waits_are_those_of_tenacity_with_the_same_draws(wait: strategies.wait_base) -> None:
    random.seed(11)
    expected = as_tenacity_does(wait, 12)
    rng = random.Random(11)
    backoff = TenacityBackoff(wait, cap=1e6, initial=None)
    assert [backoff.delay(n, rng) for n in range(1, 13)] == pytest.approx(expected)


@every
def test_nothing_is_drawn_from_the_random_module(wait: strategies.wait_base) -> None:
    before = random.getstate()
    for restarts in range(1, 9):
        TenacityBackoff(wait).delay(restarts, random.Random(1))
    assert random.getstate() == before


def test_every_strategy_of_tenacity_is_known() -> None:
    known = {type(wait) for wait in WAITS.values()} | {strategies.wait_base, strategies.wait_exception}
    found = {
        cls
        for _, cls in inspect.getmembers(strategies, inspect.isclass)
        if issubclass(cls, strategies.wait_base) and cls.__module__ == strategies.__name__
    }
    assert found == known


def test_the_first_restart_is_at_once_and_the_second_is_tenacitys_first_attempt() -> None:
    backoff = TenacityBackoff(tenacity.wait_incrementing(1, 2))
    assert [backoff.delay(n, random.Random()) for n in (1, 2, 3)] == [0.0, 1.0, 3.0]


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (tenacity.wait_exponential(), 30.0),
        (tenacity.wait_exponential(multiplier=0), 0.0),
        (tenacity.wait_exponential(exp_base=1), 1.0),
        (tenacity.wait_exponential_jitter(max=20), 20.0),
        (tenacity.wait_incrementing(), 30.0),
        (tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(2)), 2.0),
    ],
)
def test_a_billion_restarts_do_not_overflow(wait: strategies.wait_base, expected: float) -> None:
    assert TenacityBackoff(wait).delay(10**9, random.Random(1)) == expected


@given(st.floats(), st.floats(0.0, 1e9))
def test_whatever_a_function_gives_is_kept_between_zero_and_the_cap(given_: float, cap: float) -> None:
    delay = TenacityBackoff(lambda _: given_, cap=cap).delay(2, random.Random())
    assert 0.0 <= delay <= cap
    if 0 <= given_ <= cap:
        assert delay == given_
    if math.isnan(given_):
        assert delay == 0.0


def test_a_function_or_class_of_ones_own_is_called_as_it_is() -> None:
    seen: list[tuple[int, float]] = []

    def wait(state: tenacity.RetryCallState) -> float:
        seen.append((state.attempt_number, state.upcoming_sleep))
        return 4.0

    backoff = TenacityBackoff(wait)
    assert [backoff.delay(2, random.Random(), 0.0), backoff.delay(3, random.Random(), 4.0)] == [4.0, 4.0]
    assert seen == [(1, 0.0), (2, 4.0)]
    assert TenacityBackoff(DoublingWait()).delay(4, random.Random()) == 8.0


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (3, "a wait strategy of tenacity (an instance, as wait_fixed(1)) or a function of its retry state"),
        (
            tenacity.wait_fixed,
            "a wait strategy of tenacity (an instance, as wait_fixed(1)) or a function of its retry state",
        ),
        (tenacity.wait_exception(lambda _: 1.0), "a wait strategy that needs no exception"),
        (tenacity.wait_fixed(1) + tenacity.wait_exception(lambda _: 1.0), "a wait strategy that needs no exception"),
        (tenacity.wait_chain(tenacity.wait_exception(lambda _: 1.0)), "a wait strategy that needs no exception"),
    ],
)
def test_what_cannot_be_asked_is_refused(wait: Callable[..., float], expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        TenacityBackoff(wait)
    assert str(caught.value) == f"wait: expected {expected}, got {wait!r}"


# ── import paths ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_import_path_is_looked_up_when_it_is_needed() -> None:
    backoff = TenacityBackoff("no.such.module:wait")
    assert backoff == TenacityBackoff("no.such.module:wait")
    assert backoff.delay(1, random.Random()) == 0.0
    expected = "the import path of a wait strategy (no module: 'no' is not on sys.path)"
    assert backoff.problem() == expected
    with pytest.raises(ValueError) as caught:
        backoff.delay(2, random.Random())
    assert str(caught.value) == f"wait: expected {expected}, got 'no.such.module:wait'"


def test_what_an_import_path_names_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "waits_of_the_shop.py").write_text("import tenacity\nslow = tenacity.wait_incrementing(2, 3)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    backoff = TenacityBackoff("waits_of_the_shop:slow")
    assert backoff.problem() == ""
    assert check_supervisor_spec(SupervisorSpec(backoff=backoff)) == ()
    assert [backoff.delay(n, random.Random()) for n in (1, 2, 3)] == [0.0, 2.0, 5.0]


def test_a_function_that_cannot_be_asked_is_found_before_the_first_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "waits_that_raise.py").write_text("def slow():\n    return 1\n\ndef fast(state):\n    return -1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert TenacityBackoff("waits_that_raise:fast").problem() == ""
    assert TenacityBackoff("waits_that_raise:slow").problem() == (
        "the import path of what gives seconds for a retry state "
        "(it raised TypeError: slow() takes 0 positional arguments but 1 was given)"
    )


def test_an_import_path_names_the_strategy() -> None:
    backoff = TenacityBackoff(f"{strategies.__name__}:wait_fixed")
    assert backoff.problem().startswith("the import path of a wait strategy of tenacity (an instance")
    assert backoff.problem().endswith("and not of <class 'tenacity.wait.wait_fixed'>")
    assert TenacityBackoff(tenacity.wait_fixed(1)).problem() == ""


def test_a_supervisor_says_before_its_first_child_starts_that_a_wait_is_missing() -> None:
    [problem] = check_supervisor_spec(SupervisorSpec(backoff=TenacityBackoff("no.such.module:wait")))
    assert str(problem) == (
        "backoff.wait: expected the import path of a wait strategy (no module: 'no' is not on sys.path),"
        " got 'no.such.module:wait'"
    )


def test_a_random_wait_by_import_path_has_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "waits_by_chance.py").write_text("from tenacity import wait_random\nsome = wait_random(1, 2)\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert TenacityBackoff("waits_by_chance:some").problem() == ""
