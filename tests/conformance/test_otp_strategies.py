"""OTP's supervisor_SUITE: who is restarted together with whom, and what happens when that fails."""

from __future__ import annotations

import pytest

from regrow.actors import ActorExited, ActorSystem, Restart
from regrow.actors.testing import Hold, Script, crash
from regrow.protocol.exits import NORMAL, SHUTDOWN, Shutdown
from regrow.supervision import (
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    IntensityReached,
    RestartIntensity,
    RestartScheduled,
    ShutdownError,
    Strategy,
)
from regrow.supervision import requests as ask
from tests.conformance.case import case
from tests.conformance.tree import counts, crash_child, end_child, ends, ids, info_of, lives, puppet, ref_of, start
from tests.supervision.facts import Facts
from tests.supervision.stage import BOOM, Stage, child

GAVE_UP = Shutdown("reached_max_restart_intensity")
TWICE = RestartIntensity(2, 3600.0)
GROUPS = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


def fails_from_life(number: int, *, until: int = 10**6) -> Script:
    """A child whose starts fail in these lives."""

    def on_start(puppet: object) -> object:
        failing = number <= getattr(puppet, "incarnation", 0) < until
        return crash(ValueError("no start"))(puppet) if failing else None  # type: ignore[arg-type]

    return Script(on_start=on_start)


# one_for_one


@case("O-30")
def test_o_30_one_for_one_leaves_the_sibling_alone_until_it_is_one_restart_too_many(
    system: ActorSystem, facts: Facts
) -> None:
    sibling = Script()
    handle = start(system, puppet("a"), puppet("b", sibling), intensity=TWICE)
    for life in (2, 3):
        crash_child(handle, facts, "a")
        assert lives(handle) == {"a": life, "b": 1}
        assert counts(handle) == (2, 2, 0, 2)
    end_child(handle, facts, "a")
    assert facts.wait(ActorExited, ref=handle.ref).reason == GAVE_UP
    assert sibling.hooks()[-1] == "on_stop"
    assert facts.wait(ChildTerminated, child_id="b").reason == SHUTDOWN
    assert facts.wait(IntensityReached).max_restarts == 2


@case("O-30")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("allowed", [0, 1, 5])
def test_o_30_exactly_so_many_restarts_are_allowed(
    system: ActorSystem, facts: Facts, strategy: Strategy, allowed: int
) -> None:
    handle = start(system, puppet("a"), strategy=strategy, intensity=RestartIntensity(allowed, 3600.0))
    for _ in range(allowed):
        crash_child(handle, facts, "a")
    end_child(handle, facts, "a")
    assert facts.wait(ActorExited, ref=handle.ref).reason == GAVE_UP
    assert len(facts.all(ChildStarted)) == allowed + 1


@case("O-30", "O-33", "O-42")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_30_a_child_that_cannot_start_again_uses_up_the_intensity_alone(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    handle = start(
        system, puppet("a", fails_from_life(2)), puppet("b"), strategy=strategy, intensity=RestartIntensity(4, 60.0)
    )
    ref_of(handle, "a").tell(crash())
    assert facts.wait(ActorExited, ref=handle.ref).reason == GAVE_UP
    assert facts.ids(ChildStartFailed) == ["a"] * 4
    assert facts.ids(ChildStarted) == ["a", "b"]
    assert ends(facts)[-1] == ("b", SHUTDOWN) or strategy is not Strategy.ONE_FOR_ONE
    assert system.roots == ()


# one_for_all


@case("O-32")
@pytest.mark.parametrize("victim", ["a", "b"])
def test_o_32_one_for_all_replaces_both_children(system: ActorSystem, facts: Facts, victim: str) -> None:
    handle = start(system, puppet("a"), puppet("b"), strategy=Strategy.ONE_FOR_ALL, intensity=TWICE)
    for life in (2, 3):
        end_child(handle, facts, victim)
        facts.wait(ChildStarted, child_id="b", times=life)
        assert lives(handle) == {"a": life, "b": life}
        assert counts(handle) == (2, 2, 0, 2)
    end_child(handle, facts, victim)
    assert facts.wait(ActorExited, ref=handle.ref).reason == GAVE_UP


@case("O-33")
def test_o_33_a_sibling_that_cannot_start_again_ends_the_supervisor(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"), puppet("b", fails_from_life(2)), strategy=Strategy.ONE_FOR_ALL, intensity=TWICE)
    ref_of(handle, "a").tell(crash())
    assert facts.wait(ActorExited, ref=handle.ref).reason == GAVE_UP
    assert facts.wait(IntensityReached).child_id == "b"
    # One attempt for the crash, one more for the first failure: each of them starts the first child again.
    assert facts.ids(ChildStarted) == ["a", "b", "a", "a"]
    assert facts.ids(ChildStartFailed) == ["b", "b"]


@case("O-34")
def test_o_34_a_failed_start_in_the_group_stops_those_before_it_and_all_start_again(
    system: ActorSystem, facts: Facts
) -> None:
    handle = start(
        system,
        puppet("a"),
        puppet("b", fails_from_life(2, until=3)),
        puppet("c"),
        strategy=Strategy.ONE_FOR_ALL,
        intensity=TWICE,
    )
    ref_of(handle, "a").tell(crash())
    facts.wait(ChildStarted, child_id="c", times=2)
    assert lives(handle) == {"a": 3, "b": 3, "c": 2}
    stopped = [(event.child_id, event.life, event.reason) for event in facts.all(ChildTerminated) if event.expected]
    assert [(name, reason) for name, _, reason in stopped] == [("c", SHUTDOWN), ("b", SHUTDOWN), ("a", SHUTDOWN)]
    assert counts(handle) == (3, 3, 0, 3)


@case("O-42")
def test_o_42_rest_for_one_keeps_those_that_had_started_when_a_later_start_fails(
    system: ActorSystem, facts: Facts
) -> None:
    handle = start(
        system,
        puppet("a"),
        puppet("b", fails_from_life(2, until=4)),
        puppet("c"),
        strategy=Strategy.REST_FOR_ONE,
        intensity=RestartIntensity(3, 60.0),
    )
    ref_of(handle, "a").tell(crash())
    facts.wait(ChildStarted, child_id="c", times=2)
    assert lives(handle) == {"a": 2, "b": 4, "c": 2}
    assert counts(handle) == (3, 3, 0, 3)


# rest_for_one


@case("O-41")
def test_o_41_rest_for_one_replaces_the_failed_child_and_the_later_ones(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, *map(puppet, "abc"), strategy=Strategy.REST_FOR_ONE, intensity=TWICE)
    for life in (2, 3):
        end_child(handle, facts, "b")
        facts.wait(ChildStarted, child_id="c", times=life)
        assert lives(handle) == {"a": 1, "b": life, "c": life}
        assert counts(handle) == (3, 3, 0, 3)
    end_child(handle, facts, "c")
    assert facts.wait(ActorExited, ref=handle.ref).reason == GAVE_UP


@case("O-41")
@pytest.mark.parametrize(("victim", "replaced"), [("a", "abc"), ("b", "bc"), ("c", "c")])
def test_o_41_whoever_comes_first_is_left_alone(system: ActorSystem, facts: Facts, victim: str, replaced: str) -> None:
    handle = start(system, *map(puppet, "abc"), strategy=Strategy.REST_FOR_ONE)
    end_child(handle, facts, victim)
    facts.wait(ChildStarted, times=3 + len(replaced))
    assert lives(handle) == {name: 2 if name in replaced else 1 for name in "abc"}


@case("O-42")
def test_o_42_a_later_child_that_cannot_start_again_ends_the_supervisor(system: ActorSystem, facts: Facts) -> None:
    handle = start(
        system, puppet("a"), puppet("b", fails_from_life(2)), strategy=Strategy.REST_FOR_ONE, intensity=TWICE
    )
    ref_of(handle, "a").tell(crash())
    assert facts.wait(ActorExited, ref=handle.ref).reason == GAVE_UP
    assert facts.wait(IntensityReached).child_id == "b"
    assert facts.ids(ChildStarted) == ["a", "b", "a"]


# What a group does with those who are down, or temporary


@case("O-32", "O-41")
@pytest.mark.parametrize("strategy", GROUPS)
def test_o_32_and_o_41_all_that_were_down_come_back_with_the_group(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    from regrow.actors import Ignore

    declines = Script(on_start=crash(Ignore()))
    handle = start(
        system,
        puppet("victim"),
        puppet("terminated"),
        puppet("finished", restart=Restart.TRANSIENT),
        puppet("declined", declines),
        strategy=strategy,
    )
    handle.terminate_child("terminated")
    end_child(handle, facts, "finished", NORMAL)
    assert counts(handle) == (4, 1, 0, 4)
    declines.on_start = None
    crash_child(handle, facts, "victim")
    facts.wait(ChildStarted, child_id="declined")
    assert lives(handle) == {"victim": 2, "terminated": 2, "finished": 2, "declined": 2}
    assert counts(handle) == (4, 4, 0, 4)


@case("O-32", "O-41")
@pytest.mark.parametrize("strategy", GROUPS)
def test_o_32_and_o_41_a_temporary_bystander_is_stopped_and_dropped_for_good(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    bystander = Script()
    handle = start(
        system, puppet("a"), puppet("bystander", bystander, restart=Restart.TEMPORARY), puppet("c"), strategy=strategy
    )
    crash_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="c", times=2)
    assert lives(handle) == {"a": 2, "c": 2}
    assert bystander.hooks()[-1] == "on_stop"
    assert facts.wait(ChildTerminated, child_id="bystander").reason == SHUTDOWN
    crash_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="c", times=3)
    assert ids(handle) == ["a", "c"]


@case("O-32", "O-41")
def test_o_41_a_temporary_child_before_the_failed_one_is_left_alone(system: ActorSystem, facts: Facts) -> None:
    handle = start(
        system, puppet("early", restart=Restart.TEMPORARY), puppet("b"), puppet("c"), strategy=Strategy.REST_FOR_ONE
    )
    crash_child(handle, facts, "b")
    facts.wait(ChildStarted, child_id="c", times=2)
    assert lives(handle) == {"early": 1, "b": 2, "c": 2}


@case("O-32", "O-41")
@pytest.mark.parametrize("strategy", GROUPS)
def test_o_32_a_child_that_was_added_belongs_to_the_group(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    handle = start(system, puppet("a"), strategy=strategy)
    handle.start_child(puppet("added"))
    crash_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="added", times=2)
    assert lives(handle) == {"a": 2, "added": 2}


@case("O-32", "O-41")
@pytest.mark.parametrize("strategy", GROUPS)
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_o_32_and_o_41_a_group_restart_is_one_entry_and_its_siblings_ends_are_none(
    system: ActorSystem, facts: Facts, strategy: Strategy, restart: Restart
) -> None:
    # The siblings end with a crash in their clean-up; that is reported, and it is no failure of theirs.
    sibling = Script(on_stop=crash())
    handle = start(
        system,
        puppet("a", restart=restart),
        *(puppet(name, sibling, restart=restart) for name in "bcd"),
        strategy=strategy,
        intensity=RestartIntensity(1, 3600.0),
    )
    crash_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="d", times=2)
    assert facts.ids(ShutdownError) == ["d", "c", "b"]
    assert len(facts.all(RestartScheduled)) == 1
    assert not facts.all(IntensityReached)
    assert lives(handle) == dict.fromkeys("abcd", 2)


@case("O-32")
@pytest.mark.parametrize("strategy", GROUPS)
def test_o_32_each_sibling_is_stopped_in_its_own_way_one_after_the_other(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    hold = Hold()
    early = Script()
    handle = start(system, puppet("a"), puppet("b", early), puppet("slow", Script(on_stop=hold)), strategy=strategy)
    ref_of(handle, "a").tell(crash())
    hold.wait_reached()
    assert {info.id: str(info.state) for info in handle.which_children()} == {
        "a": "backoff",
        "b": "running",
        "slow": "stopping",
    }
    assert "on_stop" not in early.hooks()
    hold.release()
    facts.wait(ChildStarted, child_id="slow", times=2)
    assert [name for name, _ in ends(facts)] == ["a", "slow", "b"]
    assert facts.ids(ChildStarted)[3:] == ["a", "b", "slow"]


# In the core


@case("O-32", "O-34", "O-41", "O-42")
@pytest.mark.parametrize(
    ("strategy", "log"),
    [
        (Strategy.ONE_FOR_ALL, ["stop c", "stop b", "start a", "start b", "stop a", "start a", "start b", "start c"]),
        (Strategy.REST_FOR_ONE, ["stop c", "stop b", "start a", "start b", "start b", "start c"]),
    ],
)
def test_o_34_and_o_42_in_the_core(strategy: Strategy, log: list[str]) -> None:
    stage = Stage(child("a"), child("b"), child("c"), strategy=strategy).boot()
    stage.take_log()
    stage.starts["b"] = [BOOM, "ready"]
    stage.crash("a")
    assert stage.take_log() == log
    assert stage.states() == dict.fromkeys("abc", "running")


@case("O-33", "O-42")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_o_33_and_o_42_in_the_core(strategy: Strategy, allowed: int) -> None:
    stage = Stage(child("a"), child("b"), strategy=strategy, intensity=RestartIntensity(allowed, 60.0)).boot()
    stage.starts["a" if strategy is Strategy.ONE_FOR_ONE else "b"] = [BOOM]
    stage.crash("a")
    assert stage.exited == GAVE_UP
    assert len(stage.saw(ChildStartFailed)) == allowed
    assert stage.lives == {}


@case("O-32", "O-41")
@pytest.mark.parametrize("strategy", GROUPS)
def test_o_32_a_sibling_that_crashes_while_the_group_stops_is_part_of_it(strategy: Strategy) -> None:
    stage = Stage(*map(child, "abc"), strategy=strategy, intensity=RestartIntensity(1, 60.0)).boot()
    stage.stops["c"] = "hang"
    stage.crash("a")
    stage.take_log()
    stage.crash("b")
    assert (stage.take_log(), stage.over) == ([], False)
    stage.crash("c")
    assert stage.take_log() == ["start a", "start b", "start c"]
    assert stage.states() == dict.fromkeys("abc", "running")


@case("O-41")
def test_o_41_a_request_for_a_child_outside_of_the_group_is_served_meanwhile() -> None:
    stage = Stage(*map(child, "abc"), strategy=Strategy.REST_FOR_ONE).boot()
    stage.stops["c"] = "hang"
    stage.crash("b")
    stage.ask(ask.TerminateChild("a"))
    assert stage.states() == {"a": "stopped", "b": "backoff", "c": "stopping"}


@case("O-32")
def test_o_32_info_of_a_group(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, *map(puppet, "abc"), strategy=Strategy.ONE_FOR_ALL)
    crash_child(handle, facts, "b")
    facts.wait(ChildStarted, child_id="c", times=2)
    assert facts.wait(RestartScheduled).group == ("a", "b", "c")
    assert info_of(handle, "a").restarts == 1
