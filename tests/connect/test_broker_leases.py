"""The rules of the broker on leases: kept, lost, adopted by workers that come back, and fenced."""

from __future__ import annotations

import pytest

from regrow.connect.broker import (
    BrokerSettings,
    Disconnect,
    PeerLeft,
)
from regrow.protocol.session import close_codes
from regrow.protocol.session.messages import (
    Ack,
    Await,
    Closing,
    ErrorMessage,
    ExtendLease,
    Failure,
    Heartbeat,
    InFlight,
    Invoke,
    Lease,
    Pause,
    Ready,
    Result,
    ResultAck,
    Settled,
    Submit,
    Success,
)
from tests.connect.broker_bench import Bench


def test_a_lease_that_is_not_renewed_is_lost_and_the_request_runs_elsewhere(bench: Bench) -> None:
    w1 = bench.worker("w1")
    bench.submit()
    bench.worker("w2")
    first = bench.invoke(w1)
    bench.advance(30.1)
    assert bench.said(Lease, w1) == [Lease(request_id="r1", lease_id=first.lease_id, lost=True)]
    second = bench.said(Invoke)[1]
    assert second.lease_id > first.lease_id
    assert second.attempt == 2


def test_a_worker_that_let_a_lease_run_out_gets_nothing_before_it_says_something(bench: Bench) -> None:
    w = bench.worker(capacity=3)
    bench.submit()
    bench.advance(100)
    assert [invoke.attempt for invoke in bench.said(Invoke)] == [1]
    bench.submit("r2")
    assert len(bench.said(Invoke)) == 1
    bench.say(w, Heartbeat(sequence=1))
    assert [(invoke.request_id, invoke.attempt) for invoke in bench.said(Invoke)] == [("r1", 1), ("r1", 2), ("r2", 1)]


def test_renewal_keeps_a_lease_and_is_idempotent(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    lease = InFlight(request_id="r1", lease_id=bench.invoke().lease_id)
    for _ in range(5):
        bench.advance(20)
        bench.say(w, ExtendLease(requests=(lease, lease)))
    assert bench.said(Lease) == [Lease(request_id="r1", lease_id=lease.lease_id)] * 10
    assert len(bench.said(Invoke)) == 1


def test_renewing_a_lease_that_is_gone_says_lost_and_leaves_the_connection_alone(bench: Bench) -> None:
    w = bench.worker()
    bench.say(w, ExtendLease(requests=(InFlight(request_id="nobody", lease_id=7),)))
    assert bench.said(Lease) == [Lease(request_id="nobody", lease_id=7, lost=True)]
    assert not [command for command in bench.commands if isinstance(command, Disconnect)]


def test_a_late_result_is_refused_once_another_worker_has_the_request(bench: Bench) -> None:
    w1 = bench.worker("w1")
    bench.submit()
    first = bench.invoke(w1)
    bench.advance(31)
    w2 = bench.worker("w2")
    bench.advance(0)
    if bench.invoke().lease_id == first.lease_id:
        pytest.fail("the request was not given out again")
    late = Result(request_id="r1", lease_id=first.lease_id, outcome=Success(b"late"))
    bench.say(w1, late)
    assert bench.said(ResultAck)[-1] == ResultAck(request_id="r1", lease_id=first.lease_id, accepted=False)
    second = bench.said(Invoke)[-1]
    bench.finish(w2 if bench.said(Invoke, w2) else w1, second)
    assert bench.settled().outcome == Success(b"ok")


def test_a_late_result_is_accepted_while_the_request_merely_waits_again(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    first = bench.invoke()
    bench.say(w, Pause())
    bench.advance(31)
    assert not bench.said(Settled)
    bench.finish(w, first)
    assert bench.settled().outcome == Success(b"ok")
    assert bench.said(ResultAck)[-1].accepted


def test_a_repeated_result_is_acknowledged_and_changes_nothing(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    for _ in range(3):
        bench.finish(w, bench.said(Invoke)[0])
    assert [ack.accepted for ack in bench.said(ResultAck)] == [True, True, True]
    assert bench.settled().outcome == Success(b"ok")
    assert bench.core.status()["settled"] == {"completed": 1, "failed": 0, "dead": 0}


def test_a_result_of_an_unknown_request_is_acknowledged_so_that_the_worker_forgets_it(bench: Bench) -> None:
    w = bench.worker()
    bench.say(w, Result(request_id="who", lease_id=1, outcome=Success(b"")))
    assert bench.said(ResultAck) == [ResultAck(request_id="who", lease_id=1, accepted=False)]


def test_a_worker_cannot_answer_for_another_one(bench: Bench) -> None:
    bench.worker("w1")
    bench.submit()
    thief = bench.worker("w2")
    bench.finish(thief, bench.invoke())
    assert not bench.said(Settled)
    assert bench.said(ResultAck, thief)[-1].accepted is False


def test_when_every_redelivery_goes_silent_the_request_is_dead(bench: Bench) -> None:
    bench.worker("w1")
    bench.worker("w2")
    bench.submit(max_attempts=2)
    bench.advance(61)
    assert {name for name in ("w1", "w2") if bench.said(Invoke, f"{name}@1")} == {"w1", "w2"}
    assert bench.failure().kind == "lease_lost"
    assert bench.settled().attempts == 2
    assert bench.core.status()["settled"] == {"completed": 0, "failed": 0, "dead": 1}


# ── coming back ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_that_comes_back_adopts_what_it_still_runs(bench: Bench) -> None:
    w = bench.worker()
    bench.worker("idle")
    bench.submit()
    invoke = bench.invoke(w)
    bench.say(w, Ack(request_id="r1", lease_id=invoke.lease_id))
    bench.do(PeerLeft(w))
    bench.advance(29)
    again = bench.worker(epoch=2, in_flight=(InFlight(request_id="r1", lease_id=invoke.lease_id),))
    bench.advance(29)
    assert len(bench.said(Invoke)) == 1
    bench.finish(again, invoke)
    assert bench.settled() == Settled(request_id="r1", outcome=Success(b"ok"), attempts=1)


def test_what_a_returning_worker_does_not_name_is_given_out_at_once(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.do(PeerLeft(w))
    bench.worker(epoch=2)
    assert [invoke.attempt for invoke in bench.said(Invoke)] == [1, 1]  # it never said Ack: no attempt


def test_what_it_had_taken_and_lost_counts_as_an_attempt(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    bench.say(w, Ack(request_id="r1", lease_id=bench.invoke().lease_id))
    bench.do(PeerLeft(w))
    bench.worker(epoch=2)
    assert [invoke.attempt for invoke in bench.said(Invoke)] == [1, 2]


def test_an_expired_lease_can_be_adopted_while_the_request_waits(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    invoke = bench.invoke()
    bench.do(PeerLeft(w))
    bench.advance(40)
    bench.worker(epoch=2, in_flight=(InFlight(request_id="r1", lease_id=invoke.lease_id),))
    assert len(bench.said(Invoke)) == 1
    bench.finish("w1@2", invoke)
    assert bench.settled().outcome == Success(b"ok")


def test_a_claim_to_what_somebody_else_has_is_answered_with_lost(bench: Bench) -> None:
    w1 = bench.worker("w1")
    bench.submit()
    invoke = bench.invoke()
    bench.do(PeerLeft(w1))
    bench.advance(31)
    bench.worker("w2")
    bench.worker("w1", epoch=2, in_flight=(InFlight(request_id="r1", lease_id=invoke.lease_id),))
    assert bench.said(Lease, "w1@2") == [Lease(request_id="r1", lease_id=invoke.lease_id, lost=True)]


def test_a_failure_that_was_dealt_with_is_not_adopted_when_the_worker_still_owes_its_result(bench: Bench) -> None:
    w = bench.worker()
    bench.submit()
    first = bench.invoke()
    bench.finish(w, first, Failure("executor_died", "SIGKILL", ""))
    bench.do(PeerLeft(w))
    bench.advance(2)
    bench.worker(epoch=2, in_flight=(InFlight(request_id="r1", lease_id=first.lease_id),))
    assert bench.invoke().lease_id > first.lease_id


def test_a_newer_epoch_supersedes_the_older_connection(bench: Bench) -> None:
    old = bench.worker()
    bench.worker(epoch=2)
    assert bench.said(Closing, old)
    assert Disconnect(old, close_codes.SUPERSEDED, "superseded") in bench.commands
    bench.do(PeerLeft(old))
    bench.submit()
    assert bench.said(Invoke, "w1@2")


def test_an_older_epoch_is_refused_for_good(bench: Bench) -> None:
    bench.worker(epoch=2)
    stale = bench.worker(epoch=1)
    (error,) = bench.said(ErrorMessage, stale)
    assert (error.code, error.fatal) == ("stale_epoch", True)
    assert not bench.said(Ready, stale)
    bench.submit()
    assert bench.said(Invoke, "w1@2")


def test_the_same_epoch_may_come_back_on_a_new_connection(bench: Bench) -> None:
    old = bench.worker()
    bench.worker(connection="second")
    bench.do(PeerLeft(old))
    bench.submit()
    assert bench.said(Invoke, "second")


def test_closing_with_release_gives_everything_back_at_once_and_counts_nothing(bench: Bench) -> None:
    w1 = bench.worker("w1")
    bench.submit()
    bench.say(w1, Ack(request_id="r1", lease_id=bench.invoke().lease_id))
    bench.worker("w2")
    bench.say(w1, Closing(reason="shutdown", release=True))
    assert bench.invoke("w2@1").attempt == 1


def test_a_worker_without_leases_is_forgotten_when_it_goes(bench: Bench) -> None:
    bench.do(PeerLeft(bench.worker()))
    assert bench.core.status()["workers"] == []


def test_a_request_that_ends_the_connection_of_its_worker_by_its_size_is_not_sent_again(bench: Bench) -> None:
    w = bench.worker(capacity=3)
    for request_id, size in (("taken", 9000), ("large", 5000), ("small", 10)):
        bench.say(bench.client("c1"), Submit(request_id=request_id, function="f", arguments=b"x" * size))
        bench.say("c1", Await(request_ids=(request_id,)))
    taken = bench.said(Invoke)[0]
    bench.say(w, Ack(request_id="taken", lease_id=taken.lease_id))
    bench.do(PeerLeft(w, too_big=True))
    assert bench.settled().request_id == "large"
    assert bench.failure().kind == "rejected"
    assert "5000 bytes of arguments were more than" in bench.failure().text
    bench.worker(connection="again", capacity=3, in_flight=(InFlight(request_id="taken", lease_id=taken.lease_id),))
    assert [invoke.request_id for invoke in bench.said(Invoke, "again")] == ["small"]


def test_a_worker_that_leaves_with_nothing_sent_has_no_request_that_is_too_big(bench: Bench) -> None:
    bench.do(PeerLeft(bench.worker(), too_big=True))
    bench.do(PeerLeft(bench.client("c1"), too_big=True))
    assert not bench.said(Settled)


def test_a_bound_for_messages_that_peers_do_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="max_message_bytes: expected at most 8388608, got 8388609"):
        BrokerSettings(max_message_bytes=8 * 1024 * 1024 + 1)
