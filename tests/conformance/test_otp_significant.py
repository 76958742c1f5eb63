"""OTP's supervisor_SUITE: children whose end is the end of their supervisor."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regrow.actors import ActorExited, ActorSystem, Ignore, Restart
from regrow.actors.testing import Script, crash, exit_with, kill_self
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from regrow.supervision import (
    AutoShutdown,
    ChildStarted,
    ChildTerminated,
    InvalidSpec,
    RestartScheduled,
    SignificantChildEnded,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)
from regrow.supervision import requests as ask
from tests.conformance.case import case
from tests.conformance.tree import below, counts, crash_child, end_child, ends, ids, lives, puppet, ref_of, start
from tests.supervision.facts import Facts
from tests.supervision.stage import BOOM, Stage, child

AUTO = Shutdown("auto_shutdown")
ANY, ALL = AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT
CLEAN: list[ExitReason] = [NORMAL, SHUTDOWN, Shutdown("for today")]
REASONS: list[ExitReason] = [*CLEAN, Crash("ValueError", "boom"), KILLED]
OWN_ENDS: dict[str, Callable[..., object]] = {
    "normal": exit_with(NORMAL),
    "shutdown": exit_with(SHUTDOWN),
    "crash": crash(),
    "kill": kill_self,
}


def over(handle: SupervisorHandle, facts: Facts) -> ExitReason:
    return facts.wait(ActorExited, ref=handle.ref).reason


@case("O-80")
@pytest.mark.parametrize("mode", AutoShutdown)
@pytest.mark.parametrize("end", OWN_ENDS)
def test_o_80_a_temporary_child_that_is_not_significant_never_ends_its_supervisor(
    system: ActorSystem, facts: Facts, mode: AutoShutdown, end: str
) -> None:
    specs = [puppet(name, restart=Restart.TEMPORARY) for name in "ab"]
    handle = start(system, *specs, auto_shutdown=mode)
    handle.terminate_child("a")
    ref_of(handle, "b").tell(OWN_ENDS[end])
    facts.wait(ChildTerminated, child_id="b")
    assert counts(handle) == (0, 0, 0, 0)


@case("O-81")
@pytest.mark.parametrize("mode", AutoShutdown)
@pytest.mark.parametrize("end", OWN_ENDS)
def test_o_81_a_transient_child_that_is_not_significant_never_ends_its_supervisor(
    system: ActorSystem, facts: Facts, mode: AutoShutdown, end: str
) -> None:
    specs = [puppet(name, restart=Restart.TRANSIENT) for name in "ab"]
    handle = start(system, *specs, auto_shutdown=mode)
    handle.terminate_child("a")
    ref_of(handle, "b").tell(OWN_ENDS[end])
    if end in ("crash", "kill"):
        facts.wait(ChildStarted, child_id="b", times=2)
        assert lives(handle) == {"a": 1, "b": 2}
    else:
        facts.wait(ChildTerminated, child_id="b")
        assert counts(handle) == (2, 0, 0, 2)


@case("O-82")
@pytest.mark.parametrize("end", OWN_ENDS)
@pytest.mark.parametrize("strategy", Strategy)
def test_o_82_any_end_of_its_own_of_any_significant_temporary_child(
    system: ActorSystem, facts: Facts, strategy: Strategy, end: str
) -> None:
    jobs = [puppet(name, restart=Restart.TEMPORARY, significant=True) for name in "ab"]
    handle = start(system, puppet("other"), *jobs, auto_shutdown=ANY, strategy=strategy)
    handle.terminate_child("a")
    assert ids(handle) == ["other", "b"]
    ref_of(handle, "b").tell(OWN_ENDS[end])
    assert over(handle, facts) == AUTO
    assert ends(facts)[-1] == ("other", SHUTDOWN)
    assert facts.ids(SignificantChildEnded) == ["b"]
    assert not facts.all(RestartScheduled)


@case("O-82")
@pytest.mark.parametrize("end", OWN_ENDS)
def test_o_82_the_last_of_all_significant_temporary_children(system: ActorSystem, facts: Facts, end: str) -> None:
    jobs = [puppet(name, restart=Restart.TEMPORARY, significant=True) for name in "abc"]
    handle = start(system, puppet("other"), *jobs, auto_shutdown=ALL)
    ref_of(handle, "b").tell(OWN_ENDS[end])
    facts.wait(ChildTerminated, child_id="b")
    assert ids(handle) == ["other", "a", "c"]
    handle.terminate_child("a")  # no end of its own: it brings nothing about, and it is not waited for either
    assert ids(handle) == ["other", "c"]
    ref_of(handle, "c").tell(OWN_ENDS[end])
    assert over(handle, facts) == AUTO
    assert ends(facts)[-1] == ("other", SHUTDOWN)


@case("O-82")
@pytest.mark.parametrize("mode", [ANY, ALL])
def test_o_82_to_terminate_the_last_significant_child_ends_nothing(system: ActorSystem, mode: AutoShutdown) -> None:
    handle = start(system, puppet("job", restart=Restart.TRANSIENT, significant=True), auto_shutdown=mode)
    handle.terminate_child("job")
    assert counts(handle) == (1, 0, 0, 1)
    handle.restart_child("job")
    handle.terminate_child("job")
    handle.delete_child("job")
    assert counts(handle) == (0, 0, 0, 0)


@case("O-82")
@pytest.mark.parametrize("mode", [ANY, ALL])
@pytest.mark.parametrize("strategy", Strategy)
def test_o_82_a_significant_transient_child_counts_when_it_ends_cleanly(
    system: ActorSystem, facts: Facts, mode: AutoShutdown, strategy: Strategy
) -> None:
    job = puppet("job", restart=Restart.TRANSIENT, significant=True)
    handle = start(system, puppet("other"), job, auto_shutdown=mode, strategy=strategy)
    crash_child(handle, facts, "job")
    crash_child(handle, facts, "job", KILLED)
    assert counts(handle) == (2, 2, 0, 2)
    ref_of(handle, "job").tell(exit_with(NORMAL))
    assert over(handle, facts) == AUTO


@case("O-82")
@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
@pytest.mark.parametrize("mode", [ANY, ALL])
def test_o_82_to_decline_is_no_end(system: ActorSystem, restart: Restart, mode: AutoShutdown) -> None:
    job = puppet("job", Script(on_start=crash(Ignore())), restart=restart, significant=True)
    handle = start(system, puppet("other"), job, auto_shutdown=mode)
    assert counts(handle)[1] == 1
    assert handle.ref.is_alive()


@case("O-82")
@pytest.mark.parametrize("mode", AutoShutdown)
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("significant", [True, False])
@pytest.mark.parametrize("at_boot", [True, False])
def test_o_82_which_combinations_are_legal(
    system: ActorSystem, mode: AutoShutdown, restart: Restart, significant: bool, at_boot: bool
) -> None:
    spec = puppet("job", restart=restart, significant=significant)
    wrong = []
    if significant and restart is Restart.PERMANENT:
        wrong.append("False for a permanent child, which never ends on its own")
    if significant and mode is AutoShutdown.NEVER:
        wrong.append('False while the supervisor has auto_shutdown="never"')
    if not wrong:
        handle = start(system, *([spec] if at_boot else []), auto_shutdown=mode)
        if not at_boot:
            handle.start_child(spec)
        assert counts(handle) == (1, 1, 0, 1)
        return
    with pytest.raises(InvalidSpec) as caught:
        start(system, *([spec] if at_boot else []), auto_shutdown=mode).start_child(spec)
    where = "children[0] ('job')" if at_boot else "child ('job')"
    assert str(caught.value) == "invalid spec: " + "; ".join(
        f"{where}.significant: expected {expected}, got True" for expected in wrong
    )


@case("O-85")
@pytest.mark.parametrize("mode", [ANY, ALL])
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
@pytest.mark.parametrize("cleanly", [True, False])
def test_o_85_a_significant_child_that_is_stopped_for_a_siblings_sake_does_not_count(
    system: ActorSystem, facts: Facts, mode: AutoShutdown, strategy: Strategy, restart: Restart, cleanly: bool
) -> None:
    script = Script() if cleanly else Script(on_stop=crash())
    jobs = [puppet(name, script, restart=restart, significant=True) for name in ("job1", "job2")]
    handle = start(system, puppet("a"), *jobs, auto_shutdown=mode, strategy=strategy)
    crash_child(handle, facts, "a")
    if restart is Restart.TEMPORARY:
        assert lives(handle) == {"a": 2}
    else:
        facts.wait(ChildStarted, child_id="job2", times=2)
        assert lives(handle) == {"a": 2, "job1": 2, "job2": 2}
    assert not facts.all(SignificantChildEnded)


@case("O-85")
@pytest.mark.parametrize("mode", [ANY, ALL])
@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
@pytest.mark.parametrize("restart", ["transient", "temporary"])
@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_o_85_in_the_core_also_if_it_ends_on_its_own_while_the_group_stops(
    mode: AutoShutdown, strategy: Strategy, restart: str, reason: ExitReason
) -> None:
    stage = Stage(
        child("a"), child("job", restart, significant=True), child("slow"), auto_shutdown=mode, strategy=strategy
    ).boot()
    stage.stops["slow"] = "hang"
    stage.crash("a")
    stage.finish("job", reason)
    assert not stage.over
    stage.crash("slow")
    assert not stage.over
    assert stage.states()["slow"] == "running"


@case("O-82")
@pytest.mark.parametrize("restart", ["transient", "temporary"])
@pytest.mark.parametrize("mode", [ANY, ALL])
@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_o_82_in_the_core(mode: AutoShutdown, restart: str, reason: ExitReason) -> None:
    jobs = [child(name, restart, significant=True) for name in ("one", "two")]
    stage = Stage(child("a"), *jobs, auto_shutdown=mode).boot()
    counts_as_an_end = restart == "temporary" or reason in CLEAN
    stage.finish("one", reason)
    assert stage.exited == (AUTO if mode is ANY and counts_as_an_end else None)
    if stage.over:
        return
    stage.finish("two", reason)
    assert stage.exited == (AUTO if counts_as_an_end else None)


@case("O-82")
def test_o_82_a_significant_child_that_is_being_restarted_still_counts_as_alive() -> None:
    jobs = [child(name, "transient", significant=True) for name in ("one", "two")]
    stage = Stage(*jobs, auto_shutdown=ALL).boot()
    stage.starts["one"] = ["hang"]
    stage.crash("one")
    stage.finish("two")
    assert not stage.over
    stage.become_ready("one")
    stage.finish("one")
    assert stage.exited == AUTO


@case("O-82")
def test_o_82_a_significant_child_that_was_terminated_or_declined_does_not_count_as_alive() -> None:
    jobs = [child(name, "transient", significant=True) for name in ("one", "two", "three")]
    stage = Stage(*jobs, auto_shutdown=ALL)
    stage.starts["two"] = ["ignore"]
    stage.boot()
    stage.ask(ask.TerminateChild("three"))
    assert not stage.over
    stage.finish("one")
    assert stage.exited == AUTO


@case("O-82")
@pytest.mark.parametrize("mode", [ANY, ALL])
def test_o_82_an_end_during_the_boot_counts_when_all_are_started(mode: AutoShutdown) -> None:
    stage = Stage(child("job", "temporary", significant=True), child("slow"), auto_shutdown=mode)
    stage.starts["slow"] = ["hang"]
    stage.boot()
    stage.finish("job", BOOM)
    assert not stage.over
    stage.become_ready("slow")
    assert stage.confirmed
    assert stage.exited == AUTO


@case("O-86")
@pytest.mark.parametrize("restart", [Restart.TRANSIENT, Restart.TEMPORARY])
@pytest.mark.parametrize("mode", [ANY, ALL])
@pytest.mark.parametrize("significant", [True, False])
def test_o_86_a_supervisor_that_shuts_itself_down_takes_its_parent_along_if_it_is_significant(
    system: ActorSystem, facts: Facts, restart: Restart, mode: AutoShutdown, significant: bool
) -> None:
    job = puppet("job", restart=Restart.TEMPORARY, significant=True)
    inner = supervisor_child(
        "inner", SupervisorSpec(children=[job], auto_shutdown=ANY), restart=restart, significant=significant
    )
    top = start(system, puppet("other"), inner, auto_shutdown=mode)
    ref_of(below(top, "inner"), "job").tell(exit_with(NORMAL))
    assert facts.wait(ChildTerminated, child_id="inner").reason == AUTO
    if significant:
        assert over(top, facts) == AUTO
        assert system.roots == ()
    else:
        assert counts(top)[1] == 1
        assert top.ref.is_alive()


@case("O-86")
def test_o_86_a_permanent_supervisor_that_shuts_itself_down_is_restarted(system: ActorSystem, facts: Facts) -> None:
    job = puppet("job", restart=Restart.TEMPORARY, significant=True)
    top = start(system, supervisor_child("inner", SupervisorSpec(children=[job], auto_shutdown=ANY)))
    end_child(below(top, "inner"), facts, "job", NORMAL)
    facts.wait(ChildStarted, child_id="inner", times=2)
    assert counts(below(top, "inner")) == (1, 1, 0, 1)
