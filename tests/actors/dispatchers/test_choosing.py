"""Which dispatcher runs what: the class, the spec, the options, the system; and what is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from regrow.actors import (
    Actor,
    ActorExited,
    ActorRef,
    ActorSystem,
    ChildSpec,
    SpawnOptions,
    Start,
    UnknownDispatcher,
)
from regrow.actors.child_spec import Isolation
from regrow.actors.dispatchers import NAMES
from regrow.actors.life import Life
from regrow.supervision import InvalidSpec, SupervisorHandle, SupervisorSpec, supervise
from regrow.supervision.policy import parse_policy
from tests.actors.dispatchers.waiting import exited

HERE = __name__


class Anywhere(Actor):
    def on_receive(self, message: object) -> object:
        return threading.current_thread().name


class Pooled(Anywhere):
    dispatcher = "pool"


class Looped(Anywhere):
    dispatcher = "asyncio"


class Threaded(Anywhere):
    dispatcher = "thread"


def anywhere() -> Start:
    return Start(Looped)


@pytest.fixture
def plain() -> Iterator[ActorSystem]:
    system = ActorSystem("plain")
    yield system
    assert system.shutdown(5.0) == ()


def runs_on(ref: ActorRef) -> str:
    cell = ref.cell
    assert isinstance(cell, Life)
    return cell.dispatcher.name


def test_a_class_that_does_not_say_runs_where_its_system_says(system: ActorSystem, dispatcher: str) -> None:
    assert runs_on(system.spawn(Anywhere)) == dispatcher
    child = SupervisorHandle.start(system, SupervisorSpec(children=[supervise(Anywhere, id="child")]))
    assert runs_on(child.ref) == dispatcher
    ref = child.which_children()[0].ref
    assert ref is not None
    assert runs_on(ref) == dispatcher


@pytest.mark.parametrize("kind", [Pooled, Looped, Threaded])
def test_the_class_goes_before_the_system(system: ActorSystem, kind: type[Anywhere]) -> None:
    assert runs_on(system.spawn(kind)) == kind.dispatcher


@pytest.mark.parametrize("asked", NAMES)
@pytest.mark.parametrize("kind", [Anywhere, Pooled, Looped, Threaded])
def test_options_and_specs_go_before_the_class(plain: ActorSystem, kind: type[Anywhere], asked: str) -> None:
    assert runs_on(plain.spawn(kind, options=SpawnOptions(dispatcher=asked))) == asked
    top = SupervisorHandle.start(plain, SupervisorSpec())
    spec = replace(ChildSpec(id="child", start=Start(kind)), dispatcher=asked)  # type: ignore[arg-type]
    ref = top.start_child(spec).ref
    assert ref is not None
    assert runs_on(ref) == asked


@pytest.mark.parametrize("target", [f"{HERE}:Looped", f"{HERE}:anywhere"])
def test_a_class_known_only_when_it_is_imported_moves_where_it_belongs(system: ActorSystem, target: str) -> None:
    top = SupervisorHandle.start(system, SupervisorSpec(children=[ChildSpec(id="child", start=Start(target))]))
    ref = top.which_children()[0].ref
    assert ref is not None
    assert runs_on(ref) == "asyncio"
    assert ref.ask("where", timeout=5.0) == "regrow-asyncio"
    assert ref.incarnation == 1


@pytest.mark.parametrize("asked", ["thread", "pool"])
def test_it_does_not_where_its_spec_says_otherwise(system: ActorSystem, asked: str) -> None:
    spec = replace(ChildSpec(id="child", start=Start(f"{HERE}:Looped")), dispatcher=asked)  # type: ignore[arg-type]
    top = SupervisorHandle.start(system, SupervisorSpec(children=[spec]))
    ref = top.which_children()[0].ref
    assert ref is not None
    assert runs_on(ref) == asked


def test_it_moves_again_in_each_of_its_lives(system: ActorSystem) -> None:
    spec = ChildSpec(id="child", start=Start(f"{HERE}:Looped"))
    top = SupervisorHandle.start(system, SupervisorSpec(children=[spec]))
    for _ in range(3):
        top.terminate_child("child")
        top.restart_child("child")
        ref = top.which_children()[0].ref
        assert ref is not None
        assert runs_on(ref) == "asyncio"
        assert ref.ask("where", timeout=5.0) == "regrow-asyncio"


def test_children_of_one_supervisor_run_each_where_they_want(system: ActorSystem) -> None:
    children = [
        supervise(Anywhere, id="own", dispatcher="thread"),
        supervise(Pooled, id="pooled"),
        supervise(Looped, id="looped"),
        replace(ChildSpec(id="process", start=Start(f"{HERE}:Pooled")), isolation=Isolation.PROCESS),
    ]
    top = SupervisorHandle.start(system, SupervisorSpec(children=children))
    names = {info.id: info.ref.ask("where", timeout=10.0) for info in top.which_children() if info.ref is not None}
    assert names["own"] == "regrow-own"
    assert names["looped"] == "regrow-asyncio"
    assert names["pooled"].startswith("regrow-pool-")
    assert names["process"].startswith("regrow-pool-")
    exits = system.bus.collect(ActorExited)
    top.ref.stop(timeout=10.0)
    assert [exited(exits).ref.name for _ in range(4)] == ["process", "looped", "pooled", "own"]


POLICY = """
[tree]
[[tree.child]]
id = "pooled"
start = "{here}:Looped"
dispatcher = "pool"

[[tree.child]]
id = "its own"
start = "{here}:Looped"

[[tree.child]]
id = "branch"
type = "supervisor"
dispatcher = "asyncio"
[[tree.child.child]]
id = "leaf"
start = "{here}:Anywhere"
"""


def test_a_policy_file_decides_for_its_children_and_for_the_branches_themselves(
    system: ActorSystem, dispatcher: str
) -> None:
    spec = parse_policy(POLICY.replace("{here}", HERE)).tree()
    assert isinstance(spec, SupervisorSpec)
    top = SupervisorHandle.start(system, spec)
    ran = {info.id: runs_on(info.ref) for info in top.which_children() if info.ref is not None}
    assert ran == {"pooled": "pool", "its own": "asyncio", "branch": "asyncio"}
    branch = top.which_child("branch")
    assert branch is not None
    assert branch.ref is not None
    leaf = SupervisorHandle(branch.ref).which_children()[0].ref
    assert leaf is not None
    assert runs_on(leaf) == dispatcher


def test_an_unknown_name_is_refused_where_it_is_said(system: ActorSystem) -> None:
    class Odd(Actor):
        dispatcher = "gevent"

    text = "dispatcher: expected one of 'thread', 'pool', 'asyncio', got 'gevent'"
    with pytest.raises(UnknownDispatcher, match=text):
        ActorSystem("odd", dispatcher="gevent")
    with pytest.raises(UnknownDispatcher, match=text):
        system.spawn(Anywhere, options=SpawnOptions(dispatcher="gevent"))
    with pytest.raises(UnknownDispatcher, match=text):
        system.spawn(Odd)
    top = SupervisorHandle.start(system, SupervisorSpec())
    spec = replace(ChildSpec(id="odd", start=Start(Anywhere)), dispatcher="gevent")  # type: ignore[arg-type]
    with pytest.raises(InvalidSpec, match="gevent"):
        top.start_child(spec)
    assert system.roots == (top.ref,)


@pytest.mark.parametrize("target", ["Odd", f"{HERE}:Strange"])
def test_a_child_whose_class_asks_for_the_unknown_fails_to_start_and_its_supervisor_lives(
    system: ActorSystem, target: str
) -> None:
    start = Start(Strange if target == "Odd" else target)
    top = SupervisorHandle.start(system, SupervisorSpec())
    with pytest.raises(Exception, match="expected one of 'thread', 'pool', 'asyncio', got 'gevent'"):
        top.start_child(ChildSpec(id="odd", start=start))
    assert top.ref.is_alive()
    assert top.which_children() == ()


class Strange(Actor):
    dispatcher = "gevent"
