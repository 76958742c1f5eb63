"""Elixir's dynamic_supervisor_test.exs: how a DynamicSupervisor starts, what it starts, and how it restarts."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.actors import Actor, ActorExited, ActorSystem, ChildSpec, Ignore, Restart, Start
from regrow.actors.testing import Probe, Script, crash, exit_with
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from regrow.supervision import (
    AlreadyStarted,
    AutoShutdown,
    Backoff,
    ChildStarted,
    ChildStartFailed,
    DynamicSpec,
    DynamicSupervisor,
    DynamicSupervisorHandle,
    FailedToStartChild,
    InvalidSpec,
    MaxChildren,
    RestartIntensity,
    Strategy,
    dynamic_supervisor_child,
)
from tests.conformance import crowd, tree
from tests.conformance.case import case
from tests.conformance.crowd import add, counts, info_of, turns, well
from tests.conformance.tree import BOOM, puppet
from tests.supervision.dynamic_stage import DynamicStage
from tests.supervision.facts import Facts
from tests.supervision.stage import child

CLEAN: list[ExitReason] = [NORMAL, SHUTDOWN, Shutdown("signal")]


class Named(Actor):
    """Tells its supervisor's user what it was started with."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__()
        self.start_info = (args, kwargs)

    def on_receive(self, message: object) -> object:
        if callable(message):
            message(self)
        return self.start_info


# How it starts


@case("ED-01")
def test_ed_01_it_is_supervised_directly_and_under_a_name(system: ActorSystem, facts: Facts) -> None:
    top = tree.start(system, dynamic_supervisor_child("crowd", DynamicSpec(), name="my-crowd"))
    handle = DynamicSupervisorHandle.named(system, "my-crowd")
    assert counts(handle) == (0, 0, 0, 0)
    worker = add(handle)
    assert tree.counts(top) == (1, 1, 1, 0)
    handle.ref.kill()
    facts.wait(ActorExited, ref=worker)
    facts.wait(ChildStarted, child_id="crowd", times=2)
    assert counts(DynamicSupervisorHandle.named(system, "my-crowd")) == (0, 0, 0, 0)


@case("ED-02")
def test_ed_02_named_and_unnamed_ones_live_side_by_side_and_an_id_is_taken_once(system: ActorSystem) -> None:
    top = tree.start(system, dynamic_supervisor_child("crowd"), dynamic_supervisor_child("other", name="named"))
    handles = [crowd.start(system), crowd.start(system), crowd.start(system, name="a name")]
    for handle in [*handles, DynamicSupervisorHandle(tree.ref_of(top, "crowd"))]:
        add(handle)
        assert counts(handle) == (1, 1, 0, 1)
    with pytest.raises(AlreadyStarted):
        top.start_child(dynamic_supervisor_child("crowd"))


@case("ED-05")
@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"strategy": Strategy.ONE_FOR_ALL}, "strategy"),
        ({"strategy": "unknown"}, "strategy"),
        ({"intensity": 3}, "intensity"),
        ({"max_children": -1}, "max_children"),
        ({"max_children": 1.0}, "max_children"),
        ({"extra_arguments": "args"}, "extra_arguments"),
        ({"auto_shutdown": AutoShutdown.ANY_SIGNIFICANT}, "auto_shutdown"),
        ({"auto_shutdown": "never"}, "auto_shutdown"),
    ],
)
def test_ed_05_every_bad_setting_is_named(system: ActorSystem, fields: dict[str, Any], where: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        DynamicSupervisorHandle.start(system, DynamicSpec(**fields))
    assert [problem.where for problem in caught.value.problems] == [where]
    with pytest.raises(InvalidSpec, match=f"invalid spec: {where}: expected"):
        system.spawn(DynamicSupervisor, DynamicSpec(**fields))
    assert system.roots == ()


@case("ED-05")
@pytest.mark.parametrize(("restarts", "seconds", "where"), [(-1, 1.0, "max_restarts"), (3, 0.0, "max_seconds")])
def test_ed_05_a_bad_intensity_cannot_even_be_written(restarts: int, seconds: float, where: str) -> None:
    with pytest.raises(ValueError, match=f"{where}: expected"):
        RestartIntensity(restarts, seconds)


@case("ED-05")
def test_ed_05_what_gives_no_spec_or_declines_starts_nothing(system: ActorSystem) -> None:
    def declines() -> Start:
        raise Ignore

    top = tree.start(system)
    with pytest.raises(FailedToStartChild, match="expected a DynamicSpec, got 7"):
        top.start_child(ChildSpec(id="crowd", start=Start(DynamicSupervisor, (7,))))
    declined = top.start_child(ChildSpec(id="crowd", start=Start(declines)))
    assert declined.ref is None


@case("ED-06")
def test_ed_06_it_is_linked_to_its_starter_registered_and_stopped(system: ActorSystem, facts: Facts) -> None:
    starter = Probe(system)
    handle = DynamicSupervisorHandle.start(system, DynamicSpec(name="my-crowd"), link=starter.ref)
    assert system.whereis("my-crowd") is handle.ref
    other = DynamicSupervisorHandle.start(system, DynamicSpec(), link=starter.ref)
    assert handle.stop() == ()
    assert system.whereis("my-crowd") is None
    starter.ref.kill()
    assert facts.wait(ActorExited, ref=other.ref).reason == KILLED


# Another spec


@case("ED-09")
@pytest.mark.parametrize(
    "fields", [{"max_children": -1}, {"intensity": "often"}, {"extra_arguments": 5}, {"strategy": "unknown"}]
)
def test_ed_09_a_bad_spec_is_refused_and_the_old_one_stays(system: ActorSystem, fields: dict[str, Any]) -> None:
    handle = crowd.start(system, max_children=1)
    with pytest.raises(InvalidSpec):
        handle.reconfigure(DynamicSpec(**fields))
    add(handle)
    with pytest.raises(MaxChildren):
        add(handle)


@case("ED-10")
def test_ed_10_a_lower_limit_keeps_who_is_there_and_admits_nobody(system: ActorSystem) -> None:
    handle = crowd.start(system)
    first, second = add(handle), add(handle)
    assert handle.reconfigure(DynamicSpec(max_children=1)).own == ("intensity", "backoff", "max_children")
    assert (first.is_alive(), second.is_alive()) == (True, True)
    with pytest.raises(MaxChildren, match="has its max_children of 1 already"):
        add(handle)
    handle.terminate_child(first)
    with pytest.raises(MaxChildren):
        add(handle)
    handle.terminate_child(second)
    add(handle)


# What it starts


@case("ED-14")
def test_ed_14_its_extra_arguments_come_first(system: ActorSystem) -> None:
    handle = crowd.start(system, extra_arguments=("extra",))
    started = handle.start_child(ChildSpec(id="w", start=Start(Named, ("own",), {"key": 1})))
    assert started.info == (("extra", "own"), {"key": 1})


@case("ED-16")
def test_ed_16_a_start_gives_ok_more_than_ok_ignore_an_error_or_garbage(system: ActorSystem) -> None:
    def garbage() -> object:
        return "not a start"

    handle = crowd.start(system)
    assert add(handle).is_alive()
    assert handle.start_child(ChildSpec(id="w", start=Start(Named, ("info",)))).info == (("info",), {})
    declined = handle.start_child(puppet("w", Script(on_start=crash(Ignore()))))
    assert (declined.ref, declined.info) == (None, None)
    with pytest.raises(FailedToStartChild, match="crash: ValueError: found") as caught:
        add(handle, Script(on_start=crash(ValueError("found"))))
    assert isinstance(caught.value.reason, Crash)
    with pytest.raises(FailedToStartChild, match="'not a start'"):
        handle.start_child(ChildSpec(id="w", start=Start(garbage)))
    assert counts(handle) == (2, 2, 0, 2)


@case("ED-17")
def test_ed_17_three_ways_to_fail_have_three_shapes_and_hurt_nobody_else(system: ActorSystem) -> None:
    handle = crowd.start(system, intensity=RestartIntensity(0, 1.0))
    shapes: list[ExitReason] = []
    for way in (crash(ValueError("oops")), crash(SystemExit("oops")), exit_with(Shutdown("oops"))):
        with pytest.raises(FailedToStartChild) as caught:
            add(handle, Script(on_start=way))
        shapes.append(caught.value.reason)
    assert [(reason.type, reason.text) for reason in shapes[:2] if isinstance(reason, Crash)] == [
        ("ValueError", "oops"),
        ("SystemExit", "oops"),
    ]
    assert shapes[2] == Shutdown("oops")
    assert counts(handle) == (0, 0, 0, 0)


@case("ED-18")
def test_ed_18_no_more_than_max_children(system: ActorSystem) -> None:
    handle = crowd.start(system, max_children=0)
    with pytest.raises(MaxChildren) as caught:
        add(handle)
    assert caught.value.max_children == 0
    assert counts(handle) == (0, 0, 0, 0)


# How it restarts


@case("ED-20")
def test_ed_20_a_transient_child_is_restarted_unless_it_ends_clean(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system)
    ref = add(handle, restart=Restart.TRANSIENT)
    assert crowd.crash(facts, ref, BOOM).restarts == 1
    for reason in CLEAN:
        other = add(handle, restart=Restart.TRANSIENT)
        crowd.end(facts, other, reason)
        assert info_of(handle, other) is None
    assert counts(handle) == (1, 1, 0, 1)


@case("ED-21")
@pytest.mark.parametrize("reason", [*CLEAN, BOOM], ids=str)
def test_ed_21_a_permanent_child_is_restarted_whatever_the_reason(
    system: ActorSystem, facts: Facts, reason: ExitReason
) -> None:
    handle = crowd.start(system)
    ref = add(handle)
    assert crowd.crash(facts, ref, reason).restarts == 1
    assert (ref.is_alive(), ref.incarnation) == (True, 2)


@case("ED-22")
def test_ed_22_a_restart_that_is_ready_is_listed_with_its_ref(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system)
    ref = add(handle, Script(on_start=turns(well)))
    crowd.crash(facts, ref, BOOM)
    info = info_of(handle, ref)
    assert info is not None
    assert (info.state, info.restarting) == ("running", False)
    assert counts(handle) == (1, 1, 0, 1)


@case("ED-22")
def test_ed_22_a_restart_that_declines_is_dropped(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system)
    ref = add(handle, Script(on_start=turns(well, crash(Ignore()))))
    crowd.end(facts, ref, BOOM)
    crowd.settle(handle, lambda found: found == (0, 0, 0, 0))
    handle.stop()


@case("ED-22")
@pytest.mark.parametrize("way", [crash(ValueError("no")), exit_with(NORMAL), exit_with(Shutdown("no"))])
def test_ed_22_a_restart_that_fails_stays_a_worker_that_is_not_active(
    system: ActorSystem, facts: Facts, way: crowd.Command
) -> None:
    handle = crowd.start(system, backoff=Backoff(base=60.0, cap=60.0, jitter="none"))
    ref = add(handle, Script(on_start=turns(well, way)))
    crowd.end(facts, ref, BOOM)
    facts.wait(ChildStartFailed, child_id=ref.name)
    crowd.settle(handle, lambda found: found == (1, 0, 0, 1))
    info = info_of(handle, ref)
    assert info is not None
    assert (info.restarting, info.state) == (True, "backoff")


@case("ED-24")
def test_ed_24_who_was_restarted_has_one_place_and_no_more(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system, max_children=1)
    ref = add(handle)
    crowd.crash(facts, ref, BOOM)
    with pytest.raises(MaxChildren):
        add(handle)
    handle.terminate_child(ref)
    last = add(handle)
    with pytest.raises(MaxChildren):
        add(handle)
    assert last.is_alive()


@case("ED-25")
def test_ed_25_extra_arguments_are_there_again_in_a_restart(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system, extra_arguments=("extra",))
    ref = crowd.running(handle.start_child(ChildSpec(id="w", start=Start(Named, ("own",)))).ref)
    crowd.crash(facts, ref, BOOM)
    assert ref.ask(None) == (("extra", "own"), {})


@case("ED-26")
def test_ed_26_a_failed_restart_is_tried_again_until_it_succeeds(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system, intensity=RestartIntensity(2, 5.0))
    ref = add(handle, Script(on_start=turns(well, crash(ValueError("not yet")), well)))
    crowd.crash(facts, ref, BOOM)
    assert [event.child_id for event in facts.all(ChildStartFailed)] == [ref.name]
    assert counts(handle) == (1, 1, 0, 1)


@case("ED-28")
def test_ed_28_trying_again_alone_exhausts_the_intensity(system: ActorSystem, facts: Facts) -> None:
    handle = crowd.start(system, intensity=RestartIntensity(1, 5.0))
    other = add(handle)
    ref = add(handle, Script(on_start=turns(well, crash(ValueError("never")))))
    ref.tell(exit_with(BOOM))
    assert facts.wait(ActorExited, ref=handle.ref).reason == Shutdown("reached_max_restart_intensity")
    assert len(facts.all(ChildStartFailed)) == 1
    assert facts.wait(ActorExited, ref=other).reason == SHUTDOWN


@case("ED-28")
def test_ed_28_waits_between_tries_come_out_of_the_same_budget() -> None:
    stage = DynamicStage(intensity=RestartIntensity(3, 60.0), backoff=Backoff(initial=1.0, base=1.0, jitter="none"))
    stage.starts["w-1"] = ["ready", BOOM]
    stage.crash(stage.add(child("w")))
    stage.pass_time(60.0)
    assert stage.attempts == [101.0, 102.0, 104.0]
    assert stage.over
