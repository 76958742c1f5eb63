"""The rules of the broker, one test a rule; no socket, no clock, no thread."""

from __future__ import annotations

import random
from typing import TypeVar

import pytest

from regrow.connect import close_codes
from regrow.connect.broker import (
    TRANSITIONS,
    BrokerCore,
    BrokerSettings,
    Command,
    Disconnect,
    DrainStarted,
    PeerJoined,
    PeerLeft,
    PeerSaid,
    RequestState,
    RetryPolicy,
    Send,
    TimePassed,
)
from regrow.connect.store import Change, Ending, SaveLease, SaveOutcome, SaveRequest, StoredRequest
from regrow.connect.store.merging import merge
from regrow.protocol.session.messages import (
    Accepted,
    Ack,
    Await,
    Busy,
    Cancel,
    Closing,
    Connect,
    Drain,
    ErrorMessage,
    ExtendLease,
    Failure,
    Heartbeat,
    HeartbeatAck,
    InFlight,
    Invoke,
    Lease,
    Message,
    Pause,
    Progress,
    Ready,
    Result,
    ResultAck,
    Settled,
    Status,
    StatusRequest,
    Submit,
    Success,
)

M = TypeVar("M")


class Bench:
    """A broker under test, and everything that it has said."""

    def __init__(self, settings: BrokerSettings | None = None, *, generation: int = 1) -> None:
        self.core = BrokerCore(
            settings or BrokerSettings(),
            generation=generation,
            rng=random.Random(1),
            retry=RetryPolicy(base=1.0, jitter=False),
        )
        self.now = 100.0
        self.commands: list[Command] = []

    def worker(
        self,
        name: str = "w1",
        *functions: str,
        capacity: int = 1,
        epoch: int = 1,
        connection: str = "",
        in_flight: tuple[InFlight, ...] = (),
        paused: bool = False,
    ) -> str:
        connection = connection or f"{name}@{epoch}"
        connect = Connect(
            role="worker",
            token="",
            instance=name,
            epoch=epoch,
            functions=functions or ("f",),
            capacity=capacity,
            in_flight=in_flight,
            paused=paused,
        )
        self.do(PeerJoined(connection, connect))
        return connection

    def client(self, name: str = "c1") -> str:
        self.do(PeerJoined(name, Connect(role="client", token="", instance=name)))
        return name

    def do(self, event: PeerJoined | PeerLeft | PeerSaid | DrainStarted | TimePassed) -> list[Command]:
        commands = self.core.receive(event, self.now)
        self.commands += commands
        return commands

    def say(self, connection: str, message: Message) -> list[Command]:
        return self.do(PeerSaid(connection, message))

    def submit(self, request_id: str = "r1", function: str = "f", **more: object) -> None:
        submit = Submit(request_id=request_id, function=function, arguments=b"", **more)  # type: ignore[arg-type]
        self.say(self.client_name, submit)
        self.say(self.client_name, Await(request_ids=(request_id,)))

    client_name = "c1"

    def advance(self, seconds: float) -> list[Command]:
        """Let time pass the way the shell does: waking at every moment that `due` names."""
        end = self.now + seconds
        commands: list[Command] = []
        while (due := self.core.due()) is not None and due <= end:
            self.now = max(self.now, due)
            commands += self.do(TimePassed())
        self.now = end
        return commands

    def said(self, kind: type[M], to: str = "") -> list[M]:
        """Everything of one kind that was said, to one peer or to all."""
        return [
            command.message
            for command in self.commands
            if isinstance(command, Send) and isinstance(command.message, kind) and to in ("", command.connection)
        ]

    def invoke(self, to: str = "") -> Invoke:
        return self.said(Invoke, to)[-1]

    def finish(self, connection: str, invoke: Invoke, outcome: Success | Failure | None = None) -> None:
        outcome = Success(b"ok") if outcome is None else outcome
        self.say(connection, Result(request_id=invoke.request_id, lease_id=invoke.lease_id, outcome=outcome))

    def settled(self) -> Settled:
        (settled,) = self.said(Settled)
        return settled

    def failure(self) -> Failure:
        outcome = self.settled().outcome
        assert isinstance(outcome, Failure)
        return outcome


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.client()
    return bench


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


# ── leases ───────────────────────────────────────────────────────────────────────────────────────────────────────────


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


def stored(request_id: str, **more: object) -> StoredRequest:
    fields: dict[str, object] = {
        "request_id": request_id,
        "function": "f",
        "arguments": b"",
        "submitted": 1.0,
        "deadline": None,
        "max_attempts": 3,
        "priority": 0,
    }
    return StoredRequest(**(fields | more))  # type: ignore[arg-type]


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
