"""Bugs that other supervisors had in their shutdown, and the rules that keep them out."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial

import pytest

from regrow.actors import HOOKS, ActorExited, ActorSystem, CallingSelf, Cause, ChildType, Exit
from regrow.actors.child_spec import BrutalKill, Grace, Infinity
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, exit_with
from regrow.protocol.exits import NORMAL, SHUTDOWN
from regrow.supervision import (
    ChildTerminated,
    DescribeTree,
    ShutdownError,
    SupervisorHandle,
    SupervisorSpec,
    SupervisorStopping,
    Unstopped,
    supervisor_child,
)
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.requests import TerminateChild
from regrow.supervision.results import Done
from tests.conformance.case import case
from tests.conformance.tree import BOOM, below, ends, info_of, lives, puppet, ref_of, start
from tests.supervision.facts import Facts
from tests.supervision.stage import Stage, child


@case("B-33")
def test_b_33_a_supervisor_that_is_killed_while_it_stops_takes_its_children_along(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    hold = Hold()
    slow = puppet("slow", Script(on_stop=hold), shutdown=Infinity())
    middle = SupervisorSpec(children=[puppet("leaf"), slow])
    top = start(system, supervisor_child("middle", middle, shutdown=Grace(1.0)))
    leaf = ref_of(below(top, "middle"), "leaf")
    stopping = top.ref.ask(TerminateChild("middle"), block=False)
    hold.wait_reached()
    clock.advance(1.0)  # now the middle is killed, in the middle of its own stop
    stopping.get(timeout=5.0)
    facts.wait(ActorExited, ref=leaf)
    hold.release()
    facts.wait_where(ActorExited, lambda event: event.ref.name == "slow")


@case("B-34")
@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, BOOM], ids=str)
def test_b_34_a_child_that_ends_by_itself_while_it_is_stopped_keeps_its_own_reason(
    system: ActorSystem, facts: Facts, reason: object
) -> None:
    hold = Hold()
    handle = start(system, puppet("a", shutdown=Grace(60.0)))
    ref_of(handle, "a").tell(lambda puppet: (hold(), puppet.exit(reason)))
    hold.wait_reached()
    stopping = handle.ref.ask(TerminateChild("a"), block=False)
    info_of(handle, "a")
    hold.release()
    stopping.get(timeout=5.0)
    assert facts.wait(ChildTerminated, child_id="a").reason == reason


@case("B-35")
def test_b_35_a_child_that_cuts_its_link_cannot_hang_the_stop(system: ActorSystem) -> None:
    handle = start(system, puppet("a"), puppet("b"))
    for name in ("a", "b"):
        ref_of(handle, name).ask(lambda puppet: puppet.unlink(puppet.parent), timeout=5.0)
    handle.terminate_child("b", timeout=5.0)
    handle.stop(timeout=5.0)


@case("B-36")
def test_b_36_supervisors_have_all_the_time_to_stop_and_workers_five_seconds() -> None:
    spec = supervisor_child("inner", SupervisorSpec())
    assert (spec.type, spec.effective_shutdown) == (ChildType.SUPERVISOR, Infinity())
    assert puppet("a").effective_shutdown == Grace(5.0)
    stage = Stage(child("inner", type=ChildType.SUPERVISOR)).boot()
    stage.stops["inner"] = "hang"
    stage.stop()
    stage.pass_time(1e6)
    assert stage.states() == {"inner": "stopping"}


@case("B-37")
def test_b_37_a_normal_exit_from_outside_ends_nobody_and_a_stop_does(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    ref_of(handle, "a").exit(NORMAL)
    assert ref_of(handle, "a").ask("ping", timeout=5.0) == "ping"
    assert lives(handle) == {"a": 1}
    handle.terminate_child("a")
    assert not ref_of(handle, "a").is_alive()


@case("B-38")
def test_b_38_a_handler_that_swallows_everything_cannot_swallow_the_stop(system: ActorSystem, facts: Facts) -> None:
    script = Script()

    hold = Hold()

    def swallow(_puppet: Puppet) -> None:
        with suppress(Exception):
            hold()
            raise ValueError("nobody hears of this")

    handle = start(system, puppet("a", script, shutdown=Grace(60.0)))
    ref_of(handle, "a").tell(swallow)
    hold.wait_reached()
    stopping = handle.ref.ask(TerminateChild("a"), block=False)
    hold.release()
    stopping.get(timeout=5.0)
    assert script.hooks()[-1] == "on_stop"  # cleanup needs no trapping of exits
    assert facts.all(ShutdownError) == []


@case("B-39")
def test_b_39_a_child_that_never_ends_is_given_up_in_time_and_its_late_end_disturbs_nobody(
    clock: ManualClock,
) -> None:
    stage = Stage(child("a", shutdown=Grace(1.0))).boot()
    stage.stops["a"] = "immortal"
    stage.stop()
    stage.pass_time(1.0 + 5.0)
    assert stage.over
    assert stage.saw(Unstopped)
    system = ActorSystem("test", clock=clock)
    hold = Hold()
    handle = start(system, puppet("a", Script(on_stop=hold), shutdown=BrutalKill()))
    ref_of(handle, "a").tell(hold)
    hold.wait_reached()
    handle.stop(timeout=5.0)
    before = threading.active_count()
    hold.release()  # it ends when everybody it could tell is gone
    assert system.shutdown() == ()
    assert threading.active_count() <= before


@case("B-40")
@pytest.mark.parametrize("where", ["on_start", "on_receive", "on_stop"])
def test_b_40_who_would_wait_for_its_own_end_is_told(system: ActorSystem, where: str) -> None:
    told: list[BaseException] = []

    def end_myself(puppet: Puppet) -> None:
        assert puppet.parent is not None
        handle = SupervisorHandle(puppet.parent)
        for call in (partial(handle.terminate_child, "a"), handle.stop):
            try:
                call()
            except CallingSelf as error:
                told.append(error)

    handle = start(
        system,
        puppet(
            "a",
            Script(
                on_start=end_myself if where == "on_start" else None, on_stop=end_myself if where == "on_stop" else None
            ),
        ),
    )
    if where == "on_receive":
        ref_of(handle, "a").ask(end_myself, timeout=5.0)
    handle.terminate_child("a", timeout=5.0)
    assert len(told) == 2
    assert handle.ref.is_alive()


@case("B-40")
def test_b_40_and_may_ask_for_it_without_waiting(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"))
    ref_of(handle, "a").tell(lambda puppet: puppet.parent.ask(TerminateChild("a"), block=False) and None)
    assert facts.wait(ChildTerminated, child_id="a").expected is True


@case("B-41")
def test_b_41_which_hook_runs_for_which_cause_is_a_table_and_the_end_is_told_after_it(system: ActorSystem) -> None:
    assert {cause.name: hook for cause, hook in HOOKS.items()} == {
        "STOPPED": "on_stop",
        "EXITED": "on_stop",
        "SIGNALED": "on_stop",
        "CRASHED": "on_failure",
        "INTERRUPTED": "on_failure",
        "START_FAILED": "on_failure",
        "DECLINED": None,
        "KILLED": None,
    }
    assert HOOKS[Cause.KILLED] is None
    script = Script()
    ref = system.spawn(Puppet, script)
    ref.stop(timeout=5.0)
    assert script.hooks()[-1] == "on_stop"


@case("B-42")
def test_b_42_a_deep_tree_is_killed_and_ends_without_recursion(system: ActorSystem, facts: Facts) -> None:
    spec = SupervisorSpec(children=[puppet("leaf")])
    for _ in range(100):
        spec = SupervisorSpec(children=[supervisor_child("below", spec)])
    handle = SupervisorHandle.start(system, spec)
    handle.ref.kill()
    facts.wait_where(ActorExited, lambda event: event.ref.name == "leaf")


@case("B-42")
def test_b_42_a_circle_of_links_ends_once(system: ActorSystem, facts: Facts) -> None:
    refs = [system.spawn(Puppet) for _ in range(5)]
    for one, other in zip(refs, [*refs[1:], refs[0]], strict=True):
        system.link(one, other)
    system.link(refs[0], refs[0])
    refs[2].tell(exit_with(BOOM))
    for ref in refs:
        facts.wait(ActorExited, ref=ref)
    assert len(facts.all(ActorExited)) == 5


@case("B-43")
def test_b_43_looking_changes_nothing_and_a_stopping_supervisor_adopts_nobody() -> None:
    stage = Stage(child("a", shutdown=Grace(9.0)), child("b")).boot()
    before = (stage.states(), list(stage.log), dict(stage.timers))
    for request in (ask.WhichChildren(), ask.CountChildren(), ask.GetChildSpec("a")):
        stage.request(request)
    assert (stage.states(), stage.log, stage.timers) == before
    stage.stops["a"] = "hang"
    stage.stop()
    assert isinstance(stage.ask(ask.StartChild(child("late"))), SupervisorStopping)
    stage.feed(ev.LifeReady("late", 99))
    assert "late" not in stage.states()


@case("B-43")
def test_b_43_a_description_of_the_tree_does_not_touch_it(system: ActorSystem) -> None:
    top = start(system, supervisor_child("inner", SupervisorSpec(children=[puppet("leaf")])))
    before = lives(top), system.relations.living()
    for _ in range(3):
        top.ref.ask(DescribeTree(), timeout=5.0)
    assert (lives(top), system.relations.living()) == before


@case("B-44")
def test_b_44_a_child_that_was_removed_is_not_reported_as_stuck_later() -> None:
    stage = Stage(child("a", shutdown=Grace(1.0))).boot()
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert stage.timers == {}
    stage.pass_time(10.0)
    stage.stop()
    stage.pass_time(10.0)
    assert stage.saw(Unstopped) == stage.saw(ShutdownError) == []


@case("B-38")
def test_b_38_what_waits_does_not_hold_the_stop_up(system: ActorSystem, facts: Facts) -> None:
    hold, done = Hold(), []
    handle = start(system, puppet("a", shutdown=Grace(60.0)))
    ref_of(handle, "a").tell(hold)
    hold.wait_reached()
    for number in range(1000):
        ref_of(handle, "a").tell(lambda _puppet, number=number: done.append(number))
    stopping = handle.ref.ask(TerminateChild("a"), block=False)
    info_of(handle, "a")
    hold.release()
    stopping.get(timeout=5.0)
    assert done == []
    assert [reason for _, reason in ends(facts)] == [SHUTDOWN]


@case("B-39")
def test_b_39_the_end_of_a_parent_that_is_gone_reaches_its_child(system: ActorSystem) -> None:
    probe = Probe(system)
    handle = start(system, puppet("a"))
    probe.link(ref_of(handle, "a"))
    handle.ref.kill()
    assert probe.expect(Exit).sender is not None
