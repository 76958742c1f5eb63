"""`supervise`: every kind of child gets a spec that works, and everything else an error that says what is wrong."""

from __future__ import annotations

import asyncio
import functools
import math
import threading
from collections.abc import Callable
from typing import Any

import pykka
import pytest

from regrow.actors import Actor, ActorExited, ActorSystem, StopToken
from regrow.actors.child_spec import (
    BrutalKill,
    ChildSpec,
    ChildType,
    Grace,
    Infinity,
    Isolation,
    Limits,
    Restart,
    Start,
)
from regrow.actors.errors import BadTarget
from regrow.actors.functions import FunctionActor
from regrow.actors.hosting import NotImportable
from regrow.actors.hosting.command import Command, CommandActor
from regrow.actors.testing import ManualClock, Puppet
from regrow.protocol.codec import decode, encode
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN
from regrow.supervision import (
    NO_BACKOFF,
    ChildStarted,
    ChildTerminated,
    DynamicSpec,
    FailedToStartChild,
    InvalidSpec,
    PartitionSpec,
    PartitionSupervisor,
    ShutdownError,
    Supervisor,
    SupervisorHandle,
    SupervisorSpec,
    TaskSpec,
    Unstopped,
    supervise,
)
from regrow.supervision.targets import start_of
from tests.supervision.facts import Facts
from tests.supervision.trees import below, ref_of

WAIT = 5.0
HERE = __name__


class Mine(Actor):
    def __init__(self, size: int, *, word: str = "") -> None:
        self.size = size

    def on_receive(self, message: object) -> object:
        if message == "crash":
            raise ValueError("crash")
        return self.size


class Theirs(pykka.ThreadingActor):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def on_receive(self, message: Any) -> Any:
        if message == "crash":
            raise ValueError("crash")
        return self.size


class Tree(Supervisor):
    def __init__(self, width: int) -> None:
        super().__init__(SupervisorSpec(children=[ChildSpec(id=str(i), start=Start(Puppet)) for i in range(width)]))


class Pool:
    """No actor, but it says how one is made of it."""

    @classmethod
    def child_spec(cls, size: int, *, word: str = "pool") -> ChildSpec:
        return ChildSpec(id=f"{word}-{size}", start=Start(Mine, (size,)), restart=Restart.TEMPORARY, shutdown=Grace(1))


class BadPool:
    @classmethod
    def child_spec(cls) -> object:
        return {"id": "pool"}


class WithLoop(pykka.ThreadingActor):
    def _actor_loop_running(self) -> None:
        """Handle nothing."""


class Machine:
    def __call__(self, times: int) -> None:
        """Do nothing."""


def work(times: int, stop: StopToken, *, word: str = "") -> None:
    stop.wait(WAIT)


async def async_work(times: int) -> None:
    await asyncio.Event().wait()


async def with_stop(stop: StopToken) -> None:
    """Is not told to stop in this way."""


def numbers() -> Any:
    yield 1


READY_MADE = Start(Mine, (4,))


def start(system: ActorSystem, *children: ChildSpec) -> SupervisorHandle:
    return SupervisorHandle.start(system, SupervisorSpec(children=children, backoff=NO_BACKOFF))


def ask(handle: SupervisorHandle, child_id: str, message: object) -> object:
    return ref_of(handle, child_id).ask(message, timeout=WAIT)


# What each kind comes to


def test_an_actor_class_becomes_a_permanent_worker_with_its_arguments() -> None:
    assert supervise(Mine, 3, word="x") == ChildSpec(id="Mine", start=Start(Mine, (3,), {"word": "x"}))


def test_a_pykka_class_is_a_child_like_any_other(system: ActorSystem, facts: Facts) -> None:
    assert supervise(Theirs, 3) == ChildSpec(id="Theirs", start=Start(Theirs, (3,)))
    handle = start(system, supervise(Theirs, 3))
    assert ask(handle, "Theirs", "size") == 3
    ref_of(handle, "Theirs").tell("crash")
    assert str(facts.wait(ChildTerminated).reason) == "crash: ValueError: crash"
    facts.wait(ChildStarted, child_id="Theirs", times=2)
    assert ask(handle, "Theirs", "size") == 3


def test_the_class_of_a_supervisor_gets_all_the_time_it_needs(system: ActorSystem) -> None:
    spec = supervise(Tree, 2)
    assert (spec.type, spec.effective_shutdown, spec.start_timeout) == (ChildType.SUPERVISOR, Infinity(), math.inf)
    inner = SupervisorSpec(children=[ChildSpec(id="a", start=Start(Puppet), start_timeout=100.0)])
    assert supervise(Supervisor, inner).start_timeout == math.inf
    assert supervise(Supervisor, inner, isolation="process").start_timeout > 100.0
    assert supervise(Tree, 2, isolation="process").start_timeout == 60.0
    handle = start(system, spec)
    assert below(handle, "Tree").count_children().active == 2


def test_a_plain_function_becomes_a_transient_worker_that_is_told_to_stop(system: ActorSystem, facts: Facts) -> None:
    spec = supervise(work, 3)
    assert spec == ChildSpec(id="work", start=Start(FunctionActor, (work, 3)), restart=Restart.TRANSIENT)
    handle = start(system, spec)
    handle.terminate_child("work")
    assert facts.wait(ActorExited).reason == SHUTDOWN
    assert facts.all(ShutdownError) == []


def test_a_function_that_returns_is_done_and_one_that_raises_is_restarted(system: ActorSystem, facts: Facts) -> None:
    turns = iter([ValueError("first"), None])

    def function() -> None:
        turn = next(turns)
        if turn is not None:
            raise turn

    start(system, supervise(function))
    facts.wait(ChildStarted, times=2)
    assert facts.wait(ActorExited, times=2).reason == NORMAL
    assert [str(event.reason) for event in facts.all(ActorExited)] == ["crash: ValueError: first", "normal"]


def test_an_async_function_is_cancelled_when_it_is_stopped(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, supervise(async_work, 3))
    handle.terminate_child("async_work")
    assert facts.wait(ActorExited).reason == SHUTDOWN


def test_a_function_that_does_not_look_is_abandoned_when_its_time_is_over(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    running, go = threading.Event(), threading.Event()

    def deaf() -> None:
        running.set()
        go.wait(WAIT)

    handle = start(system, supervise(deaf, shutdown=Grace(2.0)))
    assert running.wait(WAIT)
    stop = handle.send.terminate_child("deaf")
    assert handle.which_children()[0].state == "stopping"
    clock.advance(2.0)
    stop.get(timeout=WAIT)
    assert facts.wait(ActorExited).reason == KILLED
    assert facts.wait(Unstopped).child_id == "deaf"
    go.set()


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (work, "work"),
        (functools.partial(functools.partial(work, 1), word="w"), "work"),
        (Machine(), "Machine"),
        (max, "max"),
    ],
)
def test_the_id_is_the_name_of_what_is_called(function: Callable[..., object], name: str) -> None:
    arguments = (1,) if name in ("Machine", "max") else () if isinstance(function, functools.partial) else (1,)
    spec = supervise(function, *arguments)
    assert spec.id == name


def test_a_lambda_needs_an_id() -> None:
    assert supervise(lambda: None, id="nothing").id == "nothing"
    with pytest.raises(InvalidSpec, match=r"id: expected a string, for what is given has no name, got <function"):
        supervise(lambda: None)


def test_a_program_is_named_after_its_file() -> None:
    command = Command(("/usr/bin/redis-server", "--port", "0"))
    assert supervise(command) == ChildSpec(id="redis-server", start=Start(CommandActor, (command,)))


def test_specs_of_supervisors_are_targets_too() -> None:
    inner = SupervisorSpec(name="inner")
    assert (supervise(inner).id, supervise(inner).type) == ("inner", ChildType.SUPERVISOR)
    assert supervise(SupervisorSpec()).id == "supervisor"
    assert (supervise(inner).name, supervise(SupervisorSpec()).name) == ("inner", None)
    assert (supervise(DynamicSpec()).id, supervise(DynamicSpec(name="crowd")).name) == ("supervisor", "crowd")
    assert (supervise(TaskSpec()).id, supervise(TaskSpec(name="work")).name) == ("tasks", "work")
    spec = supervise(PartitionSpec(child=supervise(Mine, 1), name="parts", partitions=2), restart="transient")
    assert (spec.id, spec.start.target, spec.restart) == ("parts", PartitionSupervisor, Restart.TRANSIENT)


def test_a_class_with_child_spec_is_asked_and_every_field_can_be_overridden() -> None:
    assert supervise(Pool, 3, word="w") == Pool.child_spec(3, word="w")
    changed = supervise(
        Pool,
        3,
        id="mine",
        restart="permanent",
        shutdown=BrutalKill(),
        type="supervisor",
        significant=False,
        isolation="process",
        start_timeout=1.0,
        backoff=NO_BACKOFF,
        name="known",
        limits=Limits(nice=3),
        dispatcher="pool",
    )
    assert changed == ChildSpec(
        id="mine",
        start=Start(Mine, (3,)),
        restart=Restart.PERMANENT,
        shutdown=BrutalKill(),
        type=ChildType.SUPERVISOR,
        isolation=Isolation.PROCESS,
        start_timeout=1.0,
        backoff=NO_BACKOFF,
        name="known",
        limits=Limits(nice=3),
        dispatcher="pool",
    )
    assert supervise(changed, id="again", significant=True).significant
    assert supervise(changed, dispatcher="asyncio").dispatcher == "asyncio"


def test_a_start_is_a_target_for_arguments_with_the_names_of_fields() -> None:
    start_it = Start(Mine, (3,), {"word": "x"})
    assert supervise(start_it, id="it") == ChildSpec(id="it", start=start_it)
    assert supervise(start_it).id == "Mine"
    assert supervise(Start("package.module:Thing")).id == "Thing"


def test_an_import_path_is_followed_when_the_child_starts(system: ActorSystem) -> None:
    spec = supervise(f"{HERE}:Mine", 5)
    assert spec == ChildSpec(id="Mine", start=Start("regrow.supervision.targets:start_of", (f"{HERE}:Mine", 5)))
    assert decode(encode(spec)) == spec  # so a supervisor in another process can be given it
    handle = start(system, spec, supervise(f"{HERE}:Theirs", 6), supervise(f"{HERE}:READY_MADE"))
    assert [ask(handle, name, "size") for name in ("Mine", "Theirs", "READY_MADE")] == [5, 6, 4]


def test_what_an_import_path_leads_to_is_looked_at_when_the_child_starts(system: ActorSystem) -> None:
    with pytest.raises(FailedToStartChild, match=r"no module: 'no_such_module' is not on sys\.path"):
        start(system, supervise("no_such_module:Thing"))
    for name in ("Pool", "HERE", "numbers"):
        with pytest.raises(FailedToStartChild, match=r"BadTarget: .* expected an Actor class"):
            start(system, supervise(f"{HERE}:{name}"))
    assert start_of(f"{HERE}:work", 3) == Start(FunctionActor, (work, 3))
    with pytest.raises(BadTarget):
        start_of(f"{HERE}:READY_MADE", "too much")


def test_for_another_process_a_function_goes_by_its_name() -> None:
    spec = supervise(work, 3, isolation="process")
    assert spec.start == Start(FunctionActor, (f"{HERE}:work", 3))
    assert spec.isolation is Isolation.PROCESS
    assert supervise(Theirs, 3, isolation=Isolation.PROCESS).start == Start(Theirs, (3,))
    with pytest.raises(NotImportable, match="a lambda has no name"):
        supervise(lambda: None, id="x", isolation="process")


# What is refused


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (3, r"target: expected an Actor class, a pykka actor class, .* or an import path .*, got 3"),
        (None, r"target: expected an Actor class, .* got None"),
        (dict, r"target: expected a subclass of Actor or of pykka.ThreadingActor, .* got the class dict"),
        (BadPool, r"BadPool.child_spec\(\): expected a ChildSpec, got \{'id': 'pool'\}"),
        (WithLoop, r"target: expected a pykka actor class that leaves pykka's loop as it is, got WithLoop with a loop"),
        ("thing", r"target: expected an import path \"package.module:name\", got 'thing'"),
        (numbers, r"target: expected a function that works when it is called, got the generator function"),
        (Machine, r"target: .* got the class Machine"),
    ],
)
def test_what_is_no_child_is_refused_with_what_was_expected(target: object, text: str) -> None:
    with pytest.raises(InvalidSpec, match=text):
        supervise(target)


def test_a_coroutine_is_refused_because_it_runs_once() -> None:
    coroutine = async_work(1)
    with pytest.raises(InvalidSpec, match="expected the async function itself, because a coroutine runs only once"):
        supervise(coroutine)
    coroutine.close()


def test_an_object_is_refused_because_every_life_is_a_new_one(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    for given in (ref, Mine(3), Theirs(3)):
        with pytest.raises(InvalidSpec, match="expected the class of the actor, for every life is a new object"):
            supervise(given)


@pytest.mark.parametrize(
    ("target", "args", "text"),
    [
        (Mine, (), r"arguments: expected what fits Mine\(.*size.*\), got missing a required argument: 'size'"),
        (Theirs, (1, 2), r"arguments: expected what fits Theirs\(.*\), got too many positional arguments"),
        (work, (), r"arguments: expected what fits work\(times.*\), got missing a required argument: 'times'"),
        (with_stop, (), r"where an async function gets no stop: it is cancelled, got missing .* 'stop'"),
        (READY_MADE, (1,), r"arguments: expected none beside a Start, got 1"),
    ],
)
def test_arguments_that_cannot_be_taken_are_refused_before_any_start(
    target: object, args: tuple[object, ...], text: str
) -> None:
    with pytest.raises(InvalidSpec, match=text):
        supervise(target, *args)


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(InvalidSpec) as caught:
        supervise(
            Command(("true",)),
            3,
            word="x",
            restart="often",
            isolation="process",
            type="boss",
            dispatcher="poll",  # type: ignore[arg-type]
        )
    assert [str(problem) for problem in caught.value.problems] == [
        "restart: expected one of 'permanent', 'transient', 'temporary', got 'often'",
        "type: expected one of 'worker', 'supervisor', got 'boss'",
        "dispatcher: expected one of 'thread', 'pool', 'asyncio' or None, got 'poll'; did you mean 'pool'?",
        "arguments: expected none beside a Command, got 3, word='x'",
        "isolation: expected 'thread' for a Command: it is a process already, got 'process'",
    ]
