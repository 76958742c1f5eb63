"""What a loss means: come back when, or never."""

from __future__ import annotations

import random

import pytest

from regrow.actors.roles.reconnect import (
    GiveUp,
    Loss,
    ReconnectPolicy,
    Retry,
    loss_of_close,
    loss_of_refusal,
    loss_of_status,
)
from regrow.supervision import Backoff

LOST = Loss(kind="closed", code="lost", text="connection lost")


def policy() -> ReconnectPolicy:
    return ReconnectPolicy(Backoff(base=0.2, cap=30.0, jitter="none", reset_after=5.0), random.Random(1))


def delay(verdict: object) -> float:
    assert isinstance(verdict, Retry)
    return verdict.delay


def test_the_first_return_is_immediate_and_the_waits_double() -> None:
    known = policy()
    assert [delay(known.lost(LOST, 0.0)) for _ in range(5)] == [0.0, 0.2, 0.4, 0.8, 1.6]


def test_a_stable_session_makes_the_next_failure_the_first() -> None:
    known = policy()
    known.lost(LOST, 0.0)
    known.lost(LOST, 0.0)
    known.ready(1.0)
    assert delay(known.lost(LOST, 6.0)) == 0.0


def test_a_session_that_is_dropped_at_once_does_not_reset_the_waits() -> None:
    known = policy()
    waits = []
    for turn in range(4):
        known.ready(float(turn))
        waits.append(delay(known.lost(LOST, turn + 0.1)))
    assert waits == [0.0, 0.2, 0.4, 0.8]


@pytest.mark.parametrize(
    "loss",
    [
        loss_of_status(401, None, "no"),
        loss_of_status(403, None, ""),
        loss_of_status(400, None, "unsupported version: expected regrow.v2, got regrow.v1"),
        loss_of_close(4401, "unauthorized"),
        loss_of_close(4400, "bad connect"),
        loss_of_refusal("unsupported_version", "v0 only", fatal=True),
    ],
)
def test_what_would_be_refused_again_is_given_up(loss: Loss) -> None:
    assert isinstance(policy().lost(loss, 0.0), GiveUp)


@pytest.mark.parametrize(
    "loss",
    [
        loss_of_status(503, None, "busy"),
        loss_of_status(404, None, ""),
        loss_of_close(1006, ""),
        loss_of_close(1012, "restarting"),
        loss_of_close(None, ""),
        loss_of_refusal("try_later", "full", fatal=False),
    ],
)
def test_what_may_pass_is_tried_again(loss: Loss) -> None:
    assert isinstance(policy().lost(loss, 0.0), Retry)


@pytest.mark.parametrize(("header", "least", "most"), [("7", 7.0, 7.7), ("100000", 300.0, 330.0), ("soon", 0.0, 0.0)])
def test_retry_after_is_heeded_bounded_and_spread(header: str, least: float, most: float) -> None:
    assert least <= delay(policy().lost(loss_of_status(503, header, ""), 0.0)) <= most
