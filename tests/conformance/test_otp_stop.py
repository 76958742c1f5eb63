"""OTP's supervisor_SUITE: how children are stopped, and what counts as a bad end of one that was asked to."""

from __future__ import annotations

import pytest

from regrow.actors import ActorExited, ActorSystem, ChildSpec, Grace, Restart, Start
from regrow.actors.child_spec import BrutalKill, Infinity
from regrow.actors.testing import Hold, ManualClock, Puppet, Script, crash, exit_with
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Normal, Shutdown
from regrow.supervision import (
    ChildStarted,
    ChildState,
    ChildTerminated,
    ShutdownError,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    Unstopped,
    supervisor_child,
)
from regrow.supervision import requests as ask
from regrow.supervision.child import is_shutdown_error
from tests.conformance.case import case
from tests.conformance.tree import below, ends, info_of, puppet, ref_of, start
from tests.supervision.facts import Facts
from tests.supervision.stage import Stage, child

DETAIL = Shutdown("for today")
OTHER = Crash("ValueError", "boom")
REASONS: list[ExitReason] = [NORMAL, SHUTDOWN, DETAIL, OTHER]


def reasons_of(facts: Facts) -> dict[str, ExitReason]:
    return {event.child_id: event.reason for event in facts.all(ChildTerminated)}


@case("O-16")
@pytest.mark.parametrize("restart", Restart)
def test_o_16_infinity_is_for_workers_and_supervisors(system: ActorSystem, facts: Facts, restart: Restart) -> None:
    inner = supervisor_child("inner", SupervisorSpec(), restart=restart, shutdown=Infinity())
    handle = start(system, inner, puppet("worker", restart=restart, shutdown=Infinity()))
    handle.stop()
    assert reasons_of(facts) == {"inner": SHUTDOWN, "worker": SHUTDOWN}
    assert not facts.all(ShutdownError)


@case("O-16")
def test_o_16_infinity_has_no_end(system: ActorSystem, facts: Facts, clock: ManualClock) -> None:
    hold = Hold()
    handle = start(system, puppet("slow", Script(on_stop=hold), shutdown=Infinity()))
    handle.ref.shutdown()
    hold.wait_reached()
    clock.advance(1e6)
    assert info_of(handle, "slow").state is ChildState.STOPPING
    hold.release()
    facts.wait(ActorExited, ref=handle.ref)
    assert reasons_of(facts) == {"slow": SHUTDOWN}


@case("O-17")
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("slow_one", ["a", "b"])
def test_o_17_who_outstays_its_grace_is_killed_and_the_other_ends_with_shutdown(
    system: ActorSystem, facts: Facts, clock: ManualClock, restart: Restart, slow_one: str
) -> None:
    hold = Hold()
    scripts = {"a": Script(), "b": Script()}
    scripts[slow_one].on_stop = hold
    handle = start(
        system, *(puppet(name, scripts[name], restart=restart, shutdown=Grace(1.0)) for name in scripts), puppet("c")
    )
    handle.ref.shutdown()
    hold.wait_reached()
    assert info_of(handle, slow_one).state is ChildState.STOPPING
    clock.advance(0.999)
    assert info_of(handle, slow_one).state is ChildState.STOPPING
    clock.advance(0.001)
    facts.wait(ActorExited, ref=handle.ref, reason=SHUTDOWN)
    assert reasons_of(facts) == {"a": SHUTDOWN, "b": SHUTDOWN, "c": SHUTDOWN} | {slow_one: KILLED}
    assert [(event.child_id, event.reason) for event in facts.all(ShutdownError)] == [(slow_one, KILLED)]
    assert facts.ids(Unstopped) == [slow_one]
    hold.release()


@case("O-17")
def test_o_17_each_child_has_its_own_time_and_they_add_up(
    system: ActorSystem, facts: Facts, clock: ManualClock
) -> None:
    holds = {name: Hold() for name in "abc"}
    handle = start(system, *(puppet(name, Script(on_stop=holds[name]), shutdown=Grace(2.0)) for name in "abc"))
    before = clock.now()
    handle.ref.shutdown()
    for name in "cba":
        holds[name].wait_reached()
        info_of(handle, name)
        clock.advance(2.0)
    facts.wait(ActorExited, ref=handle.ref)
    assert clock.now() - before == 6.0
    assert [name for name, _ in ends(facts)] == ["c", "b", "a"]
    for hold in holds.values():
        hold.release()


@case("O-19")
@pytest.mark.parametrize("restart", Restart)
def test_o_19_a_brutal_kill_is_at_once_and_no_error(system: ActorSystem, facts: Facts, restart: Restart) -> None:
    scripts = {"a": Script(), "b": Script()}
    handle = start(
        system,
        puppet("a", scripts["a"], restart=restart),
        puppet("b", scripts["b"], restart=restart, shutdown=BrutalKill()),
    )
    handle.stop()
    assert reasons_of(facts) == {"a": SHUTDOWN, "b": KILLED}
    assert not facts.all(ShutdownError)
    assert scripts["b"].hooks() == ("on_start",)


@case("O-21")
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("reason", REASONS, ids=str)
@pytest.mark.parametrize("strategy", Strategy)
def test_o_21_who_ends_on_its_own_while_another_is_slow_to_stop_is_not_restarted(
    system: ActorSystem, facts: Facts, strategy: Strategy, restart: Restart, reason: ExitReason
) -> None:
    hold = Hold()
    handle = start(
        system,
        puppet("a", restart=restart),
        puppet("b"),
        puppet("slow", Script(on_stop=hold), shutdown=Infinity()),
        strategy=strategy,
    )
    handle.ref.shutdown()
    hold.wait_reached()
    ref_of(handle, "a").tell(exit_with(reason))
    ended = facts.wait(ChildTerminated, child_id="a")
    assert (ended.reason, ended.expected) == (reason, False)
    hold.release()
    facts.wait(ActorExited, ref=handle.ref, reason=SHUTDOWN)
    assert reasons_of(facts) == {"a": reason, "b": SHUTDOWN, "slow": SHUTDOWN}
    assert facts.ids(ChildStarted) == ["a", "b", "slow"]
    # A permanent child that ends `normal` or with a detail was not asked for that; one that may end like that was not.
    wrong = reason == OTHER or (restart is Restart.PERMANENT and reason in (NORMAL, DETAIL))
    assert facts.ids(ShutdownError) == (["a"] if wrong else [])


@case("O-21")
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("reason", REASONS, ids=str)
@pytest.mark.parametrize("strategy", Strategy)
def test_o_21_in_the_core(strategy: Strategy, restart: Restart, reason: ExitReason) -> None:
    stage = Stage(child("a", restart), child("b"), child("slow"), strategy=strategy).boot()
    stage.stops["slow"] = "hang"
    stage.stop()
    stage.take_log()
    stage.finish("a", reason)
    assert stage.take_log() == ["forget a"] * (restart is Restart.TEMPORARY and "a" not in stage.states())
    stage.pass_time(5.0)
    assert stage.exited == SHUTDOWN
    assert [entry for entry in stage.take_log() if entry.startswith("start")] == []


# What is a shutdown error: OTP's whole table


@case("O-17", "O-19")
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize(
    ("reason", "timed", "brutal"),
    # By how it is stopped: whether it is wrong for a permanent child, and for the others.
    [
        (SHUTDOWN, (False, False), (True, False)),
        (NORMAL, (True, False), (True, False)),
        (DETAIL, (True, False), (True, False)),
        (KILLED, (True, True), (False, False)),
        (OTHER, (True, True), (True, True)),
    ],
    ids=str,
)
def test_o_17_and_o_19_which_end_of_a_stopped_child_is_an_error(
    restart: Restart, reason: ExitReason, timed: tuple[bool, bool], brutal: tuple[bool, bool]
) -> None:
    column = 0 if restart is Restart.PERMANENT else 1
    for shutdown in (Grace(5.0), Infinity()):
        assert is_shutdown_error(child("a", restart, shutdown=shutdown), reason) is timed[column]
    assert is_shutdown_error(child("a", restart, shutdown=BrutalKill()), reason) is brutal[column]


@case("O-16", "O-17")
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_o_17_a_stop_that_a_child_answers_with_another_reason_succeeds_and_is_reported(
    system: ActorSystem, facts: Facts, restart: Restart, reason: ExitReason
) -> None:
    handle = start(system, puppet("a", Script(on_stop_request=exit_with(reason)), restart=restart))
    handle.terminate_child("a")
    ended = facts.wait(ChildTerminated, child_id="a")
    assert (ended.reason, ended.expected) == (reason, True)
    wrong = is_shutdown_error(puppet("a", restart=restart), reason)
    assert [event.reason for event in facts.all(ShutdownError)] == ([reason] if wrong else [])
    assert facts.ids(ChildStarted) == ["a"]


@case("O-17")
def test_o_17_a_crash_in_the_clean_up_is_the_reason_and_an_error(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b", Script(on_stop=crash(ValueError("no disk")))))
    handle.stop()
    reason = facts.wait(ShutdownError, child_id="b").reason
    assert isinstance(reason, Crash)
    assert (reason.type, reason.text) == ("ValueError", "no disk")
    assert [name for name, _ in ends(facts)] == ["b", "a"]
    assert facts.wait(ActorExited, ref=handle.ref).reason == SHUTDOWN


@case("O-17")
@pytest.mark.parametrize("seconds", [0, 0.0])
def test_o_17_no_grace_at_all_is_legal(system: ActorSystem, facts: Facts, clock: ManualClock, seconds: float) -> None:
    hold = Hold()
    handle = start(system, puppet("a", shutdown=Grace(seconds)))
    ref_of(handle, "a").tell(hold)
    hold.wait_reached()
    waiting = handle.ref.ask(ask.TerminateChild("a"), block=False)
    handle.which_children()
    clock.advance(0.0)
    waiting.get(timeout=5.0)
    assert reasons_of(facts) == {"a": KILLED}
    hold.release()


# A child that cuts its link


@case("O-56")
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("shutdown", [Grace(5.0), Infinity(), BrutalKill()], ids=repr)
def test_o_56_a_child_that_cuts_its_link_cannot_hang_its_stop(
    system: ActorSystem, facts: Facts, restart: Restart, shutdown: Grace | Infinity | BrutalKill
) -> None:
    handle = start(system, puppet("a", restart=restart, shutdown=shutdown), puppet("b"))
    ref_of(handle, "a").ask(lambda puppet: puppet.unlink(puppet.parent))
    handle.terminate_child("a", timeout=5.0)
    assert reasons_of(facts)["a"] == (KILLED if shutdown == BrutalKill() else SHUTDOWN)
    handle.terminate_child("b")
    handle.stop()


@case("O-56")
def test_o_56_the_end_of_a_child_that_has_cut_its_link_is_seen(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"))
    ref = ref_of(handle, "a")
    ref.ask(lambda puppet: puppet.unlink(puppet.parent))
    ref.tell(crash())
    facts.wait(ChildStarted, child_id="a", times=2)
    assert ref.incarnation == 2


@case("O-56")
def test_o_56_a_supervisor_that_is_killed_takes_along_who_has_cut_the_link(system: ActorSystem, facts: Facts) -> None:
    top = start(system, supervisor_child("inner", SupervisorSpec(children=[puppet("a")])))
    worker = ref_of(below(top, "inner"), "a")
    worker.ask(lambda puppet: puppet.unlink(puppet.parent))
    ref_of(top, "inner").kill()
    assert facts.wait(ActorExited, ref=worker, incarnation=1).reason == KILLED


# Order


@case("O-73")
@pytest.mark.parametrize("order", ["54321", "12345", "31524"])
def test_o_73_children_start_in_the_order_of_the_list_and_stop_in_reverse(
    system: ActorSystem, facts: Facts, order: str
) -> None:
    handle = start(system, *(puppet(name) for name in order))
    assert facts.ids(ChildStarted) == list(order)
    assert [info.id for info in handle.which_children()] == list(reversed(order))
    handle.stop()
    assert facts.ids(ChildTerminated) == list(reversed(order))


@case("O-73")
def test_o_73_rest_for_one_stops_the_later_ones_in_reverse_and_starts_them_in_order(
    system: ActorSystem, facts: Facts
) -> None:
    handle = start(system, *(puppet(name) for name in "54321"), strategy=Strategy.REST_FOR_ONE)
    ref_of(handle, "3").tell(crash())
    facts.wait(ChildStarted, times=8)
    assert facts.ids(ChildTerminated) == ["3", "1", "2"]
    assert facts.ids(ChildStarted) == [*"54321", *"321"]
    handle.stop()
    assert facts.ids(ChildTerminated)[3:] == [*"12345"]


@case("O-74")
def test_o_74_starting_and_stopping_costs_in_proportion_to_the_number_of_children() -> None:
    def commands(count: int) -> int:
        stage = Stage(*(child(str(number)) for number in range(count))).boot()
        stage.stop()
        assert stage.exited == SHUTDOWN
        return len(stage.commands)

    assert commands(200) - commands(0) == 20 * (commands(10) - commands(0))


@case("O-74")
def test_o_74_hundreds_of_static_children_start_and_stop(system: ActorSystem, facts: Facts) -> None:
    names = [str(number) for number in range(300)]
    handle = SupervisorHandle.start(
        system, SupervisorSpec(children=[ChildSpec(id=name, start=Start(Puppet)) for name in names])
    )
    assert handle.count_children().active == 300
    handle.stop()
    assert facts.ids(ChildStarted) == names
    assert facts.ids(ChildTerminated) == names[::-1]
    assert all(
        isinstance(event.reason, Shutdown) and not isinstance(event.reason, Normal)
        for event in facts.all(ChildTerminated)
    )
