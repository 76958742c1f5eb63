"""Bugs that other supervisors had in their restart loops, and the rules that keep them out."""

from __future__ import annotations

import logging
import math
import random

import pytest

from regrow.actors import ActorSystem
from regrow.actors.child_spec import Grace
from regrow.actors.testing import Hold, Script, crash
from regrow.protocol.exits import NORMAL, Shutdown
from regrow.supervision import (
    AkkaBackoff,
    Backoff,
    ChildStarted,
    ConstantBackoff,
    FailureDecay,
    IntensityReached,
    LadderBackoff,
    RestartIntensity,
    RestartScheduled,
    SupervisorSpec,
    supervisor_child,
)
from regrow.supervision import commands as do
from regrow.supervision import requests as ask
from regrow.supervision.results import Done
from tests.conformance.case import case
from tests.conformance.tree import below, puppet, ref_of, start
from tests.supervision.facts import Facts
from tests.supervision.stage import BOOM, OFTEN, Stage, child

SLOW = Backoff(initial=5.0, base=5.0, jitter="none")
STEADY = Backoff(initial=1.0, base=1.0, factor=2.0, cap=8.0, jitter="none", reset_after=100.0)


@case("B-01")
def test_b_01_a_child_that_fails_at_once_does_not_burn_the_budget_in_no_time() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(5, 60.0), backoff=STEADY)
    stage.starts["a"] = ["ready", BOOM]
    stage.boot().crash("a")
    stage.pass_time(100.0)
    assert stage.attempts == [101.0, 102.0, 104.0, 108.0, 116.0]
    assert stage.over


@case("B-01")
def test_b_01_nor_does_it_flood_the_log(system: ActorSystem, facts: Facts, caplog: pytest.LogCaptureFixture) -> None:
    handle = start(system, puppet("a"), intensity=RestartIntensity(10_000, 1.0))
    ref = ref_of(handle, "a")
    with caplog.at_level(logging.INFO, "regrow.supervision"):
        for turn in range(300):
            ref.tell(crash())
            facts.wait(ChildStarted, child_id="a", times=turn + 2)
    assert len(facts.all(RestartScheduled)) == 300
    lines = [record for record in caplog.records if record.name == "regrow.supervision"]
    assert 0 < len(lines) < 60


@case("B-02")
@pytest.mark.parametrize("intensity", [RestartIntensity(3, 60.0), FailureDecay(3.0, 60.0)], ids=["window", "decay"])
def test_b_02_a_start_that_succeeds_forgives_nothing(intensity: RestartIntensity | FailureDecay) -> None:
    stage = Stage(child("a"), intensity=intensity).boot()
    for _ in range(3):
        stage.crash("a")
        stage.pass_time(0.001)
        assert stage.states() == {"a": "running"}
    stage.crash("a")
    assert stage.over
    assert len(stage.saw(IntensityReached)) == 1


@case("B-03")
def test_b_03_the_backoff_grows_for_one_that_crashes_just_after_its_wait() -> None:
    assert AkkaBackoff(3.0, 30.0).reset_after == 16.5
    assert Backoff(base=3.0, cap=30.0).reset_after == 16.5
    stage = Stage(child("a"), backoff=AkkaBackoff(3.0, 30.0, 0.0)).boot()
    for _ in range(5):
        stage.crash("a")
        stage.pass_time(stage.saw(RestartScheduled)[-1].delay + 4.0)  # longer than the least backoff
    assert [event.delay for event in stage.saw(RestartScheduled)] == [3.0, 6.0, 12.0, 24.0, 30.0]


@case("B-04")
def test_b_04_the_reset_comes_for_a_life_that_lasts_and_only_for_that_one() -> None:
    stage = Stage(child("a"), backoff=Backoff(initial=1.0, base=2.0, cap=8.0, jitter="none", reset_after=10.0)).boot()
    for _ in range(2):
        stage.crash("a")
        stage.pass_time(9.0)
    stage.crash("a")  # 7 s after its start: the reset armed for that life would be due in 3 s
    stage.pass_time(4.0 + 9.9)
    assert [event.delay for event in stage.saw(RestartScheduled)] == [1.0, 2.0, 4.0]
    stage.pass_time(0.1)
    stage.crash("a")
    assert stage.saw(RestartScheduled)[-1].delay == 1.0


@case("B-05")
def test_b_05_restarts_at_once_and_after_a_wait_share_one_budget() -> None:
    slow, fast = child("slow", backoff=STEADY), child("fast", backoff=Backoff(base=0.0, cap=0.0))
    stage = Stage(slow, fast, intensity=RestartIntensity(2, 60.0)).boot()
    stage.crash("slow")
    stage.pass_time(1.0)
    stage.crash("fast")
    assert not stage.over
    stage.crash("slow")
    assert stage.over


@case("B-06")
@pytest.mark.parametrize("restarts", [1, 2, 63, 64, 1023, 1024, 2**31, 2**63, 10**9, 10**30])
@pytest.mark.parametrize(
    "backoff",
    [
        Backoff(),
        Backoff(base=1e-9, factor=1e300, cap=1e300),
        AkkaBackoff(),
        AkkaBackoff(1e-9, 1e300, 1.0),
        ConstantBackoff(5.0),
        LadderBackoff((0.1, 0.5, 1.0)),
    ],
    ids=lambda backoff: type(backoff).__name__,
)
def test_b_06_a_delay_is_finite_and_never_negative_however_many_restarts(
    backoff: Backoff | AkkaBackoff | ConstantBackoff | LadderBackoff, restarts: int
) -> None:
    delay = backoff.delay(restarts, random.Random(0), 0.0)
    assert 0.0 <= delay < math.inf


@case("B-07")
def test_b_07_a_child_whose_delayed_start_fails_is_not_forgotten_and_can_be_deleted_in_its_delay() -> None:
    stage = Stage(child("a"), backoff=STEADY)
    stage.starts["a"] = ["ready", BOOM, BOOM, "ready"]
    stage.boot().crash("a")
    for wait in (1.0, 2.0):
        assert stage.states() == {"a": "backoff"}
        stage.pass_time(wait)
    assert stage.states() == {"a": "backoff"}
    stage.pass_time(4.0)
    assert stage.states() == {"a": "running"}
    stage.crash("a")
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert stage.ask(ask.DeleteChild("a")) == Done()
    stage.pass_time(1000.0)
    assert stage.states() == {}
    assert stage.lives == {}


@case("B-08")
def test_b_08_further_failures_do_not_put_a_wait_off_nor_make_others_wait() -> None:
    stage = Stage(child("a"), child("b"), child("c"), backoff=STEADY).boot()
    stage.crash("a")
    for other in ("b", "c"):
        stage.pass_time(0.4)
        stage.crash(other)
    assert stage.info("a").next_restart_in == pytest.approx(0.2)
    assert stage.info("c").next_restart_in == pytest.approx(1.0)
    stage.pass_time(0.21)
    assert stage.states() == {"a": "running", "b": "backoff", "c": "backoff"}


@case("B-09")
@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_b_09_a_sibling_that_crashes_while_it_is_stopped_for_the_group_does_not_put_it_off(strategy: str) -> None:
    stage = Stage(child("a", backoff=STEADY), child("b", backoff=SLOW), strategy=strategy).boot()
    stage.stops["b"] = "hang"
    stage.crash("a")
    stage.crash("b")  # while it is being stopped for the sake of a
    stage.pass_time(1.0)
    assert stage.states() == {"a": "running", "b": "running"}


@case("B-09")
def test_b_09_two_crashes_of_one_group_wait_together_for_the_later_time() -> None:
    stage = Stage(child("a", backoff=SLOW), child("b", backoff=STEADY), strategy="rest_for_one").boot()
    stage.crash("b")
    stage.crash("a")
    assert [type(key) for key in stage.timers] == [do.GroupDue]
    stage.pass_time(4.9)
    assert stage.states() == {"a": "backoff", "b": "backoff"}
    stage.pass_time(0.1)
    assert stage.states() == {"a": "running", "b": "running"}


@case("B-10")
def test_b_10_a_restart_that_fails_in_whatever_way_does_not_touch_the_supervisor(
    system: ActorSystem, facts: Facts
) -> None:
    ways = [ValueError("no"), SystemExit(1), KeyboardInterrupt(), RecursionError(), MemoryError()]

    def fail(doll: object) -> None:
        life: int = getattr(doll, "incarnation", 0)
        if 1 < life <= 1 + len(ways):
            raise ways[life - 2]

    handle = start(system, puppet("a", Script(on_start=fail)))
    ref_of(handle, "a").tell(crash())
    facts.wait(ChildStarted, child_id="a", times=2)
    assert ref_of(handle, "a").incarnation == 2 + len(ways)
    assert handle.ref.incarnation == 1


@case("B-11")
def test_b_11_a_supervisor_answers_while_a_restart_hangs_and_while_it_is_tried_again(
    system: ActorSystem, facts: Facts
) -> None:
    hold = Hold()

    def hang(doll: object) -> None:
        if getattr(doll, "incarnation", 0) > 1:
            hold()
            raise ValueError("and then no")

    handle = start(system, puppet("a", Script(on_start=hang), shutdown=Grace(0.0)), puppet("b"), backoff=STEADY)
    ref_of(handle, "b").tell(crash())
    facts.wait(RestartScheduled, child_id="b")
    assert handle.which_children(timeout=1.0)[0].restarting
    handle.terminate_child("b", timeout=1.0)
    assert handle.restart_child("b", timeout=1.0).child_id == "b"
    hold.release()


@case("B-12")
def test_b_12_the_window_is_exact_to_the_float_and_the_clock_is_passed_in() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(1, 1.0)).boot()
    stage.now = 100.999
    stage.crash("a")
    stage.pass_time(1.0001)
    stage.crash("a")
    assert not stage.over
    stage.pass_time(1.0)
    stage.crash("a")
    assert stage.over


@case("B-13")
def test_b_13_the_budget_is_one_for_all_children_and_may_be_as_large_as_they_need() -> None:
    crowd = [child(f"{number}") for number in range(100)]
    small, large = (
        Stage(*crowd, intensity=RestartIntensity(3, 5.0)),
        Stage(*crowd, intensity=RestartIntensity(100, 5.0)),
    )
    for stage in (small.boot(), large.boot()):
        for spec in crowd[: 4 if stage is small else 100]:
            stage.crash(spec.id)
    assert (small.over, large.over) == (True, False)


@case("B-14")
def test_b_14_a_noisy_child_under_a_supervisor_of_its_own_takes_nobody_along(system: ActorSystem, facts: Facts) -> None:
    quiet = SupervisorSpec(children=[puppet("quiet")])
    noisy = SupervisorSpec(children=[puppet("noisy")], intensity=RestartIntensity(0, 1.0))
    top = start(system, supervisor_child("calm", quiet), supervisor_child("loud", noisy))
    ref_of(below(top, "loud"), "noisy").tell(crash())
    facts.wait(ChildStarted, child_id="loud", times=2)
    assert ref_of(below(top, "calm"), "quiet").incarnation == 1
    assert ref_of(top, "calm").incarnation == 1


@case("B-15", "B-16")
def test_b_15_who_gives_up_says_so_with_a_reason_of_its_own() -> None:
    stage = Stage(child("a"), intensity=RestartIntensity(0, 1.0)).boot()
    stage.finish("a", NORMAL)
    assert stage.exited == Shutdown("reached_max_restart_intensity")
    assert stage.saw(IntensityReached)[0].child_id == "a"
    assert stage.exited != Shutdown()


@case("B-16")
def test_b_16_the_end_of_one_that_gave_up_is_seen_by_its_parent(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[puppet("a")], intensity=RestartIntensity(1, 60.0))
    top = start(system, supervisor_child("inner", inner), intensity=RestartIntensity(0, 1.0), name="top")
    for times in (2, None):
        ref_of(below(top, "inner"), "a").tell(crash())
        if times:
            facts.wait(ChildStarted, child_id="a", times=times)
    facts.wait(IntensityReached, child_id="inner")
    top.ref.stop(timeout=5.0)


@case("B-11")
def test_b_11_nor_is_it_deaf_to_its_own_stop() -> None:
    stage = Stage(child("a"), intensity=OFTEN, backoff=STEADY)
    stage.starts["a"] = ["ready", "hang"]
    stage.boot().crash("a")
    stage.pass_time(1.0)
    stage.stop()
    assert stage.over
    waits = Stage(child("a"), backoff=STEADY).boot()
    waits.crash("a")
    waits.stop()
    assert waits.over
