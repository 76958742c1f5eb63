"""Tasks: their values, their crashes, their links, their streams; and that nothing of them is left behind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest

from regrow.actors import (
    AbandonedEnded,
    Actor,
    ActorAbandoned,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    Down,
    Exit,
    StartError,
    StopToken,
)
from regrow.actors.child_spec import BrutalKill, Grace, Restart
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, Shutdown
from regrow.supervision import (
    NO_BACKOFF,
    ChildNotFound,
    MaxChildren,
    RestartIntensity,
    SupervisorHandle,
    SupervisorSpec,
    TaskDone,
    TaskExited,
    TaskReport,
    TaskSpec,
    TaskSupervisorHandle,
    task_callers,
    task_supervisor_child,
)
from regrow.supervision.requests import TerminateChild
from regrow.supervision.task_actor import TaskActor, TaskCall
from tests.supervision.facts import Facts

WAIT = 5.0


@pytest.fixture
def tasks(system: ActorSystem) -> TaskSupervisorHandle:
    return TaskSupervisorHandle.start(system, TaskSpec(name="tasks", backoff=NO_BACKOFF))


@pytest.fixture
def probe(system: ActorSystem) -> Probe:
    return Probe(system)


def double(number: int) -> int:
    return number * 2


async def async_double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


def fail(text: str) -> None:
    raise ValueError(text)


def until_stopped(stop: StopToken) -> str:
    assert stop.wait(WAIT)
    return "stopped"


def in_actor(system: ActorSystem, code: Callable[[Puppet], object], *, trap_exit: bool = False) -> tuple[Any, Any]:
    """Run code in a new actor; give its ref, and what the code gives."""
    ref = system.spawn(Puppet, Script(trap_exit=trap_exit))
    return ref, ref.ask(code, timeout=WAIT)


# Waiting


@pytest.mark.parametrize("function", [double, async_double, lambda number: async_double(number)])
def test_a_task_has_the_value_of_its_function(tasks: TaskSupervisorHandle, function: Callable[[int], object]) -> None:
    task = tasks.async_(function, 21)
    assert task.result() == 42
    assert task.result(0.0) == 42
    assert task.outcome() == TaskDone(42)
    assert task.done()
    assert repr(task).startswith("<Task '")
    assert "TaskDone(value=42" in repr(task)


def test_what_the_function_raises_is_raised_where_its_value_is_wanted(tasks: TaskSupervisorHandle) -> None:
    task = tasks.async_nolink(fail, "no")
    with pytest.raises(ValueError, match="no"):
        task.result()
    outcome = task.outcome()
    assert isinstance(outcome, TaskExited)
    assert isinstance(outcome.error, ValueError)
    assert isinstance(outcome.reason, Crash)
    assert (outcome.reason.type, outcome.reason.text) == ("ValueError", "no")


def test_the_report_of_a_task_that_crashed_has_its_function_in_hand(
    system: ActorSystem, tasks: TaskSupervisorHandle
) -> None:
    facts = Facts(system)
    tasks.async_nolink(fail, "no")
    report = facts.wait(ActorExited).report
    assert report is not None
    assert report.in_hand == "fail"


def test_an_error_about_somebody_dead_is_the_functions_own(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    dead = system.spawn(Puppet)
    dead.stop()
    outcome = tasks.async_nolink(dead.ask, "hello").outcome()
    assert isinstance(outcome, TaskExited)
    assert isinstance(outcome.error, ActorDeadError)
    assert isinstance(outcome.reason, Crash)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_what_would_end_the_caller_too_comes_as_the_end_of_the_task(
    tasks: TaskSupervisorHandle, error: BaseException
) -> None:
    def function() -> None:
        raise error

    task = tasks.async_nolink(function)
    with pytest.raises(ActorDeadError) as caught:
        task.result()
    assert isinstance(caught.value.reason, Crash)
    assert caught.value.reason.type.endswith(type(error).__name__)
    outcome = task.outcome()
    assert isinstance(outcome, TaskExited)
    assert (outcome.error, outcome.reason) == (None, caught.value.reason)


def test_a_wait_that_is_too_short_can_be_repeated_and_nothing_of_it_comes_later(
    system: ActorSystem, tasks: TaskSupervisorHandle
) -> None:
    hold = Hold()
    ref = system.spawn(Puppet)

    def wait_twice(puppet: Puppet) -> object:
        task = tasks.async_(hold)
        with pytest.raises(AskTimeout, match=r"no answer from .* within 0\.01 seconds"):
            task.result(0.01)
        assert task.outcome(0.01) is None
        assert not task.done()
        assert repr(task).endswith("running>")
        hold.release()
        return task.result()

    assert ref.ask(wait_twice, timeout=WAIT) == "released"
    assert ref.ask(lambda puppet: puppet.seen) == []


def test_a_task_is_over_when_its_result_is_there(system: ActorSystem) -> None:
    tasks = TaskSupervisorHandle.start(system, TaskSpec(max_children=1))
    assert [tasks.async_(double, number).result() for number in range(50)] == [2 * number for number in range(50)]
    assert tasks.count_children().specs == 0


def test_a_task_can_be_awaited(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    hold = Hold()

    async def main() -> list[object]:
        waiting = asyncio.ensure_future(as_coroutine(tasks.async_nolink(hold)))
        await asyncio.sleep(0)
        assert not waiting.done()
        hold.release()
        with pytest.raises(ValueError, match="no"):
            await tasks.async_nolink(fail, "no")
        return [await waiting, await tasks.async_(async_double, 4)]

    async def as_coroutine(task: Any) -> object:
        return await task

    assert asyncio.run(main()) == ["released", 8]


def test_a_task_that_waits_for_its_waiter_is_told(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    def code(puppet: Puppet) -> object:
        return tasks.async_nolink(puppet.ref.ask, "hello").result()

    ref = system.spawn(Puppet)
    with pytest.raises(CallingSelf):
        ref.ask(code, timeout=WAIT)


def test_the_end_of_a_task_can_be_a_message(probe: Probe, tasks: TaskSupervisorHandle) -> None:
    hold = Hold()
    task, late = tasks.async_nolink(hold), tasks.async_nolink(fail, "no")
    task.report_to(probe.ref)
    probe.expect_nothing()
    hold.release()
    assert probe.expect(TaskReport) == TaskReport(task, TaskDone("released"))
    late.outcome()
    late.report_to(probe.ref)
    assert isinstance(probe.expect(TaskReport).outcome, TaskExited)
    probe.expect_nothing()


def test_a_report_to_a_life_that_is_over_is_dropped(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    hold, ref = Hold(), system.spawn(Puppet)
    task = tasks.async_nolink(hold)
    task.report_to(ref)
    ref.stop()
    hold.release()
    assert task.outcome() == TaskDone("released")


# Links


def test_a_crash_ends_the_linked_caller(system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle) -> None:
    go.clear()
    ref, task = in_actor(system, lambda puppet: tasks.async_(hold_then_fail))
    probe.monitor(ref)
    go.set()
    assert str(probe.expect(Down).reason) == "crash: ValueError: told to"
    assert isinstance(task.outcome(), TaskExited)


go = threading.Event()


def hold_then_fail() -> None:
    assert go.wait(WAIT)
    raise ValueError("told to")


def test_a_crash_is_an_exit_for_a_caller_that_traps_and_a_normal_end_too(
    probe: Probe, system: ActorSystem, tasks: TaskSupervisorHandle
) -> None:
    ref, task = in_actor(system, lambda puppet: tasks.async_(fail, "no"), trap_exit=True)
    task.outcome()
    probe.sync(ref)
    [exit_message] = ref.ask(lambda puppet: list(puppet.seen))
    assert isinstance(exit_message, Exit)
    assert exit_message.sender is task.ref
    assert str(exit_message.reason) == "crash: ValueError: no"
    assert ref.ask(lambda puppet: tasks.async_(double, 1).result()) == 2
    probe.sync(ref)
    assert [seen.reason for seen in ref.ask(lambda puppet: list(puppet.seen))][1:] == [NORMAL]


def test_a_caller_that_crashes_takes_its_linked_task_with_it(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    ref, task = in_actor(system, lambda puppet: tasks.async_(until_stopped))
    alone = ref.ask(lambda puppet: tasks.async_nolink(until_stopped))
    ref.tell(lambda puppet: fail("caller"))
    assert task.outcome() == TaskDone("stopped")
    assert not alone.done()
    assert alone.shutdown() == TaskDone("stopped")


def test_a_task_of_a_dead_caller_does_not_run(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    ran: list[object] = []
    dead = system.spawn(Puppet)
    dead.stop()
    call = TaskCall(ran.append, (1,), {}, dead, contextvars.copy_context())
    probe = Probe(system)
    ref = system.spawn(TaskActor, call)
    probe.monitor(ref)
    probe.expect(Down)
    assert ran == []


def test_a_caller_outside_of_any_actor_is_linked_to_nobody(tasks: TaskSupervisorHandle) -> None:
    with pytest.raises(ValueError, match="no"):
        tasks.async_(fail, "no").result()
    assert tasks.ref.is_alive()


def test_an_unlinked_crash_ends_nobody(system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle) -> None:
    ref, task = in_actor(system, lambda puppet: tasks.async_nolink(fail, "no"))
    assert isinstance(task.outcome(), TaskExited)
    probe.sync(ref)
    assert ref.is_alive()
    assert ref.ask(lambda puppet: list(puppet.seen)) == []


# Ending


def test_to_cancel_is_to_ask_and_does_not_harm_the_caller(
    system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle
) -> None:
    ref, task = in_actor(system, lambda puppet: tasks.async_(asyncio.Event().wait))
    assert ref.ask(lambda puppet: task.cancel()) is True
    assert task.outcome() == TaskExited(SHUTDOWN)
    with pytest.raises(ActorDeadError, match="it ended with shutdown"):
        task.result()
    probe.sync(ref)
    assert ref.is_alive()
    assert task.cancel() is False


def test_to_shut_down_gives_a_value_that_came_in_time(tasks: TaskSupervisorHandle) -> None:
    assert tasks.async_(until_stopped).shutdown() == TaskDone("stopped")
    done = tasks.async_(double, 2)
    done.result()
    assert done.shutdown() == TaskDone(4)


@pytest.mark.parametrize("timeout", [0, 0.01])
def test_what_does_not_end_in_time_is_killed_and_reported(
    system: ActorSystem, tasks: TaskSupervisorHandle, timeout: float
) -> None:
    events = system.bus.collect(ActorAbandoned, AbandonedEnded)
    hold = Hold()
    task = tasks.async_(hold)
    hold.wait_reached()
    assert task.shutdown(timeout) == TaskExited(KILLED)
    assert events.get(timeout=WAIT) == ActorAbandoned(task.ref, 1)
    assert tasks.children() == ()
    hold.release()
    assert events.get(timeout=WAIT) == AbandonedEnded(task.ref, 1)


def test_a_kill_at_once_is_not_asked_for_first_and_does_not_harm_the_caller(
    system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle
) -> None:
    running, told = threading.Event(), threading.Event()
    reasons: list[object] = []

    def function(stop: StopToken) -> None:
        running.set()
        assert stop.wait(WAIT)
        reasons.append(stop.reason)
        told.set()

    ref, task = in_actor(system, lambda puppet: tasks.async_(function))
    assert running.wait(WAIT)
    assert ref.ask(lambda puppet: task.shutdown(0)) == TaskExited(KILLED)
    assert told.wait(WAIT)
    assert reasons == [KILLED]
    probe.sync(ref)
    assert ref.is_alive()


def test_a_task_is_terminated_by_its_supervisor_once(tasks: TaskSupervisorHandle, facts: Facts) -> None:
    task = tasks.async_(until_stopped)
    assert tasks.children() == (task.ref,)
    tasks.terminate_child(task)
    assert facts.wait(ActorExited).reason == SHUTDOWN
    for again in (task, task.ref):
        with pytest.raises(ChildNotFound):
            tasks.terminate_child(again)


def test_the_end_of_the_supervisor_is_the_end_of_its_tasks(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    running = [tasks.async_(until_stopped) for _ in range(3)]
    other = tasks.async_nolink(asyncio.Event().wait)
    tasks.stop(Shutdown("enough"), timeout=WAIT)
    assert [task.outcome() for task in running] == [TaskDone("stopped")] * 3
    assert other.outcome() == TaskExited(SHUTDOWN)
    with pytest.raises(ActorDeadError):
        tasks.async_(double, 1)


def test_one_task_too_many_is_refused(system: ActorSystem) -> None:
    tasks = TaskSupervisorHandle.start(system, TaskSpec(max_children=1))
    task = tasks.async_(until_stopped)
    for begin in (tasks.async_, tasks.async_nolink, tasks.start_child):
        with pytest.raises(MaxChildren):
            begin(double, 1)
    task.shutdown()
    assert tasks.async_(double, 1).result() == 2


def test_a_task_whose_beginner_never_gets_it_does_not_run_on(system: ActorSystem, probe: Probe) -> None:
    early = TaskCall.of(fail, ("must not run",), {}, linked=False)
    early.withdraw()
    with pytest.raises(StartError, match="shutdown"):
        system.spawn(TaskActor, early)
    hold = Hold()
    late = TaskCall.of(hold, (), {}, linked=False)
    ref = system.spawn(TaskActor, late)
    probe.monitor(ref)
    hold.wait_reached()
    late.withdraw()
    assert probe.expect(Down).reason == KILLED
    hold.release()


# Children that nobody waits for


def test_a_child_is_run_once_unless_it_is_to_be_restarted(system: ActorSystem, facts: Facts) -> None:
    tasks = TaskSupervisorHandle.start(system, TaskSpec(intensity=RestartIntensity(10, 5.0), backoff=NO_BACKOFF))
    turns = iter([ValueError("first"), ValueError("second"), None])

    def function(times: int, *, word: str) -> None:
        assert (times, word) == (3, "x")
        turn = next(turns)
        if turn is not None:
            raise turn

    tasks.start_child(function, 3, word="x")
    assert str(facts.wait(ActorExited).reason) == "crash: ValueError: first"
    ref = tasks.start_child(function, 3, restart=Restart.TRANSIENT, word="x")
    assert facts.wait(ActorExited, times=3).reason == NORMAL
    assert [event.ref for event in facts.all(ActorExited)][1:] == [ref, ref]


def test_a_child_has_the_shutdown_that_it_is_given(clock: ManualClock, tasks: TaskSupervisorHandle) -> None:
    hold = Hold()
    ref = tasks.start_child(hold, shutdown=Grace(2.0))
    hold.wait_reached()
    stop = tasks.ref.ask(TerminateChild(ref), block=False)
    assert tasks.count_children().active == 1
    clock.advance(1.9)
    assert ref.is_alive()
    clock.advance(0.1)
    stop.get(timeout=WAIT)
    assert not ref.is_alive()
    hold.release()


# Who called


word: contextvars.ContextVar[str] = contextvars.ContextVar("word")


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
@pytest.mark.parametrize("is_async", [False, True])
def test_a_task_knows_its_callers_and_sees_their_context(
    system: ActorSystem, tasks: TaskSupervisorHandle, is_async: bool
) -> None:
    def inner() -> object:
        return task_callers(), word.get()

    async def async_inner() -> object:
        await asyncio.sleep(0)
        return inner()

    def outer() -> object:
        task = tasks.async_(async_inner if is_async else inner)
        return (task_callers(), *task.result(), outer_task[0].ref)  # type: ignore[misc]

    outer_task: list[Any] = []

    def code(puppet: Puppet) -> object:
        word.set("hello")
        outer_task.append(tasks.async_nolink(lambda: began.wait(WAIT) and outer()))
        began.set()
        return outer_task[0].result()

    began = threading.Event()
    ref = system.spawn(Puppet)
    outers, inners, seen, outer_ref = ref.ask(code, timeout=WAIT)
    assert outers == (ref,)
    assert inners == (outer_ref, ref)
    assert seen == "hello"
    assert task_callers() == ()


# As a child


def test_a_task_supervisor_is_a_child_like_any_other(system: ActorSystem, facts: Facts) -> None:
    child = task_supervisor_child("work", TaskSpec(name="work", max_children=7))
    SupervisorHandle.start(system, SupervisorSpec(children=[child], backoff=NO_BACKOFF))
    ref = system.whereis("work")
    assert ref is not None
    tasks = TaskSupervisorHandle(ref, shutdown=BrutalKill())
    assert tasks.async_(double, 4).result() == 8
    assert repr(tasks).startswith("TaskSupervisorHandle(<ActorRef")
    task = tasks.async_(until_stopped)
    ref.kill()
    assert task.outcome() == TaskDone("stopped")


class Spare(Actor):
    """Only to name a class of an actor that begins tasks."""

    def __init__(self, tasks: TaskSupervisorHandle) -> None:
        self.tasks = tasks

    def on_receive(self, message: Any) -> object:
        return self.tasks.async_(double, message).result()


def test_actors_may_share_a_task_supervisor(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    refs: list[ActorRef[Spare]] = [system.spawn(Spare, tasks) for _ in range(3)]
    futures = [ref.ask(number, block=False) for number, ref in enumerate(refs)]
    assert [future.get(timeout=WAIT) for future in futures] == [0, 2, 4]
