"""What Akka's suite of typed supervision says, where it is not about stashes and behaviors: there are none here."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from regrow.actors import Actor, ActorSystem, ChildSpec, Down, Ignore, Reply, Restart, Start, StartIgnored
from regrow.actors.testing import ManualClock, Probe, Puppet, Script, crash, exit_with
from regrow.protocol.exits import NORMAL, SHUTDOWN, Crash
from regrow.supervision import (
    NO_BACKOFF,
    Backoff,
    ChildStarted,
    ChildTerminated,
    IntensityReached,
    RestartIntensity,
    RestartScheduled,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)
from tests.conformance.case import case
from tests.conformance.tree import below, crash_child, end_child, info_of, lives, puppet, ref_of, start
from tests.supervision.facts import Facts


@case("A-77", "A-88")
def test_a_77_a_message_is_received(system: ActorSystem) -> None:
    assert ref_of(start(system, puppet("a")), "a").ask("ping", timeout=5.0) == "ping"


@case("A-78", "A-79", "A-89")
def test_a_78_without_a_supervisor_an_actor_that_raises_is_over(system: ActorSystem) -> None:
    probe, ref = Probe(system), system.spawn(Puppet)
    probe.monitor(ref)
    ref.tell(crash())
    assert isinstance(probe.expect(Down).reason, Crash)
    assert not ref.is_alive()


@case("A-80")
def test_a_80_a_restart_runs_the_hook_and_begins_with_fresh_state(system: ActorSystem, facts: Facts) -> None:
    script = Script()
    ref = ref_of(start(system, puppet("a", script)), "a")
    ref.tell("remember me")
    ref.tell(crash())
    facts.wait(ChildStarted, child_id="a", times=2)
    assert script.hooks() == ("on_start", "on_failure", "on_start")
    assert ref.ask(lambda puppet: list(puppet.seen), timeout=5.0) == []


class _Choosy(Actor):
    """Says itself what follows from which exception: the answer to it, its end for good, or a restart."""

    def on_receive(self, message: object) -> object:
        try:
            if isinstance(message, Exception):
                raise message
        except LookupError as error:
            raise Reply(error) from error  # resume
        except ArithmeticError:
            self.exit(NORMAL)  # stop
        return message


@case("A-82")
def test_a_82_what_follows_from_which_exception_is_the_childs_own_choice(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, ChildSpec(id="a", start=Start(_Choosy), restart=Restart.TRANSIENT))
    ref = ref_of(handle, "a")
    with pytest.raises(KeyError):
        ref.ask(KeyError("resume"), timeout=5.0)
    assert lives(handle) == {"a": 1}
    ref.tell(ValueError("restart"))
    facts.wait(ChildStarted, child_id="a", times=2)
    ref.tell(ZeroDivisionError("stop"))
    assert facts.wait(ChildTerminated, child_id="a", times=2).reason == NORMAL
    assert str(info_of(handle, "a").state) == "stopped"


@case("A-83")
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError(), GeneratorExit()], ids=repr)
def test_a_83_whatever_is_raised_ends_this_actor_and_nobody_else(
    system: ActorSystem, facts: Facts, error: BaseException
) -> None:
    handle = start(system, puppet("a"), puppet("b"))
    ref_of(handle, "a").tell(crash(error))
    reason = facts.wait(ChildTerminated, child_id="a").reason
    assert isinstance(reason, Crash)
    assert reason.type.endswith(type(error).__name__)
    facts.wait(ChildStarted, child_id="a", times=2)
    assert lives(handle) == {"a": 2, "b": 1}


@case("A-84", "A-85", "A-86")
@pytest.mark.parametrize("limit", [0, 2])
def test_a_84_past_the_limit_it_ends_and_the_window_forgives(
    system: ActorSystem, clock: ManualClock, facts: Facts, limit: int
) -> None:
    handle = start(system, puppet("a"), intensity=RestartIntensity(limit, 10.0))
    for _ in range(2):  # twice as many as are allowed at a time
        for _ in range(limit):
            crash_child(handle, facts, "a")
        clock.advance(10.1)
    for _ in range(limit):
        crash_child(handle, facts, "a")
    ref_of(handle, "a").tell(crash())
    assert facts.wait(IntensityReached).max_restarts == limit
    assert len(facts.all(ChildStarted)) == 1 + 3 * limit


@case("A-87", "A-118")
def test_a_87_the_setup_has_run_when_the_start_is_over(system: ActorSystem) -> None:
    script = Script()
    system.spawn(Puppet, script)
    assert script.hooks() == ("on_start",)


@case("A-90")
def test_a_90_a_child_that_is_to_be_stopped_by_its_failure_is_not_restarted(system: ActorSystem, facts: Facts) -> None:
    script = Script()
    handle = start(system, puppet("a", script, restart=Restart.TEMPORARY))
    end_child(handle, facts, "a")
    assert lives(handle) == {}
    assert script.hooks().count("on_start") == 1


@case("A-91")
def test_a_91_one_that_fails_in_its_setup_is_an_error_for_whoever_adds_it(system: ActorSystem) -> None:
    handle = start(system)
    with pytest.raises(Exception, match="no setup"):
        handle.start_child(puppet("a", Script(on_start=crash(ValueError("no setup"))), restart=Restart.TEMPORARY))
    assert lives(handle) == {}


@case("A-92")
def test_a_92_the_inner_one_gives_up_and_the_outer_one_restarts_it(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[puppet("a")], intensity=RestartIntensity(0, 1.0))
    top = start(system, supervisor_child("inner", inner), name="top")
    for turn in range(3):
        ref_of(below(top, "inner"), "a").tell(crash())
        facts.wait(ChildStarted, child_id="inner", times=turn + 2)
    assert lives(top) == {"inner": 4}
    assert facts.all(RestartScheduled, child_id="a") == []


@case("A-138", "A-139", "A-140")
def test_a_138_a_crash_and_a_supervisor_that_gives_up_are_logged_as_errors_and_nothing_else_is(
    system: ActorSystem, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "regrow"):
        handle = start(
            system, puppet("quiet", restart=Restart.TRANSIENT), puppet("a"), intensity=RestartIntensity(1, 1.0)
        )
        end_child(handle, facts, "quiet", NORMAL)
        assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
        crash_child(handle, facts, "a")
        assert sorted(record.levelname for record in caplog.records if record.levelno >= logging.WARNING) == [
            "ERROR",  # the crash
            "WARNING",  # its restart
        ]
        ref_of(handle, "a").tell(crash())
        facts.wait(IntensityReached)
        handle.ref.stop(timeout=5.0)
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert sum("gives up" in text for text in errors) == 1


class _Served(Actor):
    """Has a method for others to call."""

    def divide(self, by: int) -> float:
        return 1 / by

    def on_receive(self, message: Any) -> object:
        return message()


@case("A-141", "A-144", "A-145")
def test_a_141_a_failure_is_one_by_whatever_way_the_message_came(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, ChildSpec(id="a", start=Start(_Served)))
    ref = ref_of(handle, "a")

    def boom() -> None:
        raise ValueError("boom")

    with pytest.raises(ZeroDivisionError):
        ref.proxy().divide(0).get(timeout=5.0)
    facts.wait(ChildStarted, child_id="a", times=2)
    with pytest.raises(ValueError, match="boom"):
        ref.ask(boom, timeout=5.0)
    facts.wait(ChildStarted, child_id="a", times=3)
    ref.tell(boom)
    facts.wait(ChildStarted, child_id="a", times=4)
    assert [event.reason.type for event in facts.all(ChildTerminated) if isinstance(event.reason, Crash)] == [
        "ZeroDivisionError",
        "ValueError",
        "ValueError",
    ]


@case("A-146")
def test_a_146_an_actor_that_declines_at_once_never_lives(system: ActorSystem) -> None:
    with pytest.raises(StartIgnored):
        system.spawn(Puppet, Script(on_start=crash(Ignore())))


@case("A-147", "A-148")
@pytest.mark.parametrize("backoff", [NO_BACKOFF, Backoff(initial=1.0, base=1.0)], ids=["at once", "backoff"])
@pytest.mark.parametrize("restart", list(Restart))
def test_a_147_one_that_declines_in_its_setup_is_never_restarted(
    system: ActorSystem, clock: ManualClock, restart: Restart, backoff: Backoff
) -> None:
    script = Script(on_start=crash(Ignore()))
    handle = start(system, puppet("a", script, restart=restart), backoff=backoff)
    clock.advance(100.0)
    assert script.hooks() == ("on_start",)
    assert handle.count_children().active == 0
    assert lives(handle) == ({} if restart is Restart.TEMPORARY else {"a": 1})


@case("A-148")
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_a_148_nor_is_one_that_declines_in_its_restart(
    system: ActorSystem, clock: ManualClock, restart: Restart
) -> None:
    def only_once(puppet: Puppet) -> None:
        if puppet.incarnation > 1:
            raise Ignore

    script = Script(on_start=only_once)
    handle = start(system, puppet("a", script, restart=restart))
    ref_of(handle, "a").tell(crash())
    script.wait_for("on_start", times=2)
    _until_down(handle)
    clock.advance(100.0)
    assert script.hooks().count("on_start") == 2
    assert info_of(handle, "a").restarting is False


def _until_down(handle: SupervisorHandle) -> None:
    ref = ref_of(handle, "a")
    while ref.is_alive():  # its turn ends by itself
        handle.count_children()
    while str(info_of(handle, "a").state) != "stopped":
        handle.count_children()


@case("A-90")
def test_a_90_a_clean_end_stops_a_transient_child_for_good(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a", restart=Restart.TRANSIENT))
    ref_of(handle, "a").tell(exit_with(SHUTDOWN))
    facts.wait(ChildTerminated, child_id="a")
    assert str(info_of(handle, "a").state) == "stopped"
