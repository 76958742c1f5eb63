"""What Akka's suites say of backoff supervisors, said of a child with a backoff."""

from __future__ import annotations

import random

import pytest

from regrow.actors import ActorDeadError, ActorSystem, Down, Restart
from regrow.actors.child_spec import Grace
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, crash
from regrow.protocol.exits import NORMAL, ExitReason
from regrow.supervision import (
    AkkaBackoff,
    AutoShutdown,
    Backoff,
    BackoffWasReset,
    ChildStarted,
    ChildTerminated,
    IntensityReached,
    RestartIntensity,
    RestartScheduled,
    SignificantChildEnded,
    Strategy,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)
from tests.conformance.case import case
from tests.conformance.letters import dead_letters
from tests.conformance.tree import BOOM, below, end_child, info_of, lives, puppet, ref_of, start
from tests.supervision.facts import Facts

EXACT = Backoff(initial=0.2, base=0.4, cap=60.0, jitter="none", reset_after=1000.0)


def crash_and_wait(handle: SupervisorHandle, facts: Facts, clock: ManualClock, reason: ExitReason = BOOM) -> float:
    """Have the child "a" end, let exactly its delay pass, and give that."""
    scheduled = len(facts.all(RestartScheduled, child_id="a"))
    life = end_child(handle, facts, "a", reason).life
    delay = pass_delay(handle, facts, clock, child_id="a", times=scheduled + 1)
    facts.wait_where(ChildStarted, lambda event: event.life > life, child_id="a")
    return delay


def pass_delay(handle: SupervisorHandle, facts: Facts, clock: ManualClock, *, child_id: str, times: int) -> float:
    """Let the delay of the restart number `times` of a child pass, and give it."""
    delay = facts.wait(RestartScheduled, child_id=child_id, times=times).delay
    handle.count_children()  # answered after the supervisor has set its timer
    clock.advance(delay)
    return delay


@case("A-56")
def test_a_56_one_that_stops_is_started_again_after_a_while(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    handle = start(system, puppet("a"), backoff=EXACT)
    end_child(handle, facts, "a", NORMAL)
    assert info_of(handle, "a").next_restart_in == pytest.approx(0.2)
    clock.advance(0.1)
    assert lives(handle) == {"a": 1}
    clock.advance(0.1)
    facts.wait(ChildStarted, child_id="a", times=2)


@case("A-57")
def test_a_57_the_same_ref_leads_to_the_child_before_and_after(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    handle = start(system, puppet("a"), backoff=EXACT)
    ref = ref_of(handle, "a")
    assert ref.ask("before", timeout=5.0) == "before"
    crash_and_wait(handle, facts, clock)
    assert ref.ask("after", timeout=5.0) == "after"


@case("A-58")
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_a_58_the_restart_type_says_which_ends_bring_a_new_child(
    system: ActorSystem, clock: ManualClock, facts: Facts, restart: Restart
) -> None:
    handle = start(system, puppet("a", restart=restart), backoff=EXACT)
    crash_and_wait(handle, facts, clock)
    end_child(handle, facts, "a", NORMAL)
    assert info_of(handle, "a").restarting is (restart is Restart.PERMANENT)


@case("A-61", "A-62", "A-63")
def test_a_61_while_it_is_down_askers_hear_so_at_once_and_the_rest_are_dead_letters(
    system: ActorSystem, facts: Facts
) -> None:
    letters = dead_letters(system)
    handle = start(system, puppet("a"), backoff=EXACT)
    ref = ref_of(handle, "a")
    end_child(handle, facts, "a")
    with pytest.raises(ActorDeadError):
        ref.ask("anybody?", timeout=5.0)
    with pytest.raises(ActorDeadError):
        ref.tell("lost")
    assert letters == ["lost"]


DAY = 86_400.0


@case("A-64")
@pytest.mark.parametrize(
    ("count", "least", "most", "delay"),
    [
        (0, 0.0, 0.0, 0.0),
        (0, 300.0, 420.0, 300.0),
        (2, 5.0, 7.0, 7.0),
        (2, 5.0, 7 * DAY, 20.0),
        (29, 300.0, 600.0, 600.0),
        (29, 1e4 * DAY, 1e4 * DAY, 1e4 * DAY),
        (2**31 - 1, 1e4 * DAY, 1e4 * DAY, 1e4 * DAY),
        (10**9, 0.001, 1e4 * DAY, 1e4 * DAY),
    ],
)
def test_a_64_the_delay_doubles_up_to_its_maximum_and_never_overflows(
    count: int, least: float, most: float, delay: float
) -> None:
    assert AkkaBackoff(least, most, 0.0).delay(count + 1, random.Random(0)) == delay


@case("A-65", "A-66", "A-74")
@pytest.mark.parametrize("reason", [NORMAL, BOOM], ids=["stop", "failure"])
def test_a_65_delayed_restarts_are_limited_too(
    system: ActorSystem, clock: ManualClock, facts: Facts, reason: ExitReason
) -> None:
    handle = start(system, puppet("a"), backoff=EXACT, intensity=RestartIntensity(5, 1e6))
    probe = Probe(system)
    probe.monitor(handle.ref)
    for _ in range(5):
        crash_and_wait(handle, facts, clock, reason=reason)
    end_child(handle, facts, "a", reason)
    facts.wait(IntensityReached)
    probe.expect(Down)


@case("A-68")
def test_a_68_a_child_that_waits_can_be_ended_and_then_stays_down(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    handle = start(system, puppet("a"), backoff=EXACT)
    end_child(handle, facts, "a")
    handle.terminate_child("a")
    clock.advance(60.0)
    assert lives(handle) == {"a": 1}
    assert str(info_of(handle, "a").state) == "stopped"


@case("A-69")
def test_a_69_a_child_that_ends_well_can_end_its_supervisor(system: ActorSystem, facts: Facts) -> None:
    child = puppet("a", restart=Restart.TRANSIENT, significant=True)
    handle = start(system, child, auto_shutdown=AutoShutdown.ANY_SIGNIFICANT, backoff=EXACT)
    probe = Probe(system)
    probe.monitor(handle.ref)
    end_child(handle, facts, "a", NORMAL)
    facts.wait(SignificantChildEnded)
    probe.expect(Down)


@case("A-70", "A-114")
def test_a_70_the_delays_double_and_only_one_child_is_alive(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    script = Script()
    handle = start(system, puppet("a", script), backoff=EXACT)
    assert [crash_and_wait(handle, facts, clock) for _ in range(4)] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert script.hooks().count("on_start") - script.hooks().count("on_stop") == 1
    assert handle.count_children().active == 1


@case("A-72")
def test_a_72_a_child_knows_its_parent_and_may_tell_it(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    assert ref_of(handle, "a").ask(lambda puppet: puppet.parent is handle.ref, timeout=5.0) is True


@case("A-73")
def test_a_73_requests_are_served_while_the_failed_child_is_still_cleaning_up(
    system: ActorSystem, facts: Facts
) -> None:
    hold = Hold()
    handle = start(system, puppet("a", Script(on_failure=hold)))
    ref_of(handle, "a").tell(crash())
    hold.wait_reached()
    info = info_of(handle, "a")
    assert (str(info.state), info.incarnation, info.restarts) == ("running", 1, 0)
    assert facts.all(ChildTerminated) == []
    hold.release()
    facts.wait(ChildStarted, child_id="a", times=2)
    assert (info_of(handle, "a").incarnation, info_of(handle, "a").restarts) == (2, 1)


@case("A-76")
def test_a_76_failures_outside_of_the_time_never_end_it(system: ActorSystem, clock: ManualClock, facts: Facts) -> None:
    handle = start(system, puppet("a"), backoff=EXACT, intensity=RestartIntensity(2, 1.0))
    for _ in range(6):
        crash_and_wait(handle, facts, clock)
        clock.advance(1.1)
    assert facts.all(IntensityReached) == []


@case("A-60", "A-116")
def test_a_60_the_count_starts_again_only_for_a_life_that_lasts(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    backoff = Backoff(initial=0.2, base=0.4, cap=60.0, jitter="none", reset_after=10.0)
    handle = start(system, puppet("a"), backoff=backoff)
    assert [crash_and_wait(handle, facts, clock) for _ in range(2)] == pytest.approx([0.2, 0.4])
    clock.advance(9.9)
    assert crash_and_wait(handle, facts, clock) == pytest.approx(0.8)
    clock.advance(10.0)
    facts.wait(BackoffWasReset)
    assert crash_and_wait(handle, facts, clock) == pytest.approx(0.2)


@case("A-93", "A-94", "A-117", "A-133")
def test_a_117_nested_backoffs_are_reset_each_on_its_own_and_no_stray_timer_harms(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    quick = Backoff(initial=0.2, base=0.4, cap=60.0, jitter="none", reset_after=5.0)
    inner = SupervisorSpec(children=[puppet("a")], backoff=quick, intensity=RestartIntensity(2, 1000.0), name="inner")
    slow = Backoff(initial=2.0, base=4.0, cap=60.0, jitter="none", reset_after=50.0)
    top = start(system, supervisor_child("inner", inner), backoff=slow, name="top")
    for turn in range(2):
        for attempt in (1, 2):
            ref_of(below(top, "inner"), "a").tell(crash())
            pass_delay(below(top, "inner"), facts, clock, child_id="a", times=2 * turn + attempt)
            facts.wait(ChildStarted, child_id="a", times=3 * turn + attempt + 1)
        clock.advance(1.0)  # the reset that its last life would have earned is still armed
        ref_of(below(top, "inner"), "a").tell(crash())
        facts.wait(IntensityReached, child_id="a", times=turn + 1)
        assert pass_delay(top, facts, clock, child_id="inner", times=turn + 1) == pytest.approx([2.0, 4.0][turn])
        facts.wait(ChildStarted, child_id="inner", times=turn + 2)
    clock.advance(49.0)
    lives(top)
    assert facts.all(BackoffWasReset) == []
    clock.advance(1.0)
    assert facts.wait(BackoffWasReset).child_id == "inner"
    assert lives(top) == {"inner": 3}


@case("A-113")
def test_a_113_every_message_to_a_child_that_waits_is_a_dead_letter(system: ActorSystem, facts: Facts) -> None:
    letters = dead_letters(system)
    handle = start(system, puppet("a"), backoff=EXACT)
    end_child(handle, facts, "a")
    for number in range(4):
        with pytest.raises(ActorDeadError):
            ref_of(handle, "a").tell(number)
    assert letters == [0, 1, 2, 3]


@case("A-100", "A-101")
def test_a_100_a_group_waits_for_slow_siblings_before_anybody_comes_back(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    hold = Hold()
    handle = start(
        system,
        puppet("a"),
        puppet("slow", Script(on_stop=hold), shutdown=Grace(60.0)),
        strategy=Strategy.ONE_FOR_ALL,
        backoff=EXACT,
    )
    end_child(handle, facts, "a")
    hold.wait_reached()
    clock.advance(5.0)
    assert lives(handle) == {"a": 1, "slow": 1}
    hold.release()
    facts.wait(ChildStarted, child_id="slow", times=2)
    assert ref_of(handle, "slow").ask(lambda puppet: list(puppet.seen), timeout=5.0) == []


@case("A-126")
def test_a_126_the_default_reset_is_half_way_between_least_and_most() -> None:
    assert AkkaBackoff(1.0, 9.0, 0.0).reset_after == 5.0
    assert Backoff(base=1.0, cap=9.0).reset_after == 5.0


@case("A-109", "A-110", "A-120")
@pytest.mark.parametrize("backoff", [EXACT, Backoff(base=0.0, cap=0.0, jitter="none")], ids=["backoff", "at once"])
def test_a_109_a_restart_that_cannot_start_is_tried_again_within_the_limit_and_no_further(
    system: ActorSystem, clock: ManualClock, facts: Facts, backoff: Backoff
) -> None:
    started: list[int] = []

    def once(puppet: Puppet) -> None:
        started.append(puppet.incarnation)
        if puppet.incarnation > 1:
            raise ValueError("not again")

    handle = start(system, puppet("a", Script(on_start=once)), backoff=backoff, intensity=RestartIntensity(3, 1e6))
    probe = Probe(system)
    probe.monitor(handle.ref)
    ref_of(handle, "a").tell(crash())
    if backoff is EXACT:
        for attempt in range(1, 4):
            pass_delay(handle, facts, clock, child_id="a", times=attempt)
    facts.wait(IntensityReached)
    probe.expect(Down)
    assert started == [1, 2, 3, 4]
