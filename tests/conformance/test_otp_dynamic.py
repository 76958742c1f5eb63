"""OTP's supervisor_SUITE: the cases of simple_one_for_one, which is a DynamicSupervisor with a template here."""

from __future__ import annotations

import pytest

from regrow.actors import ActorExited, ActorRef, ActorSystem, ChildSpec, Grace, Ignore, Restart, Start
from regrow.actors.child_spec import BrutalKill
from regrow.actors.testing import Hold, ManualClock, Puppet, Script, crash, exit_with
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from regrow.supervision import (
    AutoShutdown,
    ChildCounts,
    ChildNotFound,
    ChildStarted,
    ChildStartFailed,
    DynamicSpec,
    DynamicSupervisorHandle,
    FailedToStartChild,
    InvalidSpec,
    NotOffered,
    RestartIntensity,
    ShutdownErrors,
)
from regrow.supervision import commands as do
from regrow.supervision import core_events as ev
from regrow.supervision import requests as ask
from regrow.supervision.child import is_shutdown_error
from tests.conformance import crowd
from tests.conformance.case import case
from tests.conformance.crowd import counts, info_of, running, template, turns, well
from tests.conformance.tree import BOOM
from tests.supervision.dynamic_stage import DynamicStage
from tests.supervision.effort import Crowd, steps
from tests.supervision.facts import Facts
from tests.supervision.stage import child

REASONS: list[ExitReason] = [NORMAL, SHUTDOWN, Shutdown("for today"), Crash("ValueError", "boom")]


class Rows:
    """Starts puppets of one template and keeps their refs; each is given its script as its own argument."""

    def __init__(self, system: ActorSystem, *, intensity: RestartIntensity | None = None, **more: object) -> None:
        spec = ChildSpec(id="child", start=Start(Puppet), **more)  # type: ignore[arg-type]
        settings = {} if intensity is None else {"intensity": intensity}
        self.handle: DynamicSupervisorHandle = crowd.start(system, template=spec, **settings)

    def add(self, script: Script | None = None) -> ActorRef:
        return running(self.handle.start_child_with(script or Script()).ref)


# Starts


@case("O-06")
def test_o_06_only_who_runs_is_listed(system: ActorSystem) -> None:
    rows = Rows(system, restart=Restart.TEMPORARY)
    runs = rows.add()
    assert rows.handle.start_child_with(Script(on_start=crash(Ignore()))).ref is None
    assert [info.ref for info in rows.handle.which_children()] == [runs]
    assert counts(rows.handle) == (1, 1, 0, 1)


@case("O-12")
def test_o_12_a_start_that_fails_or_gives_garbage_leaves_nothing_behind(system: ActorSystem) -> None:
    rows = Rows(system)
    with pytest.raises(FailedToStartChild, match="child 'child-1' failed to start: crash: ValueError: error"):
        rows.add(Script(on_start=crash(ValueError("error"))))
    assert rows.handle.which_children() == ()
    garbage = crowd.start(system, template=ChildSpec(id="child", start=Start(lambda: "garbage")))
    with pytest.raises(FailedToStartChild, match="'garbage'"):
        garbage.start_child_with()
    assert garbage.which_children() == ()
    assert counts(garbage) == (1, 0, 0, 0)


@case("O-14")
def test_o_14_the_spec_of_a_child_is_the_template(system: ActorSystem) -> None:
    spec = template()
    handle = crowd.start(system, template=spec)
    first, second = (running(handle.start_child_with().ref) for _ in range(2))
    assert handle.get_childspec(first) is spec
    assert handle.get_childspec(second) is spec
    assert (spec.restart, spec.effective_shutdown, str(spec.type)) == (Restart.PERMANENT, Grace(5.0), "worker")
    with pytest.raises(ChildNotFound):
        handle.get_childspec(handle.ref)


# Stops


@case("O-18")
@pytest.mark.parametrize("restart", Restart)
def test_o_18_who_outstays_its_grace_is_killed(
    system: ActorSystem, facts: Facts, clock: ManualClock, restart: Restart
) -> None:
    rows, hold = Rows(system, shutdown=Grace(1.0), restart=restart), Hold()
    good, slow = rows.add(), rows.add(Script(on_stop=hold))
    rows.handle.ref.shutdown()
    hold.wait_reached()
    assert facts.wait(ActorExited, ref=good).reason == SHUTDOWN
    clock.advance(0.999)
    assert rows.handle.ref.is_alive()
    clock.advance(0.001)
    assert facts.wait(ActorExited, ref=slow).reason == KILLED
    assert facts.wait(ActorExited, ref=rows.handle.ref).reason == SHUTDOWN
    hold.release()


@case("O-20")
def test_o_20_ten_brutal_kills_are_no_error(system: ActorSystem, facts: Facts) -> None:
    rows, script = Rows(system, shutdown=BrutalKill()), Script()
    refs = [rows.add(script) for _ in range(10)]
    rows.handle.stop()
    assert {facts.wait(ActorExited, ref=ref).reason for ref in refs} == {KILLED}
    assert set(script.hooks()) == {"on_start"}
    assert not facts.all(ShutdownErrors)


@case("O-22")
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_o_22_whatever_a_child_answers_a_stop_with_the_supervisor_ends_with_shutdown(
    system: ActorSystem, facts: Facts, restart: Restart, reason: ExitReason
) -> None:
    rows = Rows(system, restart=restart)
    refs = [rows.add(Script(on_stop_request=exit_with(reason))) for _ in range(2)]
    rows.handle.stop()
    assert facts.wait(ActorExited, ref=rows.handle.ref).reason == SHUTDOWN
    assert [facts.wait(ActorExited, ref=ref).reason for ref in refs] == [reason, reason]
    wrong = is_shutdown_error(template(restart=restart), reason)
    assert [(event.reason, event.children) for event in facts.all(ShutdownErrors)] == [(reason, 2)] * wrong
    assert len(facts.all(ChildStarted)) == 2


@case("O-36")
def test_o_36_children_stop_side_by_side_and_the_slow_one_is_killed_in_time(
    system: ActorSystem, facts: Facts, clock: ManualClock
) -> None:
    rows, holds = Rows(system, shutdown=Grace(2.0)), [Hold(), Hold(), Hold()]
    refs = [rows.add(Script(on_stop=hold)) for hold in holds]
    began = clock.now()
    rows.handle.ref.shutdown()
    for hold in holds:
        hold.wait_reached()
    clock.advance(1.0)
    for hold in holds[:2]:
        hold.release()
    assert [facts.wait(ActorExited, ref=ref).reason for ref in refs[:2]] == [SHUTDOWN, SHUTDOWN]
    assert counts(rows.handle) == (1, 1, 0, 1)
    clock.advance(1.0)
    assert facts.wait(ActorExited, ref=refs[2]).reason == KILLED
    facts.wait(ActorExited, ref=rows.handle.ref)
    assert clock.now() - began == 2.0
    holds[2].release()


# Requests


@case("O-25")
def test_o_25_a_child_is_terminated_by_its_ref_and_nobody_else_is(system: ActorSystem) -> None:
    rows = Rows(system)
    handle = rows.handle
    assert counts(handle) == (1, 0, 0, 0)
    first, second = rows.add(), rows.add()
    assert counts(handle) == (1, 2, 0, 2)
    with pytest.raises(ChildNotFound):
        handle.terminate_child("child")
    handle.terminate_child(first)
    assert not first.is_alive()
    handle.terminate_child(first)  # dead, so there is nothing to do
    stranger = system.spawn(Puppet)
    with pytest.raises(ChildNotFound):
        handle.terminate_child(stranger)
    assert stranger.is_alive()
    for request in (ask.RestartChild(second.name), ask.DeleteChild(second.name), ask.StartChild(template())):
        with pytest.raises(NotOffered):
            handle.ref.ask(request)
    assert counts(handle) == (1, 1, 0, 1)
    stranger.stop()


@case("O-58")
def test_o_58_counts_and_list_agree_with_many(system: ActorSystem, facts: Facts) -> None:
    rows = Rows(system, restart=Restart.TEMPORARY, shutdown=BrutalKill())
    refs: list[ActorRef] = []
    for size in (50, 100):
        refs += [rows.add() for _ in range(50)]
        for _ in range(3):
            assert counts(rows.handle) == (1, size, 0, size)
            assert len(rows.handle.which_children()) == size
    for ref in refs:
        ref.kill()
    for ref in refs:
        facts.wait(ActorExited, ref=ref)
    assert counts(rows.handle) == (1, 0, 0, 0)
    assert rows.handle.which_children() == ()


@case("O-58")
def test_o_58_counts_and_list_agree_with_thousands_in_the_core() -> None:
    for size in (1000, 2000):
        crowd_of_them = Crowd(size)
        assert len(crowd_of_them.core.children(0.0)) == size
        for _ in range(2):
            [answer] = crowd_of_them.feed(ev.Requested(ask.CountChildren(), 1))
            assert answer == do.Reply(1, ChildCounts(size, size, 0, size))


@case("O-64")
def test_o_64_ending_ten_times_as_many_temporary_children_costs_about_ten_times_as_much() -> None:
    few, many = Crowd(50, Restart.TEMPORARY), Crowd(500, Restart.TEMPORARY)
    assert steps(many.stop) < 15 * steps(few.stop)

    def terminate_all(crowd_of_them: Crowd) -> None:
        for _ in range(len(crowd_of_them.lives)):
            crowd_of_them.terminate()
            crowd_of_them.lives.popitem()

    few, many = Crowd(50, Restart.TEMPORARY), Crowd(500, Restart.TEMPORARY)
    assert steps(lambda: terminate_all(many)) < 15 * steps(lambda: terminate_all(few))


# Restarts


@case("O-37")
def test_o_37_children_with_extra_info_are_restarted_within_the_intensity(system: ActorSystem, facts: Facts) -> None:
    def tell_more(puppet: Puppet) -> object:
        puppet.start_info = "extra"
        return None

    rows = Rows(system, intensity=RestartIntensity(2, 5.0))
    started = [rows.handle.start_child_with(Script(on_start=tell_more)) for _ in range(2)]
    assert [one.info for one in started] == ["extra", "extra"]
    first, second = (running(one.ref) for one in started)
    assert crowd.crash(facts, first, BOOM).restarts == 1
    assert crowd.crash(facts, second, BOOM).restarts == 1
    crowd.end(facts, first, BOOM)
    assert facts.wait(ActorExited, ref=rows.handle.ref).reason == Shutdown("reached_max_restart_intensity")
    assert facts.wait(ActorExited, ref=second, incarnation=2).reason == SHUTDOWN


@case("O-38")
def test_o_38_a_child_that_cannot_start_again_ends_its_siblings_and_its_supervisor(
    system: ActorSystem, facts: Facts
) -> None:
    rows = Rows(system, intensity=RestartIntensity(4, 3600.0))
    failing, sibling = rows.add(Script(on_start=turns(well, crash(ValueError("error"))))), rows.add()
    failing.tell(exit_with(BOOM))
    assert facts.wait(ActorExited, ref=rows.handle.ref).reason == Shutdown("reached_max_restart_intensity")
    assert len(facts.all(ChildStartFailed)) == 4
    assert not sibling.is_alive()


@case("O-40")
@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.PERMANENT])
def test_o_40_a_child_that_declines_in_a_restart_is_dropped(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    rows = Rows(system, restart=restart)
    refs = [rows.add(Script(on_start=turns(well, crash(Ignore())))) for _ in range(2)]
    for ref in refs:
        crowd.end(facts, ref, BOOM)
    crowd.settle(rows.handle, lambda found: found == (1, 0, 0, 0))
    assert rows.handle.which_children() == ()
    rows.handle.stop()
    assert facts.wait(ActorExited, ref=rows.handle.ref).reason == SHUTDOWN


@case("O-68")
def test_o_68_requests_are_served_while_a_restart_hangs_and_its_old_ref_cancels_it(
    system: ActorSystem, facts: Facts, clock: ManualClock
) -> None:
    def held(hold: Hold) -> crowd.Command:
        def command(puppet: Puppet) -> object:
            hold(puppet)
            raise ValueError("error")

        return command

    rows = Rows(system, shutdown=Grace(2.0))
    holds = [Hold(), Hold()]
    hanging = rows.add(Script(on_start=turns(well, *map(held, holds))))
    hanging.tell(exit_with(BOOM))
    holds[0].wait_reached()
    info = info_of(rows.handle, hanging)
    assert info is not None
    assert (info.restarting, info.state) == (True, "starting")
    assert counts(rows.handle) == (1, 0, 0, 1)
    holds[0].release()
    holds[1].wait_reached()
    assert len(facts.all(ChildStartFailed)) == 1
    terminated = rows.handle.ref.ask(ask.TerminateChild(hanging), block=False)
    assert counts(rows.handle) == (1, 0, 0, 1)
    clock.advance(2.0)
    terminated.get(timeout=5.0)
    assert counts(rows.handle) == (1, 0, 0, 0)
    holds[1].release()
    assert crowd.crash(facts, rows.add(), BOOM).restarts == 1


@case("O-68")
def test_o_68_the_supervisor_can_be_stopped_while_a_restart_hangs(
    system: ActorSystem, facts: Facts, clock: ManualClock
) -> None:
    rows, hold = Rows(system, shutdown=Grace(2.0)), Hold()
    hanging = rows.add(Script(on_start=turns(well, hold)))
    hanging.tell(exit_with(BOOM))
    hold.wait_reached()
    rows.handle.ref.shutdown()
    rows.handle.count_children()
    clock.advance(2.0)
    assert facts.wait(ActorExited, ref=rows.handle.ref).reason == SHUTDOWN
    assert facts.wait(ActorExited, ref=hanging, incarnation=2).reason == KILLED
    hold.release()


# Another spec


@case("O-71")
def test_o_71_new_settings_count_and_nobody_is_started_or_stopped(system: ActorSystem, facts: Facts) -> None:
    rows = Rows(system)
    first = rows.add()
    done = rows.handle.reconfigure(
        DynamicSpec(RestartIntensity(1, 3600.0), template=template(restart=Restart.TRANSIENT))
    )
    assert done.own == ("intensity", "backoff", "template")
    assert (first.is_alive(), first.incarnation) == (True, 1)
    assert rows.handle.get_childspec(first).restart == Restart.TRANSIENT
    crowd.end(facts, first, NORMAL)
    assert counts(rows.handle) == (1, 0, 0, 0)


@case("O-71")
def test_o_71_a_new_template_is_what_restarts_are_by() -> None:
    stage = DynamicStage(template=child("old"))
    ref = stage.add_with("own")
    new = DynamicSpec(template=ChildSpec(id="new", start=Start(int, ("template",))), name="top")
    stage.ask(ask.Reconfigure(new))
    stage.crash(ref)
    assert stage.states() == {ref: "running"}
    assert stage.core.children(stage.now)[0].restarts == 1


@case("O-72")
@pytest.mark.parametrize(
    ("spec", "where"),
    [
        (DynamicSpec(template=template(shutdown=Grace(-1))), "template ('child').shutdown.seconds"),
        (DynamicSpec(template=template(restart="forever")), "template ('child').restart"),
        (DynamicSpec(intensity="often", template=template()), "intensity"),  # type: ignore[arg-type]
        (DynamicSpec(template=[template(), template()]), "template"),  # type: ignore[arg-type]
        (DynamicSpec(), "template"),
    ],
)
def test_o_72_a_bad_template_or_none_is_refused_and_the_old_one_stays(
    system: ActorSystem, spec: DynamicSpec, where: str
) -> None:
    rows = Rows(system)
    first = rows.add()
    before = rows.handle.get_childspec(first)
    with pytest.raises(InvalidSpec) as caught:
        rows.handle.reconfigure(spec)
    assert [problem.where for problem in caught.value.problems] == [where]
    assert rows.handle.get_childspec(first) is before


@case("O-84")
@pytest.mark.parametrize("mode", [AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT])
def test_o_84_auto_shutdown_is_never_accepted(system: ActorSystem, mode: AutoShutdown) -> None:
    for spec in (DynamicSpec(auto_shutdown=mode), DynamicSpec(auto_shutdown=mode, template=template())):
        with pytest.raises(InvalidSpec, match=r"auto_shutdown: expected AutoShutdown\.NEVER, as a Dynamic"):
            DynamicSupervisorHandle.start(system, spec)


@case("O-84")
def test_o_84_no_child_of_it_is_significant(system: ActorSystem) -> None:
    significant = template(restart=Restart.TRANSIENT, significant=True)
    with pytest.raises(InvalidSpec, match="False under a DynamicSupervisor, which has no auto_shutdown"):
        DynamicSupervisorHandle.start(system, DynamicSpec(template=significant))
    with pytest.raises(InvalidSpec, match="False under a DynamicSupervisor, which has no auto_shutdown"):
        crowd.start(system).start_child(significant)
