"""The rules of the broker, one test a rule: who gets which request, and what a failure leads to, and its tables."""

from __future__ import annotations

import random

import pytest

from regrow.connect.broker import (
    TRANSITIONS,
    PeerLeft,
    RequestState,
    RetryPolicy,
    Send,
)
from regrow.connect.store import Change, SaveLease, SaveOutcome, SaveRequest
from regrow.connect.store.merging import merge
from regrow.protocol.session.messages import (
    Accepted,
    Ack,
    Busy,
    Cancel,
    Failure,
    Heartbeat,
    HeartbeatAck,
    Invoke,
    Pause,
    ResultAck,
    Settled,
    Success,
)
from tests.connect.broker_bench import Bench


def test_a_request_goes_to_the_worker_that_serves_it_and_its_result_to_the_client(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    invoke = bench.invoke(w)
    assert (invoke.function, invoke.attempt) == ("f", 1)
    bench.say(w, Ack(request_id="r1", lease_id=invoke.lease_id))
    bench.finish(w, invoke)
    assert bench.settled() == Settled(request_id="r1", outcome=Success(b"ok"), attempts=1)
    assert bench.said(ResultAck) == [ResultAck(request_id="r1", lease_id=invoke.lease_id)]


def test_accepted_result_ack_and_settled_wait_for_the_commit(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.finish(w, bench.invoke())
    held = {type(c.message) for c in bench.commands if isinstance(c, Send) and c.after_commit}
    assert held == {Accepted, ResultAck, Settled}
    saved = [type(c) for c in bench.commands if isinstance(c, Change)]
    assert saved == [SaveRequest, SaveLease, SaveOutcome]


def test_with_no_worker_a_request_waits_and_is_not_an_error(bench: Bench) -> None:
    bench.submit()
    bench.advance(3600)
    assert not bench.said(Settled)
    bench.worker()
    assert bench.invoke().request_id == "r1"


def test_a_request_that_nobody_takes_expires_at_its_deadline(bench: Bench) -> None:
    bench.submit(deadline_ms=500)
    bench.advance(0.4)
    assert not bench.said(Settled)
    bench.advance(0.2)
    assert bench.failure().kind == "expired"


def test_a_request_that_runs_over_its_deadline_fails_and_its_worker_is_told(bench: Bench) -> None:
    w = bench.worker()
    bench.submit(deadline_ms=500)
    assert bench.invoke().deadline_ms == 500
    bench.advance(1.0)
    assert bench.failure().kind == "deadline"
    assert [cancel.request_id for cancel in bench.said(Cancel, w)] == ["r1"]


def test_an_unknown_function_fails_after_the_grace_once_workers_are_there(bench: Bench) -> None:
    bench.submit(function="tpyo")
    bench.advance(60)
    assert not bench.said(Settled)
    bench.worker()
    bench.advance(4.9)
    assert not bench.said(Settled)
    bench.advance(0.2)
    assert bench.failure().kind == "unknown_function"
    assert "tpyo" in bench.failure().text


def test_the_grace_of_an_unknown_function_counts_for_each_request(bench: Bench) -> None:
    bench.worker()
    bench.submit("r1", "tpyo")
    bench.advance(4)
    bench.submit("r2", "tpyo")
    bench.advance(2)
    assert [settled.request_id for settled in bench.said(Settled)] == ["r1"]
    bench.advance(3)
    assert [settled.request_id for settled in bench.said(Settled)] == ["r1", "r2"]


def test_a_function_that_was_served_once_waits_for_its_workers_to_come_back(bench: Bench) -> None:
    bench.worker("other", "g")
    bench.do(PeerLeft(bench.worker("w1", "f")))
    bench.submit()
    bench.advance(3600)
    assert not bench.said(Settled)
    assert bench.core.status()["unserved_functions"] == ["f"]


def test_the_least_busy_worker_is_chosen_and_equals_take_turns(bench: Bench) -> None:
    bench.worker("small", capacity=2)
    bench.worker("big", capacity=4)
    for n in range(6):
        bench.submit(f"r{n}")
    to = [c.connection.split("@")[0] for c in bench.commands if isinstance(c, Send) and isinstance(c.message, Invoke)]
    assert to.count("small") == 2
    assert to.count("big") == 4
    assert to[:3] == ["small", "big", "big"]


def test_capacity_is_never_exceeded_and_a_free_place_is_filled_at_once(bench: Bench) -> None:
    w = bench.worker(capacity=2)
    for n in range(5):
        bench.submit(f"r{n}")
    assert len(bench.said(Invoke)) == 2
    bench.finish(w, bench.said(Invoke)[0])
    assert [invoke.request_id for invoke in bench.said(Invoke)] == ["r0", "r1", "r2"]


def test_higher_priority_goes_first_and_then_the_older_one(bench: Bench) -> None:
    bench.submit("old")
    bench.submit("new")
    bench.submit("urgent", priority=5)
    bench.worker(capacity=3)
    assert [invoke.request_id for invoke in bench.said(Invoke)] == ["urgent", "old", "new"]


def test_a_worker_that_serves_several_functions_takes_the_oldest_request_of_all(bench: Bench) -> None:
    bench.submit("r1", "g")
    bench.submit("r2", "f")
    bench.worker("w1", "f", "g")
    assert bench.invoke().request_id == "r1"


def test_busy_gives_the_request_to_another_worker_and_counts_no_attempt(bench: Bench) -> None:
    w1 = bench.worker("w1", capacity=4)
    bench.submit()
    bench.worker("w2", capacity=4)
    first = bench.invoke(w1)
    bench.say(w1, Busy(request_id="r1", lease_id=first.lease_id))
    second = bench.invoke("w2@1")
    assert second.lease_id > first.lease_id
    assert second.attempt == 1


def test_a_single_worker_that_is_busy_is_asked_again_after_a_pause(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.say(w, Busy(request_id="r1", lease_id=bench.invoke().lease_id))
    assert len(bench.said(Invoke)) == 1
    bench.advance(0.1)
    assert len(bench.said(Invoke)) == 2


def test_a_paused_worker_gets_nothing_new_and_finishes_what_it_has(bench: Bench) -> None:
    w = bench.worker(capacity=2)
    bench.submit("r1")
    bench.say(w, Pause())
    bench.say(w, Heartbeat(sequence=1, capacity=2))
    bench.submit("r2")
    assert [invoke.request_id for invoke in bench.said(Invoke)] == ["r1"]
    bench.finish(w, bench.invoke())
    assert bench.settled().request_id == "r1"


def test_a_worker_that_connects_paused_gets_nothing(bench: Bench) -> None:
    bench.worker(paused=True)
    bench.submit()
    assert not bench.said(Invoke)


def test_a_worker_whose_executor_is_not_well_gets_nothing_until_it_is(bench: Bench) -> None:
    w = bench.worker()
    bench.say(w, Heartbeat(sequence=1, executor_alive=False))
    bench.submit()
    assert not bench.said(Invoke)
    bench.say(w, Heartbeat(sequence=2, executor_alive=True))
    assert bench.invoke().request_id == "r1"
    assert bench.said(HeartbeatAck) == [HeartbeatAck(sequence=1), HeartbeatAck(sequence=2)]


def test_a_heartbeat_can_raise_and_lower_the_capacity(bench: Bench) -> None:
    w = bench.worker(capacity=1)
    bench.submit("r1")
    bench.submit("r2")
    bench.say(w, Heartbeat(sequence=1, capacity=2))
    assert len(bench.said(Invoke)) == 2


# ── failures ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_error_of_the_user_is_not_retried(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.finish(w, bench.invoke(), Failure("error", "ValueError", "no"))
    assert bench.failure() == Failure("error", "ValueError", "no")
    assert bench.core.status()["settled"] == {"completed": 0, "failed": 1, "dead": 0}


def test_the_death_of_an_executor_is_retried_with_growing_delays_and_then_the_request_is_dead(bench: Bench) -> None:
    w = bench.worker()
    bench.submit(max_attempts=3)
    died = Failure("executor_died", "SIGSEGV", "killed by signal 11")
    for attempt, delay in ((1, 1.0), (2, 2.0)):
        assert bench.invoke().attempt == attempt
        bench.finish(w, bench.invoke(), died)
        bench.advance(delay - 0.01)
        assert len(bench.said(Invoke)) == attempt
        bench.advance(0.02)
        assert len(bench.said(Invoke)) == attempt + 1
    bench.finish(w, bench.invoke(), died)
    assert bench.settled() == Settled(request_id="r1", outcome=died, attempts=3)
    assert bench.core.status()["settled"] == {"completed": 0, "failed": 0, "dead": 1}


def test_a_failure_marked_retryable_is_retried_whatever_its_kind(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.finish(w, bench.invoke(), Failure("error", "Later", "", retryable=True))
    bench.advance(1.1)
    bench.finish(w, bench.invoke())
    assert bench.settled() == Settled(request_id="r1", outcome=Success(b"ok"), attempts=2)


def test_the_deadline_also_ends_the_wait_for_a_retry(bench: Bench) -> None:
    w = bench.worker()
    bench.submit(deadline_ms=500)
    bench.finish(w, bench.invoke(), Failure("executor_died", "SIGKILL", ""))
    bench.advance(5)
    assert bench.failure().kind == "deadline"
    assert len(bench.said(Invoke)) == 1


@pytest.mark.parametrize("attempts", [1, 5, 50, 5000])
def test_delays_are_capped_and_jittered_between_zero_and_the_delay(attempts: int) -> None:
    policy = RetryPolicy(base=0.2, factor=2.0, cap=3.0)
    rng = random.Random(7)
    delays = [policy.delay(attempts, rng) for _ in range(200)]
    assert 0.0 <= min(delays) < max(delays) <= min(3.0, 0.2 * 2 ** min(attempts - 1, 20))


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_state_has_a_row_and_settled_is_the_end() -> None:
    assert set(TRANSITIONS) == set(RequestState)
    assert TRANSITIONS[RequestState.SETTLED] == {}
    reached = {target for row in TRANSITIONS.values() for target in row.values()}
    assert reached == set(RequestState)


def test_what_happens_to_one_request_within_one_commit_is_written_once(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.finish(w, bench.invoke())
    merged = merge([command for command in bench.commands if isinstance(command, Change)])
    (row,) = merged.inserts
    assert (row.request_id, row.outcome, row.attempts, row.instance) == ("r1", Success(b"ok"), 1, "w1")
    assert (merged.holds, merged.outcomes, merged.forgotten) == ([], {}, [])
