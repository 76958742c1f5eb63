"""What triotp's suite says of supervisors; where a limit ends in silence there, it is seen here."""

from __future__ import annotations

import pytest

from regrow.actors import ActorSystem, Down, Restart
from regrow.actors.testing import Probe, Script, crash
from regrow.protocol.exits import NORMAL, ExitReason, Shutdown
from regrow.supervision import ChildStarted, IntensityReached, RestartIntensity
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
    ref_of(handle, "a").tell(crash() if reason is BOOM else lambda puppet: puppet.exit(NORMAL))
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
