"""OTP's supervisor_SUITE: supervisors below supervisors, names, and what a restart of a level brings back."""

from __future__ import annotations

import pytest

from regrow.actors import ActorExited, ActorSystem, Restart
from regrow.actors.testing import Hold, Puppet, Script, crash
from regrow.protocol.exits import KILLED, SHUTDOWN, Shutdown
from regrow.supervision import (
    NO_BACKOFF,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    IntensityReached,
    RestartIntensity,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)
from tests.conformance.case import case
from tests.conformance.tree import OFTEN, below, counts, crash_child, end_child, ends, ids, lives, puppet, ref_of, start
from tests.supervision.facts import Facts

GAVE_UP = Shutdown("reached_max_restart_intensity")
ONCE = RestartIntensity(1, 3600.0)


def three_levels(system: ActorSystem, scripts: dict[str, Script]) -> SupervisorHandle:
    """top (one_for_all) over left and right, each with two workers that follow `scripts`."""

    def side(name: str) -> SupervisorSpec:
        workers = [puppet(f"{name}{number}", scripts.setdefault(f"{name}{number}", Script())) for number in (1, 2)]
        return SupervisorSpec(children=workers, intensity=ONCE, backoff=NO_BACKOFF)

    return start(
        system,
        supervisor_child("left", side("left")),
        supervisor_child("right", side("right")),
        strategy=Strategy.ONE_FOR_ALL,
    )


@case("O-57")
def test_o_57_the_crash_of_a_worker_is_a_matter_of_its_own_supervisor(system: ActorSystem, facts: Facts) -> None:
    top = three_levels(system, {})
    left, right = below(top, "left"), below(top, "right")
    assert counts(top) == (2, 2, 2, 0)
    before = ref_of(right, "right1").incarnation
    crash_child(left, facts, "left1")
    assert (lives(left), lives(right)) == ({"left1": 2, "left2": 1}, {"right1": before, "right2": 1})
    assert lives(top) == {"left": 1, "right": 1}


@case("O-57")
@pytest.mark.parametrize("cannot_start", [True, False])
def test_o_57_a_supervisor_that_gives_up_brings_its_level_back_as_it_was_specified(
    system: ActorSystem, facts: Facts, cannot_start: bool
) -> None:
    scripts: dict[str, Script] = {}
    top = three_levels(system, scripts)
    left, right = below(top, "left"), below(top, "right")
    left.start_child(puppet("added"))
    right.start_child(puppet("added too"))
    right.terminate_child("right2")
    top_left, top_right = left.ref, right.ref

    if cannot_start:  # the next start fails, so that one crash is enough
        scripts["left1"].on_start = lambda puppet: crash()(puppet) if puppet.incarnation == 2 else None
        ref_of(left, "left1").tell(crash())
    else:
        crash_child(left, facts, "left1")
        end_child(left, facts, "left1")
    facts.wait(ChildTerminated, child_id="left", reason=GAVE_UP)
    facts.wait(ChildStarted, child_id="right", times=2)

    # The refs of the level stay; below them everything is new: what was added is lost, what was stopped is back.
    assert (ref_of(top, "left"), ref_of(top, "right")) == (top_left, top_right)
    assert (lives(top), counts(top)) == ({"left": 2, "right": 2}, (2, 2, 2, 0))
    assert lives(left) == {"left1": 1, "left2": 1}
    assert lives(right) == {"right1": 1, "right2": 1}
    assert facts.wait(ChildTerminated, child_id="right").reason == SHUTDOWN


@case("O-57")
def test_o_57_a_supervisor_that_was_terminated_by_hand_comes_back_with_the_level(
    system: ActorSystem, facts: Facts
) -> None:
    top = three_levels(system, {})
    top.terminate_child("right")
    assert counts(top) == (2, 1, 2, 0)
    crash_child(below(top, "left"), facts, "left1")
    end_child(below(top, "left"), facts, "left2")
    facts.wait(ChildStarted, child_id="right", times=2)
    assert counts(top) == (2, 2, 2, 0)
    assert ids(below(top, "right")) == ["right1", "right2"]


@case("O-57")
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_o_57_attempts_multiply_from_level_to_level(system: ActorSystem, facts: Facts, levels: int) -> None:
    script = Script()
    spec = SupervisorSpec(children=[puppet("worker", script)], intensity=ONCE, backoff=NO_BACKOFF)
    for _ in range(levels - 1):
        spec = SupervisorSpec(children=[supervisor_child("inner", spec)], intensity=ONCE, backoff=NO_BACKOFF)
    top = SupervisorHandle.start(system, spec)
    crashes = 0
    while top.ref.is_alive():
        handle = below(top, *["inner"] * (levels - 1))
        ref_of(handle, "worker").tell(crash())
        crashes += 1
        if crashes == 2**levels:
            break
        facts.wait(ChildStarted, child_id="worker", times=crashes + 1)
        _all_up(top, levels)
    assert facts.wait(ActorExited, ref=top.ref).reason == GAVE_UP
    assert crashes == 2**levels
    assert len(facts.all(IntensityReached)) == 2**levels - 1


def _all_up(top: SupervisorHandle, levels: int) -> None:
    """Wait until the whole tree runs: a level is ready when all below it are."""
    for _ in range(10_000):
        handle, depth = top, 0
        while handle.ref.is_alive() and counts(handle)[1] == 1 and depth < levels - 1:
            handle, depth = below(handle, "inner"), depth + 1
        if depth == levels - 1 and handle.ref.is_alive() and counts(handle)[1] == 1:
            return
    raise AssertionError("the tree does not come back")


@case("O-57")
@pytest.mark.parametrize("restart", Restart)
def test_o_57_a_supervisor_that_gives_up_ends_cleanly_so_that_only_a_permanent_one_returns(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    inner = SupervisorSpec(children=[puppet("worker")], intensity=RestartIntensity(0, 1.0))
    top = start(system, supervisor_child("inner", inner, restart=restart), puppet("other"))
    end_child(below(top, "inner"), facts, "worker")
    assert facts.wait(ChildTerminated, child_id="inner").reason == GAVE_UP
    if restart is Restart.PERMANENT:
        facts.wait(ChildStarted, child_id="inner", times=2)
        assert counts(top) == (2, 2, 1, 1)
    else:
        assert counts(top) == ((2, 1, 1, 1) if restart is Restart.TRANSIENT else (1, 1, 0, 1))


@case("O-57")
def test_o_57_a_tree_stops_from_its_last_leaf(system: ActorSystem, facts: Facts) -> None:
    top = three_levels(system, {})
    top.stop()
    assert [name for name, _ in ends(facts)] == ["right2", "right1", "left2", "left1"]
    assert {event.reason for event in facts.all(ActorExited)} == {SHUTDOWN}


# Names


def named(system: ActorSystem) -> SupervisorHandle:
    inner = SupervisorSpec(
        Strategy.ONE_FOR_ALL,
        [puppet("worker", name="worker"), puppet("other", name="other")],
        intensity=OFTEN,
        backoff=NO_BACKOFF,
    )
    return start(system, supervisor_child("inner", inner, name="inner"), strategy=Strategy.ONE_FOR_ALL)


@case("O-65")
@pytest.mark.parametrize("how", ["supervisor killed", "worker killed", "worker crashed", "terminated and restarted"])
def test_o_65_names_lead_to_the_new_life_however_the_last_one_ended(
    system: ActorSystem, facts: Facts, how: str
) -> None:
    top = named(system)
    inner = SupervisorHandle.named(system, "inner")
    for turn in (2, 3):
        match how:
            case "supervisor killed":
                inner.ref.kill()
                facts.wait(ChildStarted, child_id="inner", times=turn)
            case "worker killed":
                ref_of(inner, "worker").kill()
                facts.wait(ChildStarted, child_id="other", times=turn)
            case "worker crashed":
                ref_of(inner, "worker").tell(crash())
                facts.wait(ChildStarted, child_id="other", times=turn)
            case _:
                top.terminate_child("inner")
                assert [system.whereis(name) for name in ("inner", "worker", "other")] == [None] * 3
                top.restart_child("inner")
        found = SupervisorHandle.named(system, "inner")
        assert found.ref is ref_of(top, "inner")
        for name in ("worker", "other"):
            assert system.whereis(name) is ref_of(found, name)
            assert ref_of(found, name).ask("hello") == "hello"
        if how.startswith("worker"):
            assert (lives(found), found.ref.incarnation) == ({"worker": turn, "other": turn}, 1)
        else:
            assert found.ref.incarnation == turn


@case("O-65")
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_o_65_a_worker_that_is_slow_to_end_with_its_killed_supervisor_does_not_keep_its_name(
    system: ActorSystem, facts: Facts, levels: int
) -> None:
    hold = Hold()
    script = Script(on_stop=lambda puppet: hold() if puppet.name == "worker" else None)
    spec = SupervisorSpec(children=[puppet("worker", script, name="worker")], backoff=NO_BACKOFF)
    for _ in range(levels - 1):
        spec = SupervisorSpec(children=[supervisor_child("inner", spec)], backoff=NO_BACKOFF)
    top = start(system, supervisor_child("inner", spec))
    worker = system.whereis("worker")
    assert worker is not None
    ref_of(top, "inner").kill()
    hold.wait_reached()
    facts.wait(ChildStarted, supervisor="root", child_id="inner", times=2)
    assert not facts.all(ChildStartFailed)
    found = system.whereis("worker")
    assert found is ref_of(below(top, *["inner"] * levels), "worker")
    assert found is not worker
    hold.release()
    facts.wait(ActorExited, ref=worker)
    assert system.whereis("worker") is found


@case("O-65")
def test_o_65_a_killed_supervisor_leaves_no_worker_and_no_name_behind(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("worker", name="worker"), name="top")
    worker = ref_of(handle, "worker")
    handle.ref.kill()
    assert facts.wait(ActorExited, ref=worker).reason == KILLED
    assert (system.whereis("top"), system.whereis("worker")) == (None, None)
    again = start(system, puppet("worker", name="worker"), name="top")
    assert ref_of(again, "worker").actor_class is Puppet
