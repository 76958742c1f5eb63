"""The rules of the executor, event by event: no process, no thread, time is a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from regrow.actors.roles.executor.core import ExecutorCore
from regrow.actors.roles.executor.events import (
    CancelSlot,
    Command,
    Drained,
    DrainStarted,
    Event,
    InterruptSlot,
    KillSlot,
    RunsAbandoned,
    SlotDown,
    SlotUp,
    StartRun,
    TimeReached,
)
from regrow.actors.roles.executor.request import ExecutorSettings
from regrow.actors.roles.messages import (
    Adopt,
    Adopted,
    CancelInvocation,
    FunctionTarget,
    InvocationFinished,
    InvocationOffered,
    InvocationRefused,
    InvocationTaken,
    ResultStored,
    RunFinished,
)
from regrow.actors.roles.outcomes import outcome_from_bytes, outcome_to_bytes
from regrow.protocol.session.messages import Failure, Success

GOOD = outcome_to_bytes(Success(b"\xc0"))
FUNCTIONS = {
    "work": FunctionTarget(name="work", target="m:work"),
    "again": FunctionTarget(name="again", target="m:again", retries=2),
    "timed": FunctionTarget(name="timed", target="m:timed", deadline=10.0),
    "single": FunctionTarget(name="single", target="m:single", concurrency=1),
    "paced": FunctionTarget(name="paced", target="m:paced", rate=(1, 4.0)),
    "urgent": FunctionTarget(name="urgent", target="m:urgent", priority=5),
    "strict": FunctionTarget(name="strict", target="m:strict", deaths_before_quarantine=1),
    "near": FunctionTarget(name="near", target="", isolation="thread"),
}


class Stage:
    """A core with its slots up, driven by short words."""

    def __init__(self, capacity: int = 2, queue: int = 1, deaths: int = 3) -> None:
        both: tuple[Literal["process", "thread"], ...] = ("process", "thread")
        kinds = [kind for kind in both for _ in range(capacity)]
        settings = ExecutorSettings(
            capacity=capacity,
            queue_bound=queue,
            deaths_before_quarantine=deaths,
            cancel_grace=1.0,
            interrupt_grace=2.0,
        )
        self.core = ExecutorCore(settings, FUNCTIONS, enumerate(kinds))
        self.now = 100.0
        self.lives = dict.fromkeys(range(2 * capacity), 1)
        for slot in self.lives:
            self.tell(SlotUp(slot=slot, incarnation=1, pid=1000 + slot))

    def tell(self, event: Event) -> list[Command]:
        return self.core.receive(event, self.now)

    def offer(self, request: str, function: str = "work", lease: int = 1, deadline: int | None = None) -> list[Command]:
        offer = InvocationOffered(
            request_id=request, function=function, arguments=b"args", lease_id=lease, deadline_ms=deadline
        )
        return self.tell(offer)

    def finish(self, run: StartRun, outcome: bytes = GOOD) -> list[Command]:
        return self.tell(
            RunFinished(slot=run.slot, incarnation=run.incarnation, request_id=run.run.request_id, outcome=outcome)
        )

    def die(self, slot: int, reason: str = "SIGKILL") -> list[Command]:
        life = self.lives[slot]
        return self.tell(SlotDown(slot=slot, incarnation=life, reason=reason, detail="last words"))

    def revive(self, slot: int) -> list[Command]:
        self.lives[slot] += 1
        return self.tell(SlotUp(slot=slot, incarnation=self.lives[slot], pid=2000 + slot))

    def wake(self) -> list[Command]:
        wake = self.core.next_wake
        assert wake is not None
        self.now = wake
        return self.tell(TimeReached())


def run_of(commands: Sequence[Command]) -> StartRun:
    (run,) = [command for command in commands if isinstance(command, StartRun)]
    return run


def failure_of(commands: Sequence[Command]) -> Failure:
    (finished,) = [command for command in commands if isinstance(command, InvocationFinished)]
    outcome = outcome_from_bytes(finished.outcome)
    assert isinstance(outcome, Failure)
    return outcome


def kinds(commands: Sequence[Command]) -> list[str]:
    return [type(command).__name__ for command in commands]


# ── taking and refusing ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_offer_is_acknowledged_before_it_is_started() -> None:
    stage = Stage()
    assert kinds(stage.offer("r1")) == ["InvocationTaken", "StartRun"]


def test_what_exceeds_capacity_waits_and_what_exceeds_the_queue_is_refused() -> None:
    stage = Stage(capacity=2, queue=1)
    stage.offer("r1")
    stage.offer("r2")
    assert kinds(stage.offer("r3")) == ["InvocationTaken"]
    assert stage.offer("r4") == [InvocationRefused(request_id="r4", lease_id=1, reason="at capacity")]


def test_a_waiting_request_is_started_when_a_slot_falls_free() -> None:
    stage = Stage(capacity=1)
    first = run_of(stage.offer("r1"))
    stage.offer("r2")
    assert run_of(stage.finish(first)).run.request_id == "r2"


def test_capacity_counts_over_all_kinds_of_slots() -> None:
    stage = Stage(capacity=1)
    stage.offer("r1", "work")
    assert kinds(stage.offer("r2", "near")) == ["InvocationTaken"]


def test_a_kind_without_a_free_slot_does_not_hold_up_the_other() -> None:
    stage = Stage(capacity=2, queue=2)
    stage.die(0)
    stage.die(1)
    assert kinds(stage.offer("r1", "work")) == ["InvocationTaken"]
    assert run_of(stage.offer("r2", "near")).run.request_id == "r2"
    assert run_of(stage.revive(0)).run.request_id == "r1"


def test_an_unknown_function_is_answered_and_named() -> None:
    failure = failure_of(Stage().offer("r1", "nope"))
    assert failure.kind == "unknown_function"
    assert "'nope'" in failure.text
    assert "again" in failure.text


def test_an_executor_is_alive_as_long_as_each_kind_has_a_slot() -> None:
    stage = Stage(capacity=2)
    stage.die(0)
    assert stage.core.beat().alive
    stage.die(1)
    assert not stage.core.beat().alive
    stage.revive(1)
    assert stage.core.beat().alive


# ── delivery ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_outcome_is_kept_until_it_is_stored() -> None:
    stage = Stage()
    commands = stage.finish(run_of(stage.offer("r1")))
    assert commands == [InvocationFinished(request_id="r1", lease_id=1, outcome=GOOD)]
    assert stage.core.unstored == 1
    stage.tell(ResultStored(request_id="r1", lease_id=1))
    assert stage.core.unstored == 0
    assert stage.core.held() == ()


def test_a_new_link_hears_what_runs_and_gets_what_is_owed() -> None:
    stage = Stage()
    done = run_of(stage.offer("done"))
    stage.offer("runs")
    stage.finish(done)
    adopted, owed = stage.tell(Adopt(epoch=7, pid=1, connection=None, outbox=None, leases=None))  # type: ignore[arg-type]
    assert isinstance(adopted, Adopted)
    assert {(held.request_id, held.running) for held in adopted.held} == {("done", False), ("runs", True)}
    assert adopted.epoch == 7
    assert owed == InvocationFinished(request_id="done", lease_id=1, outcome=GOOD)


def test_a_request_that_is_delivered_again_while_it_runs_runs_once_under_the_new_lease() -> None:
    stage = Stage()
    run = run_of(stage.offer("r1", lease=1))
    assert stage.offer("r1", lease=2) == [InvocationTaken(request_id="r1", lease_id=2)]
    assert stage.finish(run) == [InvocationFinished(request_id="r1", lease_id=2, outcome=GOOD)]


def test_a_request_that_is_delivered_again_after_its_end_is_answered_from_memory() -> None:
    stage = Stage()
    stage.finish(run_of(stage.offer("r1", lease=1)))
    commands = stage.offer("r1", lease=2)
    assert kinds(commands) == ["InvocationTaken", "InvocationFinished"]


def test_an_older_lease_of_a_known_request_is_ignored() -> None:
    stage = Stage()
    stage.offer("r1", lease=5)
    assert stage.offer("r1", lease=4) == []


def test_a_word_from_an_earlier_life_of_a_slot_changes_nothing() -> None:
    stage = Stage(capacity=1)
    run = run_of(stage.offer("r1", "again"))
    stage.die(0)
    second = run_of(stage.revive(0))
    assert stage.finish(run) == []
    assert kinds(stage.finish(second)) == ["InvocationFinished"]
    assert stage.core.statistics.stale == 1


# ── deaths ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_death_of_a_process_answers_its_request_at_once() -> None:
    stage = Stage()
    run = run_of(stage.offer("r1"))
    failure = failure_of(stage.die(run.slot, "SIGSEGV (pid 4711)"))
    assert (failure.kind, failure.retryable) == ("executor_died", True)
    assert "'work'" in failure.text
    assert "SIGSEGV (pid 4711)" in failure.text
    assert failure.traceback == "last words"


def test_the_death_of_an_idle_process_concerns_no_request() -> None:
    stage = Stage()
    assert stage.die(0) == []
    assert stage.core.statistics.deaths == 0


def test_a_function_with_retries_is_run_again_first_of_all() -> None:
    stage = Stage(capacity=1, queue=2)
    run = run_of(stage.offer("r1", "again"))
    stage.offer("r2")
    assert stage.die(0) == []
    again = run_of(stage.revive(0))
    assert (again.run.request_id, again.run.attempt) == ("r1", run.run.attempt + 1)


def test_a_request_that_kills_its_process_again_and_again_is_quarantined() -> None:
    stage = Stage(capacity=1, deaths=3)
    for _ in range(2):
        run_of(stage.offer("r1"))
        assert failure_of(stage.die(0)).kind == "executor_died"
        stage.tell(ResultStored(request_id="r1", lease_id=1))
        stage.revive(0)
    stage.offer("r1")
    failure = failure_of(stage.die(0))
    assert (failure.kind, failure.retryable) == ("quarantined", False)
    stage.tell(ResultStored(request_id="r1", lease_id=1))
    stage.revive(0)
    assert kinds(stage.offer("r1")) == ["InvocationTaken", "InvocationFinished"]
    assert kinds(stage.offer("r2")) == ["InvocationTaken", "StartRun"]


def test_local_retries_count_towards_quarantine() -> None:
    stage = Stage(capacity=1, deaths=2)
    stage.offer("r1", "again")
    stage.die(0)
    stage.revive(0)
    assert failure_of(stage.die(0)).kind == "quarantined"


def test_a_good_end_forgives_earlier_deaths() -> None:
    stage = Stage(capacity=1, deaths=2)
    stage.offer("r1")
    stage.die(0)
    stage.tell(ResultStored(request_id="r1", lease_id=1))
    stage.revive(0)
    stage.finish(run_of(stage.offer("r1")))
    stage.tell(ResultStored(request_id="r1", lease_id=1))
    stage.offer("r1")
    assert failure_of(stage.die(0)).kind == "executor_died"


# ── the ladder ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("function", "given", "left"), [("work", 4000, 4.0), ("timed", None, 10.0), ("timed", 4000, 4.0)]
)
def test_the_nearer_deadline_holds(function: str, given: int | None, left: float) -> None:
    stage = Stage()
    run = run_of(stage.offer("r1", function, deadline=given))
    assert run.run.deadline == pytest.approx(left)
    assert stage.core.next_wake == pytest.approx(stage.now + left)


def test_past_its_deadline_a_run_is_flagged_then_interrupted_then_killed() -> None:
    stage = Stage()
    run = run_of(stage.offer("r1", "timed"))
    start = stage.now
    (flagged,) = stage.wake()
    assert isinstance(flagged, CancelSlot)
    assert stage.now == start + 10.0
    (interrupted,) = stage.wake()
    assert isinstance(interrupted, InterruptSlot)
    assert stage.now == start + 11.0
    (killed,) = stage.wake()
    assert killed == KillSlot(slot=run.slot, incarnation=1, reason=interrupted.reason)
    assert stage.now == start + 13.0
    assert stage.core.next_wake is None
    failure = failure_of(stage.die(run.slot))
    assert failure.kind == "deadline"
    assert "killed" in failure.text
    assert stage.core.statistics.killed == 1


def test_a_run_that_heeds_its_flag_ends_with_the_reason_it_was_given() -> None:
    stage = Stage()
    run = run_of(stage.offer("r1", "timed"))
    stage.wake()
    gave_in = outcome_to_bytes(Failure("cancelled", "Cancelled", "the flag"))
    assert failure_of(stage.finish(run, gave_in)).kind == "deadline"


def test_a_run_that_succeeds_on_the_ladder_has_succeeded() -> None:
    stage = Stage()
    run = run_of(stage.offer("r1", "timed"))
    stage.wake()
    assert stage.finish(run) == [InvocationFinished(request_id="r1", lease_id=1, outcome=GOOD)]


def test_a_kill_by_the_ladder_is_not_held_against_the_request() -> None:
    stage = Stage(capacity=1, deaths=1)
    stage.offer("r1", "timed")
    for _ in range(3):
        stage.wake()
    assert failure_of(stage.die(0)).kind == "deadline"


def test_a_request_whose_deadline_passes_while_it_waits_is_never_started() -> None:
    stage = Stage(capacity=1)
    stage.offer("r1")
    stage.offer("r2", deadline=500)
    failure = failure_of(stage.wake())
    assert failure.kind == "deadline"
    assert "waited" in failure.text
    assert stage.core.waiting == 0


def test_a_cancel_climbs_the_same_ladder() -> None:
    stage = Stage()
    run = run_of(stage.offer("r1"))
    (flagged,) = stage.tell(CancelInvocation(request_id="r1", reason="the client left"))
    assert flagged == CancelSlot(slot=run.slot, request_id="r1", reason="the client left")
    assert stage.tell(CancelInvocation(request_id="r1", reason="again")) == []
    stage.wake()
    stage.wake()
    assert failure_of(stage.die(run.slot)).kind == "cancelled"


def test_of_a_lost_lease_nothing_is_delivered() -> None:
    stage = Stage()
    run = run_of(stage.offer("r1"))
    assert kinds(stage.tell(CancelInvocation(request_id="r1", lost=True))) == ["CancelSlot"]
    assert stage.core.held() == ()
    assert stage.finish(run) == []
    assert stage.core.unstored == 0


def test_an_offer_of_a_request_whose_lost_run_is_ending_is_refused() -> None:
    stage = Stage()
    stage.offer("r1")
    stage.tell(CancelInvocation(request_id="r1", lost=True))
    assert kinds(stage.offer("r1", lease=2)) == ["InvocationRefused"]


def test_the_cancel_of_nothing_is_nothing() -> None:
    assert Stage().tell(CancelInvocation(request_id="never")) == []


# ── drain ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_drain_takes_nothing_new_finishes_what_is_here_and_says_so_once() -> None:
    stage = Stage(capacity=1)
    first = run_of(stage.offer("r1"))
    stage.offer("r2")
    assert stage.tell(DrainStarted()) == []
    assert stage.offer("r3") == [InvocationRefused(request_id="r3", lease_id=1, reason="draining")]
    second = run_of(stage.finish(first))
    stage.tell(ResultStored(request_id="r1", lease_id=1))
    stage.finish(second)
    assert stage.tell(ResultStored(request_id="r2", lease_id=1)) == [Drained()]
    assert stage.tell(TimeReached()) == []


def test_an_idle_executor_is_drained_at_once() -> None:
    assert Stage().tell(DrainStarted()) == [Drained()]


def test_when_the_outbox_stores_nothing_any_more_nothing_new_is_taken() -> None:
    stage = Stage(capacity=1, queue=0)
    for number in range(16):
        stage.finish(run_of(stage.offer(f"r{number}")))
    assert stage.offer("more") == [InvocationRefused(request_id="more", lease_id=1, reason="the outbox is full")]
    assert len(stage.core.redeliver()) == 16
    stage.tell(ResultStored(request_id="r0", lease_id=1))
    assert kinds(stage.offer("more")) == ["InvocationTaken", "StartRun"]


def test_what_is_abandoned_is_killed_or_still_held_and_never_reported() -> None:
    stage = Stage(capacity=2, queue=1)
    far = run_of(stage.offer("far", "timed"))
    near = run_of(stage.offer("near", "near"))
    stage.offer("waits")
    commands = stage.tell(RunsAbandoned())
    assert [type(command) for command in commands] == [KillSlot, Adopted]
    kill, adopted = commands
    assert isinstance(kill, KillSlot)
    assert isinstance(adopted, Adopted)
    assert (kill.slot, kill.incarnation) == (far.slot, far.incarnation)
    assert [held.request_id for held in adopted.held] == ["near"]
    assert stage.core.next_wake is None
    assert stage.die(far.slot) == []
    assert kinds(stage.finish(near)) == ["InvocationFinished"]
    assert stage.core.running == 0
    assert kinds(stage.offer("new")) == ["InvocationRefused"]


def started(commands: Sequence[Command]) -> list[str]:
    return [command.run.request_id for command in commands if isinstance(command, StartRun)]


def test_a_function_runs_so_often_at_a_time_and_lets_others_pass() -> None:
    stage = Stage(capacity=2, queue=3)
    first = run_of(stage.offer("s1", "single"))
    assert started(stage.offer("s2", "single")) == []
    assert started(stage.offer("w")) == ["w"]
    assert started(stage.finish(first)) == ["s2"]


def test_a_death_makes_room_for_the_next_run_of_a_function() -> None:
    stage = Stage(capacity=2, queue=3)
    slot = run_of(stage.offer("s1", "single")).slot
    stage.offer("s2", "single")
    assert started(stage.die(slot)) == ["s2"]


def test_a_rate_says_when_the_next_one_begins() -> None:
    stage = Stage(capacity=2, queue=3)
    assert started(stage.offer("p1", "paced")) == ["p1"]
    assert started(stage.offer("p2", "paced")) == []
    assert stage.core.next_wake == 104.0
    assert started(stage.wake()) == ["p2"]
    assert stage.core.next_wake is None


def test_what_is_urgent_goes_before_what_waits() -> None:
    stage = Stage(capacity=1, queue=5)
    running = run_of(stage.offer("w1"))
    for request, function in (("w2", "work"), ("u1", "urgent"), ("u2", "urgent"), ("w3", "work")):
        assert started(stage.offer(request, function)) == []
    order = []
    for _ in range(4):
        running = run_of(stage.finish(running))
        order.append(running.run.request_id)
    assert order == ["u1", "u2", "w2", "w3"]


def test_a_function_has_a_quarantine_of_its_own() -> None:
    stage = Stage()
    commands = stage.die(run_of(stage.offer("s", "strict")).slot)
    (finished,) = [command for command in commands if isinstance(command, InvocationFinished)]
    outcome = outcome_from_bytes(finished.outcome)
    assert isinstance(outcome, Failure)
    assert outcome.kind == "quarantined"
