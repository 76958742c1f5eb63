"""Trees of real actors on the real clock, of which anybody is killed at any moment, settle into whole ones again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest

from regrow.actors import (
    ActorDeadError,
    ActorRef,
    ActorSystem,
    AskTimeout,
    CallbackFailed,
    ChildSpec,
    ChildType,
)
from regrow.actors.child_spec import BrutalKill, Grace, Shutdown
from regrow.actors.testing import Script, crash
from regrow.protocol import exits
from regrow.supervision import (
    NO_BACKOFF,
    Backoff,
    FailedToStartChild,
    RestartIntensity,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)

TORMENT = 1.5  # seconds
SETTLED_WITHIN = 30.0  # seconds; only a failing test waits so long


@pytest.fixture
def system() -> Iterator[ActorSystem]:
    system = ActorSystem("test")
    yield system
    assert system.shutdown(10.0) == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_tormented_tree_is_whole_again_with_no_orphan_and_no_name_of_the_dead(system: ActorSystem, seed: int) -> None:
    rng = random.Random(seed)
    mistakes: list[object] = []
    system.bus.subscribe(mistakes.append, CallbackFailed)
    top = _start(system, rng)
    end = time.monotonic() + TORMENT
    while time.monotonic() < end:
        _torment(rng.choice([ref for ref in system.relations.living() if ref is not top.ref] or [top.ref]), top, rng)
        time.sleep(rng.random() * 0.01)
    _wait_until_settled(system, top)
    assert set(system.registry.names().values()) <= set(system.relations.living())
    assert mistakes == []


def _start(system: ActorSystem, rng: random.Random) -> SupervisorHandle:
    endless = RestartIntensity(10**6, 1.0)
    while True:  # until one of its starts does not fail at random
        spec = SupervisorSpec(children=[supervisor_child("root", _tree(rng, 2))], intensity=endless, backoff=NO_BACKOFF)
        try:
            return SupervisorHandle.start(system, spec)
        except FailedToStartChild:
            continue


def _tree(rng: random.Random, depth: int) -> SupervisorSpec:
    children = [_leaf(rng, f"leaf {number}") for number in range(2)]
    if depth:
        children += [supervisor_child(f"below {number}", _tree(rng, depth - 1)) for number in range(2)]
    rng.shuffle(children)
    return SupervisorSpec(
        rng.choice(list(Strategy)),
        children,
        RestartIntensity(rng.choice([1, 3, 1000]), 0.3),
        rng.choice([NO_BACKOFF, Backoff(base=0.01, cap=0.05)]),
    )


def _leaf(rng: random.Random, child_id: str) -> ChildSpec:
    moods = random.Random(rng.random())

    def mood(_puppet: object) -> None:
        chance = moods.random()
        if chance < 0.2:
            time.sleep(moods.random() * 0.02)
        elif chance < 0.25:
            raise ValueError("a bad day")

    script = Script(on_start=mood, on_stop=mood, on_failure=mood)
    name = f"{child_id} {rng.random()}" if rng.random() < 0.5 else None
    shutdowns: list[Shutdown] = [Grace(0.05), Grace(1.0), BrutalKill()]
    return ChildSpec(id=child_id, start=script.start, name=name, shutdown=rng.choice(shutdowns))


def _torment(victim: ActorRef, top: SupervisorHandle, rng: random.Random) -> None:
    if victim is top.ref:
        return
    way = rng.randrange(5)
    try:
        if way == 0:
            victim.kill()
        elif way == 1:
            victim.tell(crash())
        elif way == 2:
            victim.exit(exits.Shutdown("torment"))
        elif way == 3:
            victim.shutdown()
        else:
            victim.stop(block=False)
    except ActorDeadError:
        return


def _wait_until_settled(system: ActorSystem, top: SupervisorHandle) -> None:
    """Wait until all children run, and nobody else does: orphans have five seconds to end."""
    deadline = time.monotonic() + SETTLED_WITHIN
    while not _is_settled(system, top):
        assert time.monotonic() < deadline, f"expected the tree to settle, got {top.describe_tree()}"
        time.sleep(0.02)


def _is_settled(system: ActorSystem, top: SupervisorHandle) -> bool:
    try:
        whole = all(_is_whole(handle) for handle in _supervisors(top))
        return whole and set(system.relations.living()) == _refs_below(top)
    except (ActorDeadError, AskTimeout):
        return False


def _is_whole(handle: SupervisorHandle) -> bool:
    return all(
        info.state == "running" and info.ref is not None and info.ref.is_alive() for info in handle.which_children()
    )


def _supervisors(top: SupervisorHandle) -> list[SupervisorHandle]:
    found = [top]
    for handle in found:  # it grows
        below = [info.ref for info in handle.which_children() if info.type is ChildType.SUPERVISOR]
        found += [SupervisorHandle(ref) for ref in below if ref is not None]
    return found


def _refs_below(top: SupervisorHandle) -> set[ActorRef]:
    refs = {info.ref for handle in _supervisors(top) for info in handle.which_children() if info.ref is not None}
    return {top.ref, *refs}
