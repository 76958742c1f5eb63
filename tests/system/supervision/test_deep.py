"""Trees of thousands of levels, and thousands of children of one supervisor: real threads with small stacks.

Nothing may depend on the depth: no recursion, no time that grows with it at each level, no limit that adds up.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from regrow.actors import ActorRef, ActorSystem, ChildSpec, Start
from regrow.actors.bus import EventQueue
from regrow.actors.testing import Puppet, Script, crash
from regrow.supervision import (
    NO_BACKOFF,
    ChildStarted,
    ChildTerminated,
    FailedToStartChild,
    RestartIntensity,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)
from tests.supervision.trees import ref_of

LEVELS = 2000
CHILDREN = 1000
# From 3.13 on CPython itself nests up to 10,000 deep in C when it frees a value within a value, as a spec in a spec is.
STACK_BYTES = 256 * 1024 if sys.version_info < (3, 13) else 2 * 1024 * 1024

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def small_stacks() -> Iterator[None]:
    """What grows with the depth fails early: on the stacks of threads, and by the interpreter's own limit."""
    before, limit = threading.stack_size(STACK_BYTES), sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    yield
    sys.setrecursionlimit(limit)
    threading.stack_size(before)


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("deep")
    yield system
    assert system.shutdown(120.0) == ()


def tree(levels: int, leaf: ChildSpec) -> SupervisorSpec:
    """One supervisor in another, so many times; the ids are the levels, from 1 on."""
    spec = SupervisorSpec(children=[leaf], backoff=NO_BACKOFF)
    for level in range(levels, 0, -1):
        spec = SupervisorSpec(children=[supervisor_child(str(level), spec)], backoff=NO_BACKOFF)
    return spec


def refs(handle: SupervisorHandle) -> list[ActorRef]:
    """Everybody below, from the top down."""
    found: list[ActorRef] = []
    while True:
        (info,) = handle.which_children()
        assert info.ref is not None
        found.append(info.ref)
        if info.id == "leaf":
            return found
        handle = SupervisorHandle(info.ref)


def wait_started(events: EventQueue, child_id: str) -> None:
    """Wait until a child is started that was not when the queue was made; what comes before is passed over."""
    while True:
        event = events.get(60.0)
        if isinstance(event, ChildStarted) and event.child_id == child_id:
            return


def test_a_tree_of_two_thousand_levels_starts_is_described_loses_its_middle_and_stops(system: ActorSystem) -> None:
    handle = SupervisorHandle.start(system, tree(LEVELS, ChildSpec(id="leaf", start=Start(Puppet))))
    before = refs(handle)
    assert len(before) == LEVELS + 1
    assert before[-1].path == "/".join(["root", *map(str, range(1, LEVELS + 1)), "leaf"])

    shown, levels = handle.describe_tree(timeout=60.0), 0
    while shown.children:
        (shown,), levels = shown.children, levels + 1
    assert (shown.child_id, shown.state, levels) == ("leaf", "running", LEVELS + 1)

    events = system.bus.collect(ChildStarted, maxlen=100_000)
    before[LEVELS // 2].kill()
    wait_started(events, str(LEVELS // 2 + 1))
    after = refs(handle)
    assert after[: LEVELS // 2 + 1] == before[: LEVELS // 2 + 1]
    assert after[LEVELS // 2 + 1] is not before[LEVELS // 2 + 1]

    events.drain()
    after[-1].tell(crash())
    wait_started(events, "leaf")
    handle.stop()
    assert system.relations.living() == ()


def test_a_failure_two_thousand_levels_down_says_what_it_was_and_leaves_nothing_behind(system: ActorSystem) -> None:
    leaf = ChildSpec(id="leaf", start=Script(on_start=crash(ValueError("no disk"))).start)
    with pytest.raises(FailedToStartChild) as caught:
        SupervisorHandle.start(system, tree(LEVELS, leaf))
    assert str(caught.value).startswith("child '1' failed to start: child '2' failed to start: ")
    assert str(caught.value).endswith("child 'leaf' failed to start: crash: ValueError: no disk")
    assert len(str(caught.value)) < 3000
    assert system.relations.living() == ()


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ONE, Strategy.ONE_FOR_ALL])
def test_a_thousand_children_of_one_supervisor_start_crash_and_stop(system: ActorSystem, strategy: Strategy) -> None:
    children = [ChildSpec(id=str(number), start=Start(Puppet)) for number in range(CHILDREN)]
    spec = SupervisorSpec(strategy, children, RestartIntensity(1000, 1.0), NO_BACKOFF)
    handle = SupervisorHandle.start(system, spec)
    assert handle.count_children().active == CHILDREN
    ref = ref_of(handle, "500")
    events = system.bus.collect(ChildStarted, maxlen=100_000)
    ends = system.bus.collect(ChildTerminated, maxlen=100_000)
    ref.tell(crash())
    wait_started(events, "500" if strategy is Strategy.ONE_FOR_ONE else str(CHILDREN - 1))
    assert len(ends) == (1 if strategy is Strategy.ONE_FOR_ONE else CHILDREN)
    assert handle.stop() == ()
    assert system.relations.living() == ()
