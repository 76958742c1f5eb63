"""Any wait strategy of tenacity as a backoff, with its randomness taken from the supervisor's rng.

What lives here: `TenacityBackoff`, and how each strategy of tenacity is evaluated as a pure function. What must not:
the `random` module's functions. tenacity's own random strategies draw from there; here their numbers come from their
own fields and the rng that is passed in, so that a run can be replayed from its seed.
Source: tenacity 9, tenacity.wait.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from .fields import checked, position, reset_time, store

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.wait import wait_exponential

__all__ = ("TenacityBackoff",)

Wait: TypeAlias = "Callable[[RetryCallState], float | int]"


@dataclass(frozen=True, slots=True)
class _State:
    """What a wait strategy may read of tenacity's RetryCallState; the real one reads the clock when it is made."""

    attempt_number: int
    upcoming_sleep: float  # of the attempt before
    idle_for: float = 0.0
    outcome: None = None


@dataclass(frozen=True, slots=True, init=False)
class TenacityBackoff:
    """Restart 1 waits `initial` (at once), restart 2 what `wait` gives for tenacity's attempt 1, and so on.

    `wait` is a strategy (`wait_exponential(...)`, `wait_fixed(1) + wait_random(0, 2)`, `wait_chain(...)`), a function
    of tenacity's retry state, or the import path "package.module:name" of either: only an import path can be sent to
    another process. `initial=None`: restart 1 is attempt 1. What it gives is kept between 0 and `cap`; not-a-number
    counts as 0. The count starts again when a life has been ready for `reset_after` seconds, by default cap / 2.

    Every strategy of tenacity, and every combination of them, draws from the rng that is passed to `delay`: the same
    seed gives the same waits. A function or a class of one's own is called as it is, with a state of which
    `attempt_number` and `upcoming_sleep` (the wait before) mean something; what it draws from elsewhere cannot be
    replayed. `wait_exception` is refused: there is no exception to look at.
    Errors: ValueError naming field, expected and got; of an import path when it is first needed (`problem`).
    >>> from tenacity import wait_exponential, wait_fixed
    >>> [TenacityBackoff(wait_fixed(1) + wait_exponential(max=8)).delay(n, random.Random(0)) for n in (1, 2, 3, 10**9)]
    [0.0, 2.0, 3.0, 9.0]
    """

    wait: Wait | str
    cap: float
    initial: float | None
    reset_after: float

    def __init__(
        self,
        wait: Wait | str,
        cap: float = 30.0,
        initial: float | None = 0.0,
        reset_after: float | None = None,
    ) -> None:
        given: object = wait
        if not isinstance(given, str):
            problem = _problem(given)
            if problem:
                raise ValueError(f"wait: expected {problem}, got {given!r}")
        most = checked("cap", cap)
        first = None if initial is None else checked("initial", initial)
        store(self, wait=wait, cap=most, initial=first, reset_after=reset_time(reset_after, most / 2))

    def problem(self) -> str:
        """Say what was expected where an import path names no wait, or nothing; so it is found before the first crash.

        Runs in: the caller's thread; imports, and so runs, the module that the path names, and asks the wait once.
        """
        if not isinstance(self.wait, str):
            return ""
        wait, problem = _look_up(self.wait)
        return problem or _trial(wait)

    def delay(self, restarts: int, rng: random.Random, previous: float = 0.0) -> float:
        """Seconds to wait before restart number `restarts`, after a wait of `previous`.

        Errors: ValueError if `restarts` is below 1, or for an import path with a `problem`; whatever a function of
        one's own raises.
        """
        index = position(restarts, self.initial)
        if index < 0:
            return self.initial or 0.0
        wait: object = self.wait
        if isinstance(wait, str):
            path = wait
            wait, problem = _look_up(path)
            if problem:
                raise ValueError(f"wait: expected {problem}, got {path!r}")
        return min(self.cap, max(0.0, _evaluate(wait, _State(index + 1, previous), rng)))


def _look_up(path: str) -> tuple[object, str]:
    """Give what an import path names, and what is wrong with that, if anything."""
    from ...actors.hosting.errors import NotImportable  # here, because few trees name a wait by its path
    from ...actors.hosting.import_path import resolve

    try:
        wait = resolve(path)
    except NotImportable as error:
        return None, f"the import path of a wait strategy ({error.why})"
    problem = _problem(wait)
    return wait, f"the import path of {problem}, and not of {wait!r}" if problem else ""


def _trial(wait: object) -> str:
    """Say what was expected of a wait that gives no seconds for the first attempt, or nothing."""
    try:
        _evaluate(wait, _State(1, 0.0), random.Random(0))
    except Exception as error:  # noqa: BLE001 - a function of one's own may raise whatever it likes
        return f"the import path of what gives seconds for a retry state (it raised {type(error).__name__}: {error})"
    return ""


def _problem(wait: object) -> str:
    """Say what was expected instead, or nothing."""
    from tenacity import wait as strategies

    if not callable(wait) or isinstance(wait, type):
        return "a wait strategy of tenacity (an instance, as wait_fixed(1)) or a function of its retry state"
    if isinstance(wait, strategies.wait_exception):
        return "a wait strategy that needs no exception"
    if isinstance(wait, strategies.wait_combine | strategies.wait_chain):
        inner = wait.wait_funcs if isinstance(wait, strategies.wait_combine) else wait.strategies
        return next((problem for part in inner if (problem := _problem(part))), "")
    return ""


def _evaluate(wait: object, state: _State, rng: random.Random) -> float:
    """Give what `wait` gives for a state. Draws as many numbers, and in the same order, as tenacity would.

    A class derived from one of tenacity's may mean something else, so that only the classes themselves are known here.
    """
    from tenacity import wait as strategies

    kind = type(wait)
    if kind is strategies.wait_combine:
        return float(sum(_evaluate(part, state, rng) for part in cast("strategies.wait_combine", wait).wait_funcs))
    if kind is strategies.wait_chain:
        links = cast("strategies.wait_chain", wait).strategies
        return _evaluate(links[min(state.attempt_number, len(links)) - 1], state, rng)
    if kind is strategies.wait_random:
        spread = cast("strategies.wait_random", wait)
        return spread.wait_random_min + rng.random() * (spread.wait_random_max - spread.wait_random_min)
    if kind is strategies.wait_exponential:
        return _exponential(cast("wait_exponential", wait), state)
    if kind is strategies.wait_random_exponential:
        widening = cast("strategies.wait_random_exponential", wait)
        return rng.uniform(widening.min, _exponential(widening, state))
    if kind is strategies.wait_exponential_jitter:
        jittered = cast("strategies.wait_exponential_jitter", wait)
        extra = rng.uniform(0, jittered.jitter)
        whole = _power(jittered.multiplier, jittered.exp_base, state.attempt_number - 1) + extra
        return max(0.0, jittered.min, min(whole, jittered.max))
    # What is left of tenacity (fixed, none, incrementing) draws nothing.
    return float(cast("Wait", wait)(cast("RetryCallState", state)))


def _exponential(wait: wait_exponential, state: _State) -> float:
    return max(0.0, wait.min, min(_power(wait.multiplier, wait.exp_base, state.attempt_number - 1), wait.max))


def _power(multiplier: float, base: float, exponent: int) -> float:
    """Give multiplier * base ** exponent, infinity where that is too much for a float, 0 if the multiplier is 0."""
    if multiplier == 0:
        return 0.0
    try:
        return multiplier * float(base) ** exponent
    except OverflowError:
        return float("inf")
