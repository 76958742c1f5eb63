"""Elixir's task/supervisor_test.exs: tasks below a supervisor, their links, their answers, and streams of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from regrow.actors import (
    AbandonedEnded,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    AskTimeout,
    DeadLetter,
    Down,
    Exit,
    StopToken,
)
from regrow.actors.child_spec import BrutalKill, Restart
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason
from regrow.supervision import (
    NO_BACKOFF,
    ChildNotFound,
    ChildStarted,
    MaxChildren,
    RestartIntensity,
    ShutdownError,
    TaskDone,
    TaskExited,
    TaskReport,
    TaskSpec,
    TaskSupervisorHandle,
    TaskTimeout,
    task_callers,
)
from tests.conformance.case import case
from tests.supervision.facts import Facts

WAIT = 5.0


@pytest.fixture
def tasks(system: ActorSystem) -> TaskSupervisorHandle:
    return start(system)


@pytest.fixture
def probe(system: ActorSystem) -> Probe:
    return Probe(system)


def start(system: ActorSystem, max_children: int | None = None) -> TaskSupervisorHandle:
    spec = TaskSpec(max_children=max_children, name="tasks", intensity=RestartIntensity(9, 5.0), backoff=NO_BACKOFF)
    return TaskSupervisorHandle.start(system, spec)


def puppet(system: ActorSystem, *, trap_exit: bool = False) -> ActorRef[Puppet]:
    return system.spawn(Puppet, Script(trap_exit=trap_exit))


def boom() -> Any:
    raise ValueError("boom")


def patient(stop: StopToken) -> Any:
    assert stop.wait(WAIT)
    return None


def seen_by(probe: Probe, ref: ActorRef[Puppet]) -> list[Any]:
    """What has come into a puppet's mailbox by now, beside what it was told to do."""
    probe.sync(ref)
    seen: list[Any] = ref.ask(lambda actor: list(actor.seen))
    return seen


@case("ET-01")
def test_et_01_it_has_a_name_and_counts_its_tasks(system: ActorSystem, tasks: TaskSupervisorHandle) -> None:
    assert system.whereis("tasks") is tasks.ref
    by_name = TaskSupervisorHandle(tasks.ref)
    assert by_name.count_children().active == 0
    running = [by_name.async_(patient), by_name.async_nolink(patient)]
    assert tasks.count_children().active == 2
    assert set(tasks.children()) == {task.ref for task in running}
    for task in running:
        task.shutdown()
    assert tasks.count_children().active == 0


@case("ET-02")
def test_et_02_a_linked_task_gives_one_result_and_has_one_end(
    system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle
) -> None:
    hold = Hold()
    ref = puppet(system, trap_exit=True)
    task = ref.ask(lambda actor: tasks.async_(hold))
    assert ref in system.relations.links(task.ref)
    probe.monitor(task.ref)
    task.report_to(ref)
    hold.release()
    assert task.result() == "released"
    assert probe.expect(Down).reason == NORMAL
    report, ended = sorted(seen_by(probe, ref), key=lambda message: isinstance(message, Exit))
    assert report == TaskReport(task, TaskDone("released"))
    assert (ended.sender, ended.reason) == (task.ref, NORMAL)
    probe.expect_nothing()


@case("ET-02")
def test_et_02_a_crash_of_a_linked_task_ends_its_caller(
    system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle
) -> None:
    go = threading.Event()
    ref = puppet(system)
    probe.monitor(ref)
    ref.ask(lambda actor: tasks.async_(lambda: go.wait(WAIT) and boom()))
    go.set()
    assert str(probe.expect(Down).reason) == "crash: ValueError: boom"


@case("ET-03")
def test_et_03_one_task_more_than_max_children_is_refused(system: ActorSystem) -> None:
    tasks = start(system, max_children=1)
    first = tasks.async_(patient)
    for begin in (tasks.async_, tasks.async_nolink, tasks.start_child):
        with pytest.raises(MaxChildren):
            begin(patient)
    assert tasks.children() == (first.ref,)
    first.shutdown()
    assert tasks.async_(lambda: 13).result() == 13


@case("ET-04")
@pytest.mark.parametrize("begin", ["async_", "async_nolink"])
def test_et_04_a_task_knows_the_chain_of_its_callers(
    system: ActorSystem, tasks: TaskSupervisorHandle, begin: str
) -> None:
    def outer() -> object:
        inner = getattr(tasks, begin)(task_callers)
        return inner.result(), task_callers()

    ref = puppet(system)
    inner, outer_callers = ref.ask(lambda actor: getattr(tasks, begin)(outer).result(), timeout=WAIT)
    assert outer_callers == (ref,)
    assert inner[1:] == (ref,)
    assert inner[0].actor_class.__name__ == "TaskActor"
    assert tasks.async_(task_callers).result() == ()


@case("ET-05")
def test_et_05_an_unlinked_task_crashes_alone(system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle) -> None:
    ref = puppet(system)
    task = ref.ask(lambda actor: tasks.async_nolink(boom))
    task.report_to(probe.ref)
    outcome = probe.expect(TaskReport).outcome
    assert isinstance(outcome, TaskExited)
    assert str(outcome.reason) == "crash: ValueError: boom"
    assert seen_by(probe, ref) == []
    assert tasks.ref.is_alive()


@case("ET-06")
@pytest.mark.parametrize(
    ("restart", "crashes", "lives"),
    [(Restart.TEMPORARY, True, 1), (Restart.TRANSIENT, False, 1), (Restart.TRANSIENT, True, 2)],
)
def test_et_06_a_child_is_restarted_as_it_is_told_to_be(
    system: ActorSystem, facts: Facts, tasks: TaskSupervisorHandle, restart: Restart, crashes: bool, lives: int
) -> None:
    turns = iter([boom if crashes else int])
    ref = tasks.start_child(lambda: next(turns, int)(), restart=restart)
    facts.wait(ActorExited, times=lives)
    assert ref.actor_stopped.wait(WAIT)  # from then on its supervisor knows
    assert tasks.count_children().specs == 0
    assert len(facts.all(ChildStarted)) == lives


@case("ET-06")
def test_et_06_a_child_is_temporary_by_default_and_has_the_shutdown_it_is_given(
    tasks: TaskSupervisorHandle, facts: Facts
) -> None:
    hold = Hold()
    ref = tasks.start_child(hold, shutdown=BrutalKill())
    hold.wait_reached()
    tasks.terminate_child(ref)
    assert facts.wait(ActorExited).reason == KILLED
    assert facts.all(ShutdownError) == []
    assert tasks.count_children().specs == 0
    hold.release()


@case("ET-07")
def test_et_07_a_task_is_terminated_once(tasks: TaskSupervisorHandle, facts: Facts, system: ActorSystem) -> None:
    ref = tasks.start_child(patient)
    tasks.terminate_child(ref)
    assert facts.wait(ActorExited).reason == SHUTDOWN
    for nobody in (ref, puppet(system)):
        with pytest.raises(ChildNotFound):
            tasks.terminate_child(nobody)


@case("ET-08")
def test_et_08_a_reply_that_comes_too_late_does_not_get_in_the_way(
    system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle
) -> None:
    dead_letters = system.bus.collect(DeadLetter)
    hold = Hold()
    ref = puppet(system)

    def too_short(actor: Puppet) -> object:
        task = tasks.async_(hold)
        with pytest.raises(AskTimeout):
            task.result(0.01)
        return task

    task = ref.ask(too_short)
    hold.release()
    assert task.outcome() == TaskDone("released")
    assert seen_by(probe, ref) == []
    with pytest.raises(TimeoutError):
        dead_letters.get(timeout=0.0)


@case("ET-09")
@pytest.mark.parametrize("link", [True, False], ids=["async", "async_nolink"])
def test_et_09_what_a_task_raises_and_how_it_exits_reaches_who_awaits_it(
    tasks: TaskSupervisorHandle, link: bool
) -> None:
    begin: Any = tasks.async_ if link else tasks.async_nolink
    with pytest.raises(ValueError, match="boom") as caught:
        begin(boom).result()
    assert caught.traceback[-1].name == "boom"
    for error in (SystemExit("bye"), KeyboardInterrupt()):

        def leave(error: BaseException = error) -> None:
            raise error

        with pytest.raises(ActorDeadError) as dead:
            begin(leave).result()
        reason: ExitReason | None = dead.value.reason
        assert isinstance(reason, Crash)
        assert reason.type == type(error).__name__


@case("ET-10")
def test_et_10_a_stream_keeps_the_order_of_its_items_or_does_not(tasks: TaskSupervisorHandle) -> None:
    first = threading.Event()

    def function(item: int) -> int:
        if item == 0:
            assert first.wait(WAIT)
        elif item == 3:
            first.set()
        return item

    unordered = tasks.stream(function, range(4), max_concurrency=2, ordered=False)
    fastest, *others = unordered
    assert fastest.item != 0
    assert len(others) == 3
    first.clear()
    assert list(tasks.stream(function, range(4), max_concurrency=4)) == [TaskDone(item, item) for item in range(4)]


@case("ET-11")
def test_et_11_a_stream_runs_no_more_at_once_than_it_may(tasks: TaskSupervisorHandle) -> None:
    lock = threading.Lock()
    running: list[int] = []
    most: list[int] = []

    def function(item: int) -> int:
        with lock:
            running.append(item)
            most.append(len(running))
        seen = tasks.count_children().active
        with lock:
            running.remove(item)
        return seen

    outcomes: list[Any] = list(tasks.stream(function, range(40), max_concurrency=3))
    assert len(outcomes) == 40
    assert max(most) <= 3
    assert max(outcome.value for outcome in outcomes) <= 3


@case("ET-11")
def test_et_11_a_stream_within_max_children_is_never_refused_and_one_beyond_is(system: ActorSystem) -> None:
    tasks = start(system, max_children=2)
    assert len(list(tasks.stream(lambda item: item, range(50), max_concurrency=2))) == 50
    with pytest.raises(MaxChildren):
        list(tasks.stream(lambda _, stop: patient(stop), range(3), max_concurrency=3))
    assert tasks.count_children().specs == 0


@case("ET-12")
def test_et_12_exits_are_values_of_a_stream(system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle) -> None:
    def function(item: str) -> str:
        if item == "raise":
            boom()
        if item == "exit":
            raise SystemExit(1)
        if item == "kill":
            tasks.children()[0].kill()
        return item

    ref = puppet(system)
    items = ["raise", "fine", "exit", "kill"]
    outcomes = ref.ask(lambda actor: list(tasks.stream(function, items, max_concurrency=1)), timeout=WAIT)
    raised, fine, left, killed = outcomes
    assert (str(raised.reason), raised.item) == ("crash: ValueError: boom", "raise")
    assert fine == TaskDone("fine", "fine")
    assert (left.reason.type, left.error) == ("SystemExit", None)
    assert killed == TaskExited(KILLED, None, "kill")
    assert seen_by(probe, ref) == []


@case("ET-13")
def test_et_13_a_stream_that_is_stopped_early_leaves_neither_tasks_nor_messages(
    system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle, facts: Facts
) -> None:
    dead_letters = system.bus.collect(DeadLetter)
    ref = puppet(system, trap_exit=True)

    def take_one(actor: Puppet) -> object:
        stream: Any = tasks.stream(lambda item, stop: item and patient(stop), range(9), max_concurrency=4)
        found = next(stream)
        stream.close()
        return found, tasks.count_children().specs

    assert ref.ask(take_one, timeout=WAIT) == (TaskDone(0, 0), 0)
    assert seen_by(probe, ref) == []
    assert {str(event.reason) for event in facts.all(ActorExited)} == {"normal", "shutdown"}
    with pytest.raises(TimeoutError):
        dead_letters.get(timeout=0.0)


@case("ET-13")
def test_et_13_a_source_that_raises_ends_the_stream_and_its_tasks(tasks: TaskSupervisorHandle) -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("source")

    with pytest.raises(LookupError, match="source"):
        list(tasks.stream(lambda _, stop: patient(stop), items(), max_concurrency=3))
    assert tasks.count_children().specs == 0


class Timers(ManualClock):
    """Lets a test wait until the timer of a task has been set."""

    def __init__(self) -> None:
        super().__init__()
        self.set_for_a_task = threading.Semaphore(0)

    def call_at(self, when: float, callback: Any) -> Any:
        timer = super().call_at(when, callback)
        if when - self.now() == 0.5:
            self.set_for_a_task.release()
        return timer


def consume(tasks: TaskSupervisorHandle, clock: Timers, on_timeout: Any, function: Any) -> list[Any]:
    """Iterate, in another thread, over two tasks of which the first takes too long; give what came of it."""
    came: list[Any] = []

    def iterate() -> None:
        try:
            options: Any = {"max_concurrency": 1, "timeout": 0.5, "on_timeout": on_timeout}
            came.extend(tasks.stream(function, [1, 2], **options))
        except TaskTimeout as error:
            came.append(error)

    consumer = threading.Thread(target=iterate, daemon=True)
    consumer.start()
    assert clock.set_for_a_task.acquire(timeout=WAIT)
    clock.advance(0.5)
    consumer.join(WAIT)
    return came


class TestTimeouts:
    @pytest.fixture
    def clock(self) -> Timers:
        return Timers()

    @case("ET-14")
    def test_et_14_a_task_that_takes_too_long_is_killed_and_the_stream_goes_on(
        self, clock: Timers, tasks: TaskSupervisorHandle
    ) -> None:
        exited, done = consume(tasks, clock, "kill_task", lambda item, stop: patient(stop) if item == 1 else item)
        assert (exited.reason, type(exited.error), exited.item) == (KILLED, TaskTimeout, 1)
        assert done == TaskDone(2, 2)
        assert tasks.count_children().specs == 0

    @case("ET-14")
    def test_et_14_or_it_ends_the_stream(self, clock: Timers, tasks: TaskSupervisorHandle) -> None:
        [error] = consume(tasks, clock, "exit", lambda item, stop: patient(stop))
        assert isinstance(error, TaskTimeout)
        assert tasks.count_children().specs == 0


@case("ET-15")
def test_et_15_a_stream_is_consumed_by_somebody_else(
    system: ActorSystem, probe: Probe, tasks: TaskSupervisorHandle
) -> None:
    maker, taker = puppet(system), puppet(system)
    stream = maker.ask(lambda actor: tasks.stream(lambda item: item * 2, range(5), max_concurrency=2))
    maker.stop()
    values = taker.ask(lambda actor: [outcome.value for outcome in stream], timeout=WAIT)
    assert values == [0, 2, 4, 6, 8]
    assert seen_by(probe, taker) == []


@case("ET-16")
def test_et_16_a_task_is_shut_down_with_its_value_its_exit_or_by_a_kill(
    system: ActorSystem, tasks: TaskSupervisorHandle
) -> None:
    over = system.bus.collect(AbandonedEnded)
    done = tasks.async_(lambda: 13)
    done.result()
    assert done.shutdown() == TaskDone(13)
    crashed = tasks.async_nolink(boom)
    assert isinstance(crashed.outcome(), TaskExited)
    assert crashed.shutdown() == crashed.outcome()
    hold = Hold()
    deaf = tasks.async_(hold)
    hold.wait_reached()
    assert deaf.shutdown(0.01) == TaskExited(KILLED)
    hold.release()
    assert over.get(timeout=WAIT) == AbandonedEnded(deaf.ref, 1)
    ref = puppet(system)
    own = ref.ask(lambda actor: tasks.async_(patient))
    assert ref.ask(lambda actor: own.shutdown()) == TaskDone(None)
    assert ref.is_alive()
