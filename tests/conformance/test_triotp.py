"""What triotp's suite says of supervisors; where a limit ends in silence there, it is seen here."""

from __future__ import annotations

import pytest

from regrow.actors import ActorSystem, Down, Restart
from regrow.actors.testing import Probe, Script, exit_with
from regrow.protocol.exits import NORMAL, ExitReason, Shutdown
from regrow.supervision import (
    NO_BACKOFF,
    ChildStarted,
    ChildTerminated,
    DynamicSpec,
    DynamicSupervisorHandle,
    IntensityReached,
    RestartIntensity,
)
from tests.conformance.case import case
from tests.conformance.tree import BOOM, end_child, puppet, ref_of, start
from tests.supervision.facts import Facts


@case("P-01", "P-02")
@pytest.mark.parametrize("reason", [NORMAL, BOOM], ids=["returns", "crashes"])
def test_p_01_a_permanent_child_runs_once_more_than_the_limit_and_then_the_end_is_told(
    system: ActorSystem, facts: Facts, reason: ExitReason
) -> None:
    script, probe = Script(), Probe(system)
    handle = start(system, puppet("a", script), intensity=RestartIntensity(3, 60.0))
    probe.monitor(handle.ref)
    for life in (1, 2, 3):
        end_child(handle, facts, "a", reason)
        facts.wait(ChildStarted, life=life + 1)
    ref_of(handle, "a").tell(exit_with(reason))
    facts.wait(IntensityReached)
    assert probe.expect(Down).reason == Shutdown("reached_max_restart_intensity")
    assert script.hooks().count("on_start") == 4


@case("P-03")
@pytest.mark.parametrize(
    ("restart", "reason"),
    [(Restart.TEMPORARY, NORMAL), (Restart.TEMPORARY, BOOM), (Restart.TRANSIENT, NORMAL)],
    ids=["temporary returns", "temporary crashes", "transient returns"],
)
def test_p_03_one_that_is_not_restarted_runs_once(
    system: ActorSystem, facts: Facts, restart: Restart, reason: ExitReason
) -> None:
    script = Script()
    handle = start(system, puppet("a", script, restart=restart))
    end_child(handle, facts, "a", reason)
    assert handle.count_children().active == 0
    assert script.hooks().count("on_start") == 1


@case("P-04", "P-05")
@pytest.mark.parametrize("reason", [NORMAL, BOOM], ids=["returns", "crashes"])
def test_p_04_so_does_a_permanent_child_of_a_dynamic_supervisor(
    system: ActorSystem, facts: Facts, reason: ExitReason
) -> None:
    script, probe = Script(), Probe(system)
    handle = DynamicSupervisorHandle.start(system, DynamicSpec(RestartIntensity(3, 60.0), NO_BACKOFF))
    probe.monitor(handle.ref)
    child = handle.start_child(puppet("a", script)).ref
    assert child is not None
    for life in (2, 3, 4):
        child.tell(exit_with(reason))
        facts.wait(ChildStarted, life=life)
    child.tell(exit_with(reason))
    assert probe.expect(Down).reason == Shutdown("reached_max_restart_intensity")
    assert script.hooks().count("on_start") == 4


@case("P-06")
@pytest.mark.parametrize(
    ("restart", "reason"),
    [(Restart.TEMPORARY, NORMAL), (Restart.TEMPORARY, BOOM), (Restart.TRANSIENT, NORMAL)],
    ids=["temporary returns", "temporary crashes", "transient returns"],
)
def test_p_06_and_one_of_those_that_is_not_restarted_runs_once_and_is_forgotten(
    system: ActorSystem, facts: Facts, restart: Restart, reason: ExitReason
) -> None:
    script = Script()
    handle = DynamicSupervisorHandle.start(system)
    child = handle.start_child(puppet("a", script, restart=restart)).ref
    assert child is not None
    child.tell(exit_with(reason))
    facts.wait(ChildTerminated)
    assert handle.which_children() == ()
    assert script.hooks().count("on_start") == 1
