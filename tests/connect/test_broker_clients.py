"""The rules of the broker for clients: what they ask, and what drains and restarts leave of it."""

from __future__ import annotations

import pytest

from regrow.connect.broker import (
    BrokerSettings,
    DrainStarted,
    PeerLeft,
    Send,
)
from regrow.connect.store import Ending, SaveRequest
from regrow.protocol.session.messages import (
    Accepted,
    Await,
    Cancel,
    Drain,
    ErrorMessage,
    ExtendLease,
    Failure,
    Heartbeat,
    InFlight,
    Invoke,
    Lease,
    Progress,
    Result,
    ResultAck,
    Settled,
    Status,
    StatusRequest,
    Submit,
    Success,
)
from tests.connect.broker_bench import Bench, stored

# ── clients ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_repeated_submit_is_the_same_request(bench: Bench) -> None:
    bench.worker(capacity=5)
    bench.submit()
    bench.submit()
    assert len(bench.said(Accepted)) == 2
    assert len(bench.said(Invoke)) == 1


def test_awaiting_what_is_settled_answers_at_once_and_what_is_unknown_is_an_error_of_that_request(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.finish(w, bench.invoke())
    other = bench.client("c2")
    bench.say(other, Await(request_ids=("r1", "never")))
    assert [settled.request_id for settled in bench.said(Settled, other)] == ["r1"]
    (error,) = bench.said(ErrorMessage, other)
    assert (error.scope, error.code, error.request_id) == ("request", "unknown_request", "never")


def test_every_waiting_client_is_told_and_one_that_left_is_not(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    for name in ("c2", "c3"):
        bench.say(bench.client(name), Await(request_ids=("r1",)))
    bench.do(PeerLeft("c3"))
    bench.finish(w, bench.invoke())
    told = [c.connection for c in bench.commands if isinstance(c, Send) and isinstance(c.message, Settled)]
    assert sorted(told) == ["c1", "c2"]


def test_cancelling_what_waits_settles_it(bench: Bench) -> None:
    bench.submit()
    bench.say("c1", Cancel(request_id="r1"))
    assert bench.failure().kind == "cancelled"
    bench.worker()
    assert not bench.said(Invoke)


def test_cancelling_what_runs_tells_the_worker_and_keeps_its_place_taken_until_it_answers(bench: Bench) -> None:
    w = bench.worker(capacity=1)
    bench.submit("r1")
    bench.submit("r2")
    first = bench.invoke()
    bench.say("c1", Cancel(request_id="r1"))
    assert bench.failure().kind == "cancelled"
    assert [cancel.request_id for cancel in bench.said(Cancel, w)] == ["r1"]
    assert len(bench.said(Invoke)) == 1
    bench.finish(w, first, Failure("cancelled", "Cancelled", ""))
    assert bench.said(ResultAck)[-1].accepted is False
    assert bench.invoke().request_id == "r2"


def test_progress_reaches_those_who_wait(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.say(w, Progress(request_id="r1", done=0.5))
    assert bench.said(Progress, "c1") == [Progress(request_id="r1", done=0.5)]


def test_one_request_too_many_is_rejected_and_not_saved() -> None:
    bench = Bench(BrokerSettings(max_requests=1))
    bench.client()
    bench.submit("r1")
    bench.say("c1", Submit(request_id="r2", function="f", arguments=b""))
    assert bench.failure().kind == "rejected"
    assert bench.failure().retryable
    assert len([c for c in bench.commands if isinstance(c, SaveRequest)]) == 1


@pytest.mark.parametrize("field", ["priority", "deadline_ms"])
@pytest.mark.parametrize("number", [2**64 - 1, -(2**63)])
def test_a_number_that_fits_the_wire_and_no_store_is_rejected_by_name(bench: Bench, field: str, number: int) -> None:
    w = bench.worker()
    bench.submit(**{field: number})
    assert bench.failure().kind == "rejected"
    assert bench.failure().text.startswith(f"{field}: expected at most")
    assert not bench.said(Invoke, w)
    assert not [c for c in bench.commands if isinstance(c, SaveRequest)]


def test_what_workers_say_of_their_capacity_adds_up_to_a_number_of_the_wire(bench: Bench) -> None:
    for name in ("w1", "w2"):
        bench.say(bench.worker(name), Heartbeat(sequence=1, capacity=2**64 - 1))
    assert bench.core.status()["capacity"] == 2_000_000


def test_kept_failures_count_with_their_tracebacks() -> None:
    bench = Bench(BrokerSettings(max_result_bytes=1000))
    bench.client()
    w = bench.worker()
    for name in ("r1", "r2"):
        bench.submit(name)
        bench.finish(w, bench.invoke(), Failure("error", "E", "", "x" * 600))
    bench.advance(1)
    assert bench.core.status()["results_kept"] == 1


def test_results_are_forgotten_after_their_retention_and_beyond_their_number() -> None:
    bench = Bench(BrokerSettings(result_retention=60, max_results=2))
    bench.client()
    w = bench.worker()
    for n in range(3):
        bench.submit(f"r{n}")
        bench.finish(w, bench.invoke())
    assert bench.core.status()["results_kept"] == 2
    bench.advance(61)
    assert bench.core.status()["results_kept"] == 0
    assert bench.core.due() is None


def test_status_counts_the_queue_the_workers_and_their_heartbeats(bench: Bench) -> None:
    w = bench.worker("w1", capacity=3)
    bench.now += 10
    bench.say(w, Heartbeat(sequence=1, due_ns=int((bench.now - 0.004) * 1e9)))
    bench.submit("r1")
    bench.submit("r2", "nobody")
    bench.say("c1", StatusRequest())
    (status,) = bench.said(Status)
    assert status.values["queued"] == 1
    assert status.values["leased"] == 1
    assert status.values["unserved_functions"] == ["nobody"]
    (worker,) = status.values["workers"]  # type: ignore[misc]
    assert worker["in_flight"] == 1
    assert worker["heartbeats"]["count"] == 1
    assert worker["heartbeats"]["late_worst_ms"] == pytest.approx(4.0, abs=0.01)


# ── drain and restart ────────────────────────────────────────────────────────────────────────────────────────────────


def test_draining_tells_everybody_gives_out_nothing_and_takes_results(bench: Bench) -> None:
    w = bench.worker(capacity=2)
    bench.submit("r1")
    bench.do(DrainStarted(1000))
    assert len(bench.said(Drain)) == 2
    bench.say("c1", Submit(request_id="r2", function="f", arguments=b""))
    assert [error.code for error in bench.said(ErrorMessage)] == ["draining"]
    bench.say(w, ExtendLease(requests=(InFlight(request_id="r1", lease_id=bench.invoke().lease_id),)))
    assert not bench.said(Lease)[-1].lost
    assert bench.core.in_flight() == 1
    bench.finish(w, bench.invoke())
    assert bench.core.in_flight() == 0
    assert bench.settled().request_id == "r1"


def test_after_a_restart_everything_that_was_accepted_is_still_there() -> None:
    bench = Bench(generation=2)
    bench.core.restore(
        [
            stored("waiting"),
            stored("running", instance="w1", lease_id=5, attempts=1),
            stored("done", ending=Ending.COMPLETED, outcome=Success(b"x"), settled=50.0, attempts=1),
        ],
        bench.now,
    )
    bench.client()
    bench.say("c1", Await(request_ids=("waiting", "running", "done")))
    assert [settled.request_id for settled in bench.said(Settled)] == ["done"]
    w = bench.worker(epoch=9, capacity=2, in_flight=(InFlight(request_id="running", lease_id=5),))
    assert [invoke.request_id for invoke in bench.said(Invoke)] == ["waiting"]
    assert bench.invoke().lease_id > 5
    bench.say(w, Result(request_id="running", lease_id=5, outcome=Success(b"y")))
    assert [settled.request_id for settled in bench.said(Settled)] == ["done", "running"]


def test_after_a_restart_the_order_is_that_of_submission_whatever_the_wall_clock_did() -> None:
    bench = Bench(generation=2)
    bench.core.restore([stored("first", submitted=50.0), stored("second", submitted=-3600.0)], bench.now)
    bench.worker(capacity=2)
    assert [invoke.request_id for invoke in bench.said(Invoke)] == ["first", "second"]


def test_after_a_restart_no_function_is_unknown_that_was_served_or_waited_for_before() -> None:
    bench = Bench(generation=2)
    done = stored("done", function="g", ending=Ending.COMPLETED, outcome=Success(b"x"), settled=50.0, attempts=1)
    bench.core.restore([stored("waiting"), done], bench.now)
    bench.worker("w1", "other")  # the fleet comes back one by one, and this one is the first
    bench.client()
    bench.submit("new", "g")
    bench.advance(3600)
    assert not bench.said(Settled)
    bench.worker("w2", "f")
    assert bench.invoke().request_id == "waiting"


def test_a_worker_that_never_comes_back_after_a_restart_loses_its_lease() -> None:
    bench = Bench()
    bench.core.restore([stored("r1", instance="gone", lease_id=5, attempts=1)], bench.now)
    bench.worker("w2")
    bench.advance(29)
    assert not bench.said(Invoke)
    bench.advance(2)
    assert bench.invoke().attempt == 2
