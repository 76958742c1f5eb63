"""Whom to dial next, with which token, and when; or never again."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regrow.actors.roles.losses import Loss, LossKind
from regrow.actors.roles.reconnect import GAVE_UP, GatewayChoice, GiveUp, Patience, Retry
from regrow.supervision import Backoff

LOST = Loss(kind="closed", code="lost", text="connection lost")
UNAUTHORIZED = Loss(kind="credentials", code="unauthorized", text="the token is not valid here")
FATAL = Loss(kind="fatal", code="unsupported", text="another version")


def choice(
    urls: Sequence[str] = ("a",), tokens: Sequence[str] = ("t",), patience: Patience | None = None
) -> GatewayChoice:
    delays = Backoff(base=0.2, cap=30.0, jitter="none", reset_after=5.0)
    return GatewayChoice(urls, tokens, delays, random.Random(1), patience)


def delay(verdict: object) -> float:
    assert isinstance(verdict, Retry)
    return verdict.delay


def walk(known: GatewayChoice, loss: Loss, turns: int) -> list[tuple[str, float, float]]:
    """Lose again and again, each dial when it is due: who is dialed next, when, and after which wait."""
    now, steps = 0.0, []
    for _ in range(turns):
        wait = delay(known.lost(loss, now))
        now = round(now + wait, 6)
        steps.append((known.url, now, round(wait, 6)))
    return steps


class TestOneGateway:
    def test_the_first_return_is_immediate_and_the_waits_double(self) -> None:
        assert [wait for _, _, wait in walk(choice(), LOST, 5)] == [0.0, 0.2, 0.4, 0.8, 1.6]

    def test_a_stable_session_makes_the_next_failure_the_first(self) -> None:
        known = choice()
        known.lost(LOST, 0.0)
        known.lost(LOST, 0.0)
        known.ready(1.0)
        assert delay(known.lost(LOST, 6.0)) == 0.0

    def test_a_session_that_is_dropped_at_once_does_not_reset_the_waits(self) -> None:
        known, waits = choice(), []
        for turn in range(4):
            known.ready(float(turn))
            waits.append(delay(known.lost(LOST, turn + 0.1)))
        assert waits == pytest.approx([0.0, 0.2, 0.4, 0.8])

    def test_what_would_be_refused_again_is_given_up(self) -> None:
        assert choice().lost(FATAL, 0.0) == GiveUp("unsupported", "another version")

    @pytest.mark.parametrize(("wish", "least", "most"), [(7.0, 7.0, 8.0), (0.5, 0.5, 1.0), (100_000.0, 300.0, 330.0)])
    def test_a_wish_for_a_wait_is_heeded_bounded_and_spread(self, wish: float, least: float, most: float) -> None:
        waits = set()
        for seed in range(20):
            known = GatewayChoice(("a",), ("t",), Backoff(jitter="none"), random.Random(seed))
            loss = Loss(kind="refused", code="http_503", text="busy", retry_after=wish)
            waits.add(delay(known.lost(loss, 0.0)))
        assert least <= min(waits) < max(waits) <= most

    def test_one_that_drains_is_dialed_again_at_once(self) -> None:
        known = choice()
        known.ready(0.0)
        known.drained(60.0)
        assert known.url == "a"
        assert delay(known.lost(LOST, 60.1)) == 0.0


class TestSeveralGateways:
    def test_one_that_fails_twice_is_left_for_the_next_at_once_and_for_longer_each_time(self) -> None:
        steps = walk(choice("ab"), LOST, 8)
        assert [(url, wait) for url, _, wait in steps] == [
            ("a", 0.0),  # the first return is immediate, to who knows what we hold
            ("b", 0.0),
            ("b", 0.0),
            ("a", 0.2),  # both are left alone, and a is due first
            ("b", 0.0),
            ("a", 0.4),
            ("b", 0.0),
            ("a", 0.8),
        ]

    def test_the_one_in_use_is_kept_over_a_loss_although_another_one_comes_first(self) -> None:
        known = choice("ab")
        known.lost(LOST, 0.0)
        known.lost(LOST, 0.0)
        assert known.url == "b"
        known.ready(1.0)
        known.lost(LOST, 100.0)
        assert known.url == "b"

    def test_of_those_that_may_be_dialed_the_first_in_the_order_given_is_next(self) -> None:
        known = choice("abc")
        known.lost(LOST, 0.0)
        known.lost(LOST, 0.0)  # a, until 0.2
        known.lost(LOST, 0.0)
        known.lost(LOST, 0.1)  # b, until 0.3
        assert known.url == "c"
        known.ready(0.2)
        known.lost(LOST, 10.0)
        known.lost(LOST, 10.0)
        assert known.url == "a"

    def test_a_wait_that_one_asks_for_does_not_hold_up_the_others(self) -> None:
        known = choice("ab")
        busy = Loss(kind="refused", code="http_503", text="busy", retry_after=60.0)
        assert delay(known.lost(busy, 0.0)) == 0.0
        assert known.url == "b"

    def test_a_drain_goes_to_another_one_which_is_dialed_at_once(self) -> None:
        known = choice("ab")
        known.ready(0.0)
        known.drained(60.0)
        assert known.url == "b"
        assert delay(known.lost(LOST, 60.0)) == 0.0
        assert known.url == "b"

    def test_the_one_that_drains_is_left_alone_for_a_while(self) -> None:
        known = choice("ab")
        known.ready(0.0)
        known.drained(60.0)
        known.ready(60.0)
        known.drained(69.0)
        assert known.url == "b", "a still drains: there is none to go to, so this one is dialed again"
        known.ready(69.0)
        known.drained(79.1)
        assert known.url == "a"

    def test_one_that_refuses_for_good_is_not_dialed_again_and_the_others_are(self) -> None:
        known = choice("ab")
        assert delay(known.lost(FATAL, 0.0)) == 0.0
        assert {url for url, _, _ in walk(known, LOST, 6)} == {"b"}

    def test_when_all_refuse_for_good_it_is_given_up_with_what_each_said(self) -> None:
        known = choice("ab")
        known.lost(FATAL, 0.0)
        assert known.lost(UNAUTHORIZED, 0.0) == GiveUp(
            "unauthorized", "a: another version; b: the token is not valid here"
        )

    def test_one_that_is_named_twice_counts_once(self) -> None:
        assert isinstance(choice(("a", "a")).lost(FATAL, 0.0), GiveUp)


class TestTokens:
    def test_a_refused_one_is_replaced_at_once_and_both_refused_is_final(self) -> None:
        known = choice(tokens=("t1", "t2"))
        assert known.token == "t1"
        assert delay(known.lost(UNAUTHORIZED, 0.0)) == 0.0
        assert known.token == "t2"
        assert known.lost(UNAUTHORIZED, 0.0) == GiveUp("unauthorized", "the token is not valid here")

    def test_the_one_that_was_taken_is_presented_from_then_on(self) -> None:
        known = choice("ab", tokens=("t1", "t2"))
        known.lost(UNAUTHORIZED, 0.0)
        known.ready(1.0)
        known.lost(LOST, 10.0)
        known.lost(LOST, 10.0)
        assert (known.url, known.token) == ("b", "t2")

    def test_one_that_expires_after_a_stable_session_brings_the_other_one_back(self) -> None:
        known = choice(tokens=("t1", "t2"))
        known.lost(UNAUTHORIZED, 0.0)
        known.ready(1.0)
        assert delay(known.lost(UNAUTHORIZED, 100.0)) == 0.0
        assert known.token == "t1"

    def test_two_that_are_taken_and_refused_at_once_in_turns_come_to_an_end(self) -> None:
        known = choice(tokens=("t1", "t2"))
        known.ready(0.0)
        assert isinstance(known.lost(UNAUTHORIZED, 0.1), Retry)
        known.ready(0.2)
        assert isinstance(known.lost(UNAUTHORIZED, 0.3), GiveUp)

    def test_what_one_gateway_refuses_another_may_take(self) -> None:
        known = choice("ab", tokens=("t1", "t2"))
        known.lost(UNAUTHORIZED, 0.0)
        known.lost(UNAUTHORIZED, 0.0)
        assert (known.url, known.token) == ("b", "t2")
        known.lost(UNAUTHORIZED, 0.0)
        assert (known.url, known.token) == ("b", "t1")
        assert isinstance(known.lost(UNAUTHORIZED, 0.0), GiveUp)


class TestPatience:
    def test_it_ends_after_so_many_attempts_in_a_row(self) -> None:
        known = choice(patience=Patience(max_attempts=3))
        walk(known, LOST, 2)
        ended = known.lost(LOST, 0.5)
        assert ended == GiveUp(GAVE_UP, "no session after 3 attempts within 0.5 s; last: connection lost")

    def test_it_ends_after_so_many_seconds(self) -> None:
        known = choice("ab", patience=Patience(give_up_after=60.0))
        known.lost(LOST, 10.0)
        assert isinstance(known.lost(LOST, 69.9), Retry)
        assert isinstance(known.lost(LOST, 70.0), GiveUp)

    def test_a_stable_session_gives_it_back(self) -> None:
        known = choice(patience=Patience(max_attempts=2, give_up_after=60.0))
        known.lost(LOST, 0.0)
        known.ready(1.0)
        assert isinstance(known.lost(LOST, 600.0), Retry)
        assert isinstance(known.lost(LOST, 600.0), GiveUp)

    def test_without_limits_it_never_ends(self) -> None:
        assert len(walk(choice("ab"), LOST, 2000)) == 2000


KINDS: tuple[LossKind, ...] = ("unreachable", "refused", "closed", "silent", "garbage", "credentials", "fatal")

STEPS = st.lists(
    st.tuples(
        st.sampled_from(KINDS),
        st.one_of(st.none(), st.floats(0.0, 1000.0)),  # Retry-After
        st.booleans(),  # the dial got a session
        st.one_of(st.just(0.0), st.floats(0.0, 20.0)),  # that held for so long
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(STEPS, st.integers(1, 3), st.integers(1, 2), st.integers(0, 99))
def test_whatever_happens_it_comes_back_in_time_storms_nobody_and_gives_up_only_when_all_have_refused(
    steps: list[tuple[LossKind, float | None, bool, float]], gateways: int, tokens: int, seed: int
) -> None:
    urls = [f"gateway-{number}" for number in range(gateways)]
    delays = Backoff(base=0.2, cap=30.0, jitter="equal", reset_after=5.0)
    known = GatewayChoice(urls, [f"t{number}" for number in range(tokens)], delays, random.Random(seed))
    now, refused, at_once = 0.0, dict.fromkeys(urls, 0), 0
    for kind, wish, got_in, held in steps:
        url, token = known.url, known.token
        if got_in:
            known.ready(now)
            now += held
            if held >= 5.0:
                at_once = 0
        refused[url] += kind in ("credentials", "fatal")
        verdict = known.lost(Loss(kind=kind, code=kind, text=kind, retry_after=wish), now)
        if isinstance(verdict, GiveUp):
            assert all(refused.values()), "nobody is given up who has not refused"
            return
        assert 0.0 <= verdict.delay <= 330.0
        if kind == "fatal":
            assert known.url != url
        if kind == "credentials":
            assert (known.url, known.token) != (url, token)
        at_once = at_once + 1 if verdict.delay == 0.0 else 0
        # Each gateway may be tried twice without a wait, and once more with each token.
        assert at_once <= gateways * (2 + tokens)
        now += verdict.delay
