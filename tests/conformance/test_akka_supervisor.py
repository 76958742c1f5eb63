"""What Akka's classic suites say of supervision, said of a supervisor with OTP's rules."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorSystem,
    ChildSpec,
    Down,
    NameTaken,
    SpawnOptions,
    Start,
)
from regrow.actors.child_spec import Grace
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, crash, refuse
from regrow.protocol.exits import KILLED, Crash, Shutdown
from regrow.supervision import (
    NO_BACKOFF,
    AlreadyStarted,
    Backoff,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    FailedToStartChild,
    IntensityReached,
    RestartIntensity,
    Strategy,
    SupervisorSpec,
    supervisor_child,
)
from regrow.supervision.requests import TerminateChild
from tests.conformance.case import case
from tests.conformance.letters import dead_letters
from tests.conformance.tree import below, crash_child, end_child, info_of, lives, puppet, ref_of, start
from tests.supervision.facts import Facts


@case("A-01")
def test_a_01_without_a_restart_the_first_crash_is_the_last(system: ActorSystem, facts: Facts) -> None:
    script, probe = Script(), Probe(system)
    handle = start(system, puppet("a", script), intensity=RestartIntensity(0, 1.0))
    probe.monitor(ref_of(handle, "a"))
    ref_of(handle, "a").tell(crash())
    assert isinstance(probe.expect(Down).reason, Crash)
    assert facts.wait(IntensityReached).max_restarts == 0
    handle.ref.stop(timeout=5.0)
    assert script.hooks() == ("on_start", "on_failure")
    probe.expect_nothing()


@case("A-02")
def test_a_02_each_crash_runs_its_hooks_and_past_the_limit_nothing_more(system: ActorSystem, facts: Facts) -> None:
    script = Script()
    handle = start(system, puppet("a", script), intensity=RestartIntensity(3, 60.0))
    ref = ref_of(handle, "a")
    for life in (2, 3, 4):
        ref.tell(crash())
        facts.wait(ChildStarted, child_id="a", life=life)
    ref.tell(crash())
    facts.wait(IntensityReached)
    handle.ref.stop(timeout=5.0)
    assert script.hooks() == ("on_start", "on_failure") * 4


@case("A-04")
def test_a_04_a_nested_hierarchy_starts(system: ActorSystem) -> None:
    inner = SupervisorSpec(children=[puppet("leaf")])
    top = start(system, supervisor_child("middle", SupervisorSpec(children=[supervisor_child("inner", inner)])))
    assert ref_of(below(top, "middle", "inner"), "leaf").ask("ping", timeout=5.0) == "ping"


@case("A-05", "A-06", "A-14")
def test_a_05_one_that_is_killed_serves_before_and_after(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"))
    ref = ref_of(handle, "a")
    assert ref.ask("before", timeout=5.0) == "before"
    ref.tell(crash())
    facts.wait(ChildStarted, child_id="a", times=2)
    assert ref.ask("after", timeout=5.0) == "after"
    with pytest.raises(Exception, match="told to crash"):
        ref.ask(crash(), timeout=5.0)
    facts.wait(ChildStarted, child_id="a", times=3)
    assert ref.ask("again", timeout=5.0) == "again"


@case("A-09", "A-10")
@pytest.mark.parametrize("victim", ["a", "b", "c"])
def test_a_09_one_for_one_restarts_only_the_victim(system: ActorSystem, facts: Facts, victim: str) -> None:
    handle = start(system, puppet("a"), puppet("b"), puppet("c"))
    crash_child(handle, facts, victim)
    assert lives(handle) == {child: 2 if child == victim else 1 for child in "abc"}


@case("A-12", "A-13")
def test_a_12_one_for_all_restarts_everybody_and_all_serve_again(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b"), puppet("c"), strategy=Strategy.ONE_FOR_ALL)
    assert [ref_of(handle, child).ask(child, timeout=5.0) for child in "abc"] == ["a", "b", "c"]
    end_child(handle, facts, "b")
    facts.wait(ChildStarted, child_id="c", times=2)
    assert lives(handle) == {"a": 2, "b": 2, "c": 2}
    assert [ref_of(handle, child).ask(child, timeout=5.0) for child in "abc"] == ["a", "b", "c"]


@case("A-15")
def test_a_15_a_message_behind_the_crash_is_a_dead_letter_and_a_later_one_is_handled(
    system: ActorSystem, facts: Facts
) -> None:
    letters = dead_letters(system)
    handle = start(system, puppet("a"))
    ref, hold = ref_of(handle, "a"), Hold()
    ref.tell(hold)
    hold.wait_reached()
    ref.tell(crash())
    ref.tell("behind")
    hold.release()
    facts.wait(ChildStarted, child_id="a", times=2)
    assert letters == ["behind"]
    assert ref.ask(lambda puppet: list(puppet.seen), timeout=5.0) == []
    assert ref.ask("later", timeout=5.0) == "later"


@case("A-16")
def test_a_16_escalation_restarts_the_siblings_at_the_top(system: ActorSystem, facts: Facts) -> None:
    fragile = SupervisorSpec(children=[puppet("leaf")], intensity=RestartIntensity(0, 1.0), name="fragile")
    top = start(
        system, puppet("sibling"), supervisor_child("inner", fragile), strategy=Strategy.ONE_FOR_ALL, name="top"
    )
    ref_of(below(top, "inner"), "leaf").tell(crash())
    facts.wait(ChildStarted, supervisor="top", child_id="inner", times=2)
    assert lives(top) == {"sibling": 2, "inner": 2}
    assert ref_of(below(top, "inner"), "leaf").ask("ping", timeout=5.0) == "ping"


@case("A-17")
def test_a_17_failing_hooks_and_constructors_are_tried_again_until_one_succeeds(
    system: ActorSystem, facts: Facts
) -> None:
    made: list[int] = []

    def begin(script: Script) -> Start:
        made.append(len(made))
        if len(made) in {2, 3}:
            raise ValueError("no constructor today")
        return script.start

    script = Script(on_failure=crash(ValueError("in the hook")))
    handle = start(system, ChildSpec(id="a", start=Start(begin, (script,))))
    ref_of(handle, "a").tell(crash())
    facts.wait(ChildStarted, child_id="a", times=2)
    assert len(made) == 4
    assert len(facts.all(ChildStartFailed)) == 2
    assert info_of(handle, "a").restarts == 3


class _Faulty(Backoff):
    """A backoff with a mistake in it, as a decider may have one."""

    def delay(self, restarts: int, rng: random.Random, previous: float = 0.0) -> float:
        raise ZeroDivisionError("in the policy")


@case("A-18")
def test_a_18_a_mistake_in_the_policy_restarts_the_supervisor_and_the_childs_end_is_told(
    system: ActorSystem, facts: Facts
) -> None:
    probe = Probe(system)
    inner = SupervisorSpec(children=[puppet("leaf")], backoff=_Faulty())
    top = start(system, supervisor_child("inner", inner), name="top")
    probe.monitor(ref_of(below(top, "inner"), "leaf"))
    ref_of(below(top, "inner"), "leaf").tell(crash())
    ended = facts.wait(ChildTerminated, supervisor="top", child_id="inner")
    assert "in the policy" in str(ended.reason)
    facts.wait(ChildStarted, supervisor="top", child_id="inner", times=2)
    assert isinstance(probe.expect(Down).reason, Crash)
    assert ref_of(below(top, "inner"), "leaf").ask("ping", timeout=5.0) == "ping"


@case("A-24")
def test_a_24_no_limit_cannot_be_said_by_a_negative_number() -> None:
    with pytest.raises(ValueError, match=r"max_restarts: expected an integer >= 0, got -1"):
        RestartIntensity(-1, 5.0)


@case("A-25", "A-29")
def test_a_25_a_window_without_an_end_is_a_budget_for_a_lifetime(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    handle = start(system, puppet("a"), intensity=RestartIntensity(3, 1e9))
    for _ in range(3):
        crash_child(handle, facts, "a")
        clock.advance(100_000.0)
    ref_of(handle, "a").tell(crash())
    facts.wait(IntensityReached)


@case("A-26", "A-30")
def test_a_26_too_many_crashes_within_the_time_and_it_stays_dead(
    system: ActorSystem, clock: ManualClock, facts: Facts
) -> None:
    probe = Probe(system)
    handle = start(system, puppet("a"), intensity=RestartIntensity(2, 1.0))
    for _ in range(2):
        crash_child(handle, facts, "a")
        clock.advance(0.4)
    probe.monitor(handle.ref)
    ref_of(handle, "a").tell(crash())
    facts.wait(IntensityReached)
    assert probe.expect(Down).reason == Shutdown("reached_max_restart_intensity")
    assert len(facts.all(ChildStarted)) == 3


@case("A-28")
def test_a_28_crashes_outside_of_the_time_are_forgiven(system: ActorSystem, clock: ManualClock, facts: Facts) -> None:
    handle = start(system, puppet("a"), intensity=RestartIntensity(2, 1.0))
    for _ in range(6):
        crash_child(handle, facts, "a")
        clock.advance(0.6)
    assert facts.all(IntensityReached) == []


@case("A-32", "A-33")
def test_a_32_a_restart_makes_its_named_child_again_without_a_clash(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(
        children=[puppet("leaf", name="leaf")], intensity=RestartIntensity(0, 1.0), backoff=NO_BACKOFF
    )
    top = start(system, supervisor_child("inner", inner, name="inner"), name="top")
    old_inner, old_leaf = ref_of(top, "inner"), ref_of(below(top, "inner"), "leaf")
    assert system.whereis("leaf") is old_leaf
    old_leaf.tell(crash())
    facts.wait(ChildStarted, supervisor="top", child_id="inner", times=2)
    assert system.whereis("inner") is old_inner
    assert old_inner.incarnation == 2
    new_leaf = system.whereis("leaf")
    assert new_leaf is not None
    assert new_leaf is not old_leaf
    assert (old_leaf.is_alive(), new_leaf.is_alive()) == (False, True)


@case("A-34")
def test_a_34_a_name_is_taken_while_its_holder_is_stopping(system: ActorSystem, clock: ManualClock) -> None:
    hold = Hold()
    handle = start(system, puppet("a", Script(on_stop=hold), name="a", shutdown=Grace(60.0)))
    stopping = handle.ref.ask(TerminateChild("a"), block=False)
    hold.wait_reached()
    with pytest.raises(AlreadyStarted):
        handle.start_child(puppet("a"))
    with pytest.raises(NameTaken):
        system.spawn(Puppet, options=SpawnOptions(name="a"))
    hold.release()
    stopping.get(timeout=5.0)
    assert system.spawn(Puppet, options=SpawnOptions(name="a")).is_alive()
    assert clock.pending == 0


@case("A-36")
def test_a_36_who_failed_is_known_by_ref_and_by_life(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b"))
    ended = end_child(handle, facts, "b")
    assert (ended.child_id, ended.life) == ("b", 2)
    assert info_of(handle, "b").ref is ref_of(handle, "b")


@case("A-37")
def test_a_37_a_first_start_that_fails_fails_the_supervisor_and_is_not_tried_again(
    system: ActorSystem, facts: Facts
) -> None:
    script = Script(on_start=crash(ValueError("not yet")))
    with pytest.raises(FailedToStartChild, match="not yet"):
        start(system, puppet("a", script))
    assert script.hooks() == ("on_start", "on_failure")
    assert facts.all(IntensityReached) == []


@case("A-38")
def test_a_38_a_killed_supervisor_and_its_child_come_back_exactly_once(system: ActorSystem, facts: Facts) -> None:
    script = Script()
    inner = SupervisorSpec(children=[puppet("leaf", script)], name="inner")
    top = start(system, supervisor_child("inner", inner), name="top")
    ref_of(top, "inner").kill()
    assert facts.wait(ChildTerminated, supervisor="top").reason == KILLED
    facts.wait(ChildStarted, supervisor="top", child_id="inner", times=2)
    script.wait_for("on_stop")
    assert lives(top) == {"inner": 2}
    assert script.hooks().count("on_start") == 2


@case("A-40")
def test_a_40_a_permanent_failure_is_told_to_the_parent(system: ActorSystem, facts: Facts) -> None:
    inner = SupervisorSpec(children=[puppet("leaf")], intensity=RestartIntensity(0, 1.0))
    top = start(system, supervisor_child("inner", inner), name="top")
    ref_of(below(top, "inner"), "leaf").tell(crash())
    ended = facts.wait(ChildTerminated, supervisor="top", child_id="inner")
    assert ended.reason == Shutdown("reached_max_restart_intensity")
    assert ended.expected is False


@case("A-41", "A-81")
def test_a_41_one_that_answers_its_error_goes_on_with_its_state(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    ref = ref_of(handle, "a")
    ref.tell("kept")
    with pytest.raises(ValueError, match="no"):
        ref.ask(refuse(ValueError("no")), timeout=5.0)
    assert ref.ask(lambda puppet: list(puppet.seen), timeout=5.0) == ["kept"]
    assert lives(handle) == {"a": 1}


class _Moody(Actor):
    """Counts, and fails at random."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def on_receive(self, message: object) -> object:
        if self._rng.random() < 0.2:
            raise RuntimeError("a bad day")
        return message


@case("A-44")
def test_a_44_many_that_fail_at_random_are_all_there_in_the_end(system: ActorSystem, facts: Facts) -> None:
    children = [ChildSpec(id=f"{number}", start=Start(_Moody, (number,))) for number in range(20)]
    branch = SupervisorSpec(children=children, intensity=RestartIntensity(100_000, 1.0), backoff=NO_BACKOFF)
    top = start(system, *(supervisor_child(f"branch {number}", branch) for number in range(5)))
    branches = [below(top, f"branch {number}") for number in range(5)]
    refs = [ref_of(inner, child.id) for inner in branches for child in children]
    barrier = threading.Barrier(4)
    answers: list[Any] = []

    def torment(seed: int) -> None:
        rng = random.Random(seed)
        barrier.wait(10.0)
        answers.extend([rng.choice(refs).ask("go on", block=False) for _ in range(300)])

    threads = [threading.Thread(target=torment, args=(seed,), daemon=True) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    failures = [_failure_of(answer) for answer in answers]
    crashes = sum(isinstance(failure, RuntimeError) for failure in failures)
    assert crashes > 50
    facts.wait(ChildStarted, times=len(branches) + len(refs) + crashes)  # nobody is lost, nobody comes back twice
    assert [inner.count_children().active for inner in branches] == [20] * 5
    assert len(facts.all(ChildStarted)) == len(branches) + len(refs) + crashes


def _failure_of(answer: Any) -> BaseException | None:
    try:
        answer.get(timeout=10.0)
    except (RuntimeError, ActorDeadError) as failure:
        return failure
    return None
