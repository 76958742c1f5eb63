"""The executor as an actor, with functions in threads and on the loop of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from regrow.actors import ActorRef, ActorSystem
from regrow.actors.roles.executor.actor import AskExecutor, Executor, ExecutorDrained, ExecutorPlan, StartDrain
from regrow.actors.roles.executor.request import ExecutorSettings
from regrow.actors.roles.invocation import invocation
from regrow.actors.roles.messages import (
    Adopt,
    Adopted,
    CancelInvocation,
    ExecutorBeat,
    FunctionTarget,
    InvocationFinished,
    InvocationOffered,
    InvocationProgressed,
    InvocationTaken,
    OutboxEmptied,
    PauseLink,
    ResultStored,
    SayWhenEmpty,
)
from regrow.actors.roles.outcomes import outcome_from_bytes
from regrow.actors.testing import Probe
from regrow.protocol.codec import decode, encode
from regrow.protocol.session.messages import Failure, Success

WAIT = 5.0


class Functions:
    """User code that the test holds by the hand."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.go = threading.Event()

    def where(self) -> str:
        return threading.current_thread().name

    async def loop(self, value: int) -> int:
        await asyncio.sleep(0)
        invocation().progress(1, 2, "half")
        return value * 2

    async def forever(self) -> None:
        self.inside.set()
        await asyncio.Event().wait()

    def deaf(self) -> None:
        self.inside.set()
        assert self.go.wait(WAIT)


class Stage:
    def __init__(self) -> None:
        self.functions = Functions()
        kinds: dict[str, Literal["thread", "inline"]] = {
            "where": "thread",
            "deaf": "thread",
            "loop": "inline",
            "forever": "inline",
        }
        local: dict[str, Callable[..., object]] = {name: getattr(self.functions, name) for name in kinds}
        targets = {name: FunctionTarget(name=name, target="", isolation=kind) for name, kind in kinds.items()}
        settings = ExecutorSettings(capacity=2, queue_bound=2, cancel_grace=0.02, interrupt_grace=0.02)
        self.system = ActorSystem()
        self.ref: ActorRef[Executor] = self.system.spawn(
            Executor, ExecutorPlan(settings=settings, functions=targets, local=local)
        )
        self.connection, self.outbox, self.leases = Probe(self.system), Probe(self.system), Probe(self.system)
        self.adopt()

    def adopt(self, epoch: int = 1) -> None:
        self.ref.tell(
            Adopt(
                epoch=epoch,
                pid=1,
                connection=self.connection.ref,
                outbox=self.outbox.ref,
                leases=self.leases.ref,
            )
        )
        self.connection.fish(Adopted)

    def offer(self, function: str, *args: object, request: str = "r1", deadline: int | None = None) -> None:
        arguments = encode((args, {}))
        self.ref.tell(
            InvocationOffered(
                request_id=request, function=function, arguments=arguments, lease_id=1, deadline_ms=deadline
            )
        )
        self.connection.fish(InvocationTaken)

    def outcome(self) -> object:
        outcome = outcome_from_bytes(self.outbox.fish(InvocationFinished).outcome)
        return decode(outcome.value) if isinstance(outcome, Success) else outcome


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.functions.go.set()
    stage.system.shutdown()


def test_thread_functions_run_in_threads_of_their_own(stage: Stage) -> None:
    stage.offer("where")
    assert str(stage.outcome()).startswith("regrow-function-")


def test_async_functions_run_on_the_loop_and_report_progress(stage: Stage) -> None:
    stage.offer("loop", 21)
    progressed = stage.connection.fish(InvocationProgressed)
    assert (progressed.request_id, progressed.done, progressed.total) == ("r1", 1, 2)
    assert stage.outcome() == 42


def test_a_cancelled_task_ends(stage: Stage) -> None:
    stage.offer("forever")
    assert stage.functions.inside.wait(WAIT)
    stage.ref.tell(CancelInvocation(request_id="r1", reason="the client left"))
    ended = stage.outcome()
    assert isinstance(ended, Failure)
    assert (ended.kind, ended.text) == ("cancelled", "the client left")


def test_a_thread_that_does_not_end_is_given_up_and_its_slot_serves_on(stage: Stage) -> None:
    stage.offer("deaf", deadline=20)
    ended = stage.outcome()
    assert isinstance(ended, Failure)
    assert ended.kind == "deadline"
    stage.offer("where", request="r2")
    assert str(stage.outcome()).startswith("regrow-function-")
    assert stage.ref.ask(AskExecutor(), timeout=WAIT).alive


def test_the_leases_are_told_what_runs(stage: Stage) -> None:
    stage.offer("forever")
    beat = stage.leases.fish(ExecutorBeat, match=lambda beat: beat.running == 1)
    assert [held.request_id for held in beat.held] == ["r1"]


def test_a_new_link_gets_what_the_old_one_did_not_store(stage: Stage) -> None:
    stage.offer("loop", 1)
    stage.outbox.fish(InvocationFinished)
    stage.adopt(epoch=2)
    assert stage.outcome() == 2


def test_a_drain_pauses_the_link_and_ends_when_the_outbox_is_empty(stage: Stage) -> None:
    events = stage.system.bus.collect(ExecutorDrained)
    stage.offer("loop", 1)
    stage.ref.tell(StartDrain())
    stage.connection.fish(PauseLink)
    stage.outbox.fish(InvocationFinished)
    stage.ref.tell(ResultStored(request_id="r1", lease_id=1))
    stage.outbox.fish(SayWhenEmpty)
    stage.connection.sync(stage.ref)
    assert len(events) == 0
    stage.ref.tell(OutboxEmptied(epoch=1))
    assert events.get(WAIT) == ExecutorDrained()


def test_a_link_that_comes_during_a_drain_is_told_so(stage: Stage) -> None:
    stage.ref.tell(StartDrain())
    stage.outbox.fish(SayWhenEmpty)
    stage.adopt(epoch=2)
    stage.outbox.fish(SayWhenEmpty)


@pytest.mark.parametrize(("processes", "expected"), [(None, 4), (1, 1), (9, 4)])
def test_processes_may_be_fewer_than_what_runs_at_once(processes: int | None, expected: int) -> None:
    functions = {
        "a": FunctionTarget(name="a", target="m:a"),
        "b": FunctionTarget(name="b", target="", isolation="inline"),
    }
    plan = ExecutorPlan(settings=ExecutorSettings(capacity=4), functions=functions, processes=processes)
    kinds = [kind for _, kind in plan.slots]
    assert (kinds.count("process"), kinds.count("inline"), kinds.count("thread")) == (expected, 4, 0)
