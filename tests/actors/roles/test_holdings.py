"""What a worker says it holds when it connects."""

from __future__ import annotations

from regrow.actors.roles.holdings import ConnectionSettings, Holdings
from regrow.supervision import Backoff

SETTINGS = ConnectionSettings(
    urls=("ws://x",), tokens=("t",), instance="i", name="n", functions=("f",), capacity=2, delays=Backoff()
)


def in_flight(holdings: Holdings) -> dict[str, int]:
    return {each.request_id: each.lease_id for each in holdings.connect(SETTINGS, "t").in_flight}


def test_nobody_is_told_anything_before_outbox_and_executor_have_spoken() -> None:
    holdings = Holdings()
    assert not holdings.complete
    holdings.epoch = 3
    assert not holdings.complete
    holdings.adopt([], paused=False)
    assert holdings.complete


def test_a_request_is_held_from_its_taking_to_the_acknowledgement_of_its_result() -> None:
    holdings = Holdings()
    holdings.adopt([("old", 1)], paused=False)
    holdings.taken("new", 2)
    assert in_flight(holdings) == {"old": 1, "new": 2}
    holdings.owe([("old", 1)])
    assert holdings.owes("old")
    assert in_flight(holdings) == {"old": 1, "new": 2}
    holdings.acknowledged("old")
    assert in_flight(holdings) == {"new": 2}


def test_a_lost_lease_is_not_claimed_again() -> None:
    holdings = Holdings()
    holdings.adopt([("r", 1)], paused=False)
    holdings.lost("r")
    assert in_flight(holdings) == {}


def test_a_draining_worker_comes_back_paused() -> None:
    holdings = Holdings()
    holdings.epoch = 4
    holdings.adopt([], paused=True)
    connect = holdings.connect(SETTINGS, "t")
    assert (connect.paused, connect.epoch, connect.instance) == (True, 4, "i")


def test_a_result_that_ended_a_session_by_its_size_is_not_sent_again() -> None:
    holdings = Holdings()
    for request_id, size in (("small", 10), ("large", 5000), ("larger", 6000)):
        assert holdings.sending(request_id, size) == ""
    holdings.acknowledged("larger")
    holdings.session_over(too_big=True)
    assert holdings.sending("small", 10) == ""
    assert "5000 bytes" in holdings.sending("large", 5000)
    holdings.acknowledged("large")
    assert holdings.sending("large", 7) == ""


def test_a_session_that_ended_for_another_reason_makes_no_result_suspect() -> None:
    holdings = Holdings()
    holdings.sending("r", 5000)
    holdings.session_over(too_big=False)
    holdings.session_over(too_big=True)
    assert holdings.sending("r", 5000) == ""
