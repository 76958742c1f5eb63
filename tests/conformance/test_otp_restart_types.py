"""OTP's supervisor_SUITE: which end of a child is followed by a restart, and what is left of it otherwise."""

from __future__ import annotations

import gc
import weakref

import pytest

from regrow.actors import Actor, ActorExited, ActorSystem, ChildSpec, Restart, Start
from regrow.actors.testing import Hold, ManualClock, Puppet, Script, crash, kill_self
from regrow.protocol.exits import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Crash,
    ExitReason,
    ExitStatus,
    Hang,
    NoProc,
    Shutdown,
    Signaled,
)
from regrow.supervision import (
    AlreadyStarted,
    ChildNotFound,
    ChildStarted,
    ChildTerminated,
    IntensityReached,
    RestartIntensity,
    RestartScheduled,
    ShutdownError,
    Strategy,
)
from tests.conformance.case import case
from tests.conformance.tree import counts, crash_child, end_child, ids, info_of, puppet, ref_of, start
from tests.supervision.facts import Facts
from tests.supervision.stage import Stage, child

DETAIL = Shutdown("for today")
CLEAN: list[ExitReason] = [SHUTDOWN, DETAIL]
ABNORMAL: list[ExitReason] = [
    Crash("ValueError", "boom"),
    KILLED,
    NoProc(),
    ExitStatus(0),
    ExitStatus(3),
    Signaled(9),
    Hang("no progress"),
]


@case("O-45")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_45_permanent_normal_is_restarted(system: ActorSystem, facts: Facts, strategy: Strategy) -> None:
    handle = start(system, puppet("a"), strategy=strategy)
    ref = ref_of(handle, "a")
    crash_child(handle, facts, "a", NORMAL)
    assert (ref.incarnation, ref.is_alive()) == (2, True)
    assert counts(handle) == (1, 1, 0, 1)


@case("O-46")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_46_transient_normal_stays_down_and_is_kept(system: ActorSystem, facts: Facts, strategy: Strategy) -> None:
    handle = start(system, puppet("a", restart=Restart.TRANSIENT), puppet("b"), strategy=strategy)
    end_child(handle, facts, "a", NORMAL)
    info = info_of(handle, "a")
    assert (info.state, info.restarting, counts(handle)) == ("stopped", False, (2, 1, 0, 2))
    assert not facts.all(RestartScheduled)
    assert handle.restart_child("a").ref is ref_of(handle, "a")


@case("O-54")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("reason", [NORMAL, *CLEAN, *ABNORMAL], ids=str)
def test_o_54_temporary_is_gone_whatever_the_reason(
    system: ActorSystem, facts: Facts, strategy: Strategy, reason: ExitReason
) -> None:
    handle = start(system, puppet("a", restart=Restart.TEMPORARY), strategy=strategy)
    end_child(handle, facts, "a", reason)
    assert counts(handle) == (0, 0, 0, 0)
    assert not facts.all(RestartScheduled)


@case("O-48")
@pytest.mark.parametrize("reason", CLEAN, ids=str)
@pytest.mark.parametrize("strategy", Strategy)
def test_o_48_permanent_shutdown_is_restarted(
    system: ActorSystem, facts: Facts, strategy: Strategy, reason: ExitReason
) -> None:
    handle = start(system, puppet("a"), strategy=strategy)
    for life in (2, 3):
        crash_child(handle, facts, "a", reason)
        assert (ref_of(handle, "a").incarnation, counts(handle)) == (life, (1, 1, 0, 1))


@case("O-49")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_49_transient_shutdown_stays_down_until_it_is_restarted_by_hand(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    handle = start(system, puppet("a", restart=Restart.TRANSIENT), strategy=strategy)
    for life, reason in enumerate(CLEAN, start=1):
        assert info_of(handle, "a").incarnation == life
        end_child(handle, facts, "a", reason)
        assert counts(handle) == (1, 0, 0, 1)
        handle.restart_child("a")
        assert counts(handle) == (1, 1, 0, 1)
    assert not facts.all(RestartScheduled)


@case("O-50")
@pytest.mark.parametrize("reason", CLEAN, ids=str)
def test_o_50_temporary_shutdown_is_gone_and_its_id_is_free(
    system: ActorSystem, facts: Facts, reason: ExitReason
) -> None:
    spec = puppet("a", restart=Restart.TEMPORARY)
    handle = start(system, spec)
    first = ref_of(handle, "a")
    with pytest.raises(AlreadyStarted):
        handle.start_child(spec)
    end_child(handle, facts, "a", reason)
    assert counts(handle) == (0, 0, 0, 0)
    with pytest.raises(ChildNotFound):
        handle.restart_child("a")
    assert handle.start_child(spec).ref is not first
    assert counts(handle) == (1, 1, 0, 1)


@case("O-52", "O-53")
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
@pytest.mark.parametrize("reason", ABNORMAL, ids=str)
def test_o_52_and_o_53_permanent_and_transient_are_restarted_after_an_abnormal_end(
    system: ActorSystem, facts: Facts, restart: Restart, reason: ExitReason
) -> None:
    handle = start(system, puppet("a", restart=restart))
    crash_child(handle, facts, "a", reason)
    assert (ref_of(handle, "a").incarnation, counts(handle)) == (2, (1, 1, 0, 1))
    assert facts.wait(ChildTerminated, child_id="a").reason == reason


@case("O-52", "O-53")
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_o_52_and_o_53_an_exception_a_kill_and_a_system_exit_are_abnormal_ends(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    handle = start(system, puppet("a", restart=restart))
    ref = ref_of(handle, "a")
    for life, command in enumerate([crash(), crash(SystemExit(0)), crash(KeyboardInterrupt()), kill_self], start=2):
        ref.tell(command)
        facts.wait(ChildStarted, child_id="a", times=life)
        assert ref.incarnation == life
    ref.kill()
    facts.wait(ChildStarted, child_id="a", times=6)


@case("O-45", "O-46", "O-48", "O-49", "O-50", "O-52", "O-53", "O-54")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize("reason", [NORMAL, *CLEAN, *ABNORMAL], ids=str)
def test_o_45_to_o_54_in_the_core(strategy: Strategy, restart: Restart, reason: ExitReason) -> None:
    stage = Stage(child("a", restart), strategy=strategy).boot()
    stage.finish("a", reason)
    returns = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and reason in ABNORMAL)
    left = {} if restart is Restart.TEMPORARY else {"a": "running" if returns else "stopped"}
    assert stage.states() == left
    assert len(stage.saw(RestartScheduled)) == returns
    assert not stage.saw(ShutdownError)


@case("O-29")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_29_crashes_further_apart_than_the_window_never_add_up(
    system: ActorSystem, facts: Facts, clock: ManualClock, strategy: Strategy
) -> None:
    handle = start(system, puppet("a"), strategy=strategy, intensity=RestartIntensity(1, 1.0))
    for _ in range(5):
        crash_child(handle, facts, "a")
        clock.advance(1.001)
    assert ref_of(handle, "a").incarnation == 6
    handle.terminate_child("a")
    handle.delete_child("a")
    assert counts(handle) == (0, 0, 0, 0)
    assert not facts.all(IntensityReached)


@case("O-29")
@pytest.mark.parametrize(("apart", "survives"), [(1.0, False), (0.5, False), (1.000001, True)])
def test_o_29_the_window_is_inclusive(
    system: ActorSystem, facts: Facts, clock: ManualClock, apart: float, survives: bool
) -> None:
    handle = start(system, puppet("a"), intensity=RestartIntensity(1, 1.0))
    crash_child(handle, facts, "a")
    clock.advance(apart)
    if survives:
        crash_child(handle, facts, "a")
        return
    end_child(handle, facts, "a")
    ended = facts.wait(ActorExited, ref=handle.ref)
    assert ended.reason == Shutdown("reached_max_restart_intensity")


@case("O-29")
def test_o_29_restarts_by_hand_are_free_and_clean_ends_of_permanent_children_count(
    system: ActorSystem, facts: Facts
) -> None:
    handle = start(system, puppet("a"), puppet("b"), intensity=RestartIntensity(2, 60.0))
    for _ in range(5):
        handle.terminate_child("a")
        handle.restart_child("a")
        handle.start_child(puppet("c"))
        handle.terminate_child("c")
        handle.delete_child("c")
    crash_child(handle, facts, "a", NORMAL)
    crash_child(handle, facts, "b", SHUTDOWN)  # one log for all children
    end_child(handle, facts, "a", NORMAL)
    facts.wait(ActorExited, ref=handle.ref)
    assert facts.wait(IntensityReached).child_id == "a"


# What is kept of a temporary child


class Argument:
    """Something that a child is started with, and does not keep."""


class Forgetful(Actor):
    def __init__(self, *_arguments: object) -> None:
        pass


@case("O-62")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_62_a_temporary_child_that_has_ended_leaves_nothing_behind(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    handle = start(system, puppet("other"), strategy=strategy)
    seen: list[weakref.ref[Argument]] = []
    for _ in range(50):
        argument = Argument()
        seen.append(weakref.ref(argument))
        start_of = Start(Forgetful, (argument,))
        started = handle.start_child(ChildSpec(id="job", start=start_of, restart=Restart.TEMPORARY))
        assert started.ref is not None
        started.ref.stop()
        facts.wait(ChildTerminated, child_id="job")
        assert ids(handle) == ["other"]
        facts.forget()
        del argument, start_of, started
    gc.collect()
    assert [argument() for argument in seen] == [None] * 50


@case("O-62")
def test_o_62_a_temporary_child_is_not_kept_with_what_it_was_started_with(system: ActorSystem) -> None:
    handle = start(system)
    seen: dict[Restart, weakref.ref[Argument]] = {}
    for restart in Restart:
        argument = Argument()
        seen[restart] = weakref.ref(argument)
        handle.start_child(ChildSpec(id=restart, start=Start(Forgetful, (argument,), {}), restart=restart), timeout=5.0)
        del argument
    handle.which_children()
    gc.collect()
    assert [restart for restart, argument in seen.items() if argument() is None] == [Restart.TEMPORARY]
    assert handle.get_childspec(Restart.TEMPORARY).start == Start(Forgetful)


@case("O-46", "O-54")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_46_a_child_that_ends_while_another_one_starts_is_decided_upon_all_the_same(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    hold = Hold()
    handle = start(system, puppet("a", restart=Restart.TRANSIENT), strategy=strategy)
    from regrow.supervision.requests import StartChild

    answer = handle.ref.ask(StartChild(puppet("late", Script(on_start=hold))), block=False)
    hold.wait_reached()
    end_child(handle, facts, "a", NORMAL)
    assert info_of(handle, "a").state == "stopped"
    hold.release()
    assert answer.get(timeout=5.0).ref.actor_class is Puppet
