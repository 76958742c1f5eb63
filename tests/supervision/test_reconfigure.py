"""A running supervisor that follows a new spec: what is touched, in which order, and what may come in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regrow.actors.child_spec import ChildSpec, ChildType, Grace, Infinity, Restart, Start
from regrow.supervision import (
    AutoShutdown,
    Backoff,
    ChildRestarting,
    InvalidSpec,
    RestartIntensity,
    Strategy,
    SupervisorSpec,
    SupervisorStopping,
)
from regrow.supervision import commands as do
from regrow.supervision import requests as ask
from regrow.supervision.core import SupervisorCore
from regrow.supervision.errors import AlreadyPresent, CannotReconfigure
from regrow.supervision.events import IntensityReached, RestartScheduled
from regrow.supervision.results import Done, Reconfigured, StartedChild
from tests.supervision.stage import BOOM, Stage, child

SLOW = Backoff(initial=30.0, jitter="none")


def other(child_id: str, **more: object) -> ChildSpec:
    """The child of this id, but something else than before."""
    return replace(child(child_id), start=Start(dict), **more)  # type: ignore[arg-type]


def sup(child_id: str, start: Start) -> ChildSpec:
    return replace(child(child_id), start=start, type=ChildType.SUPERVISOR)


def branch(child_id: str, *children: ChildSpec, name: str | None = None) -> ChildSpec:
    return sup(child_id, Start(object, (SupervisorSpec(children=children, name=name),)))


def booted(*children: ChildSpec, **flags: object) -> Stage:
    stage = Stage(*children, **flags).boot()  # type: ignore[arg-type]
    stage.take_log()
    return stage


def in_force(stage: Stage) -> SupervisorSpec:
    assert isinstance(stage.core, SupervisorCore)
    return stage.core.spec


def told(stage: Stage, *children: ChildSpec, **flags: object) -> int:
    return stage.request(ask.Reconfigure(replace(in_force(stage), children=children, **flags)))  # type: ignore[arg-type]


def done(stage: Stage, number: int) -> Reconfigured:
    answer = stage.answers[number]
    assert isinstance(answer, Reconfigured)
    return answer


def last_start(stage: Stage) -> ChildSpec:
    return [command.spec for command in stage.commands if isinstance(command, do.StartLife)][-1]


def ids(stage: Stage) -> list[str]:
    return [info.id for info in stage.core.children(stage.now)]


class TestWhatIsTouched:
    def test_the_same_spec_touches_nothing(self) -> None:
        stage = booted(child("a"), branch("b", child("x")))
        result = done(stage, told(stage, child("a"), branch("b", child("x"))))
        assert stage.log == []
        assert result == Reconfigured(kept=("a", "b"))
        assert result.unchanged

    def test_a_new_policy_is_applied_to_the_life_that_runs(self) -> None:
        stage = booted(child("a", shutdown=Infinity()), child("b"))
        result = done(stage, told(stage, child("a", shutdown=Grace(2.0), restart="temporary"), child("b")))
        assert result == Reconfigured(changed=("a",), kept=("b",))
        assert (stage.log, stage.info("a").life) == ([], 1)
        stage.stops["a"] = "hang"
        stage.request(ask.TerminateChild("a"))
        stage.pass_time(2.0)
        assert stage.take_log() == ["stop a", "kill a", "forget a"]

    def test_removed_ones_stop_in_reverse_order_then_changed_and_added_ones_start_in_order(self) -> None:
        stage = booted(child("a"), child("b"), child("c"), child("d"), child("e"))
        result = done(stage, told(stage, child("a"), child("new"), other("c"), other("e"), child("last")))
        assert stage.log == [
            *("stop e", "stop d", "forget d", "stop c", "stop b", "forget b"),
            *("start new", "start c", "start e", "start last"),
        ]
        assert ids(stage) == ["a", "new", "c", "e", "last"]
        assert result == Reconfigured(kept=("a",), restarted=("c", "e"), added=("new", "last"), removed=("b", "d"))
        assert [stage.info(one).restarts for one in ("c", "e")] == [0, 0]

    def test_the_new_order_holds_for_stops_too(self) -> None:
        stage = booted(child("a"), child("b"), child("c"))
        assert done(stage, told(stage, child("c"), child("a"), child("b"))).reordered
        stage.stop()
        assert stage.log == ["stop b", "stop a", "stop c"]

    def test_the_supervisor_s_own_settings_hold_from_the_next_decision_on(self) -> None:
        stage = booted(child("a"), child("b"), intensity=RestartIntensity(0, 5.0))
        flags = {"strategy": Strategy.ONE_FOR_ALL, "intensity": RestartIntensity(1, 5.0), "backoff": SLOW}
        assert done(stage, told(stage, child("a"), child("b"), **flags)).own == ("strategy", "intensity", "backoff")
        stage.crash("a")
        assert stage.log == ["stop b"]
        stage.pass_time(30.0)
        assert stage.log == ["stop b", "start a", "start b"]

    def test_restarts_that_were_counted_stay_counted(self) -> None:
        stage = booted(child("a"), intensity=RestartIntensity(2, 5.0))
        stage.crash("a")
        told(stage, child("a"), intensity=RestartIntensity(1, 5.0))
        stage.crash("a")
        assert stage.over

    def test_restarts_for_a_new_spec_are_not_counted(self) -> None:
        stage = booted(child("a"), intensity=RestartIntensity(0, 5.0))
        for _ in range(3):
            told(stage, other("a"))
            told(stage, child("a"))
        assert not stage.over
        assert stage.info("a").life == 7

    def test_children_that_were_added_by_hand_stay_unless_the_spec_has_their_id(self) -> None:
        stage = booted(child("a"))
        for one in ("x", "y", "z"):
            stage.ask(ask.StartChild(child(one)))
        result = done(stage, told(stage, child("y"), other("z"), child("a")))
        assert ids(stage) == ["y", "z", "a", "x"]
        assert result.kept == ("y", "a")
        assert result.restarted == ("z",)
        assert stage.state("x") == "running"

    def test_who_was_stopped_by_hand_stays_down_and_who_was_deleted_stays_away(self) -> None:
        stage = booted(child("a"), child("b"), child("c", "temporary"))
        stage.ask(ask.TerminateChild("a"))
        stage.ask(ask.TerminateChild("b"))
        stage.ask(ask.DeleteChild("b"))
        stage.finish("c")
        stage.take_log()
        result = done(stage, told(stage, other("a"), child("b", "transient"), other("c", restart=Restart.TEMPORARY)))
        assert (stage.log, stage.states()) == ([], {"a": "stopped"})
        assert result == Reconfigured(changed=("a",), stopped=("a",))
        assert isinstance(stage.ask(ask.RestartChild("a")), StartedChild)
        assert in_force(stage).children[0].start.target is dict

    def test_a_child_that_is_down_and_gone_from_the_spec_is_forgotten(self) -> None:
        stage = booted(child("a"), child("b"), backoff=SLOW)
        stage.ask(ask.TerminateChild("a"))
        stage.crash("b")
        assert done(stage, told(stage)).removed == ("a", "b")
        assert ids(stage) == []
        assert stage.timers == {}

    def test_one_that_became_temporary_while_it_waited_for_its_restart_is_forgotten(self) -> None:
        stage = booted(child("a"), child("b"), backoff=SLOW)
        stage.crash("a")
        told(stage, child("a", "temporary"), child("b"))
        assert ids(stage) == ["b"]
        assert stage.timers == {}

    def test_one_that_became_temporary_while_it_was_being_restarted_is_not_tried_again(self) -> None:
        stage = booted(child("a"))
        stage.starts["a"] = ["hang"]
        stage.crash("a")
        told(stage, child("a", "temporary"))
        stage.fail_start("a")
        assert ids(stage) == []

    def test_the_significance_of_a_child_that_runs_can_be_turned_on_and_off(self) -> None:
        stage = booted(child("a", "transient"), child("b"))
        told(stage, child("a", "transient", significant=True), child("b"), auto_shutdown=AutoShutdown.ANY_SIGNIFICANT)
        told(stage, child("a", "transient"), child("b"))
        stage.finish("a")
        assert not stage.over
        stage.ask(ask.RestartChild("a"))
        told(stage, child("a", "transient", significant=True), child("b"))
        stage.finish("a")
        assert stage.over


class TestWhatIsRefused:
    def test_a_spec_with_mistakes_is_refused_whole_with_all_of_them_also_of_the_trees_inside(self) -> None:
        stage = booted(child("a"), branch("b", child("x")))
        bad = branch("b", child("x", start_timeout=0.0), branch("c", child("y", significant=True), child("y")))
        answer = stage.answers[told(stage, other("a"), child("a"), bad, backoff="no")]
        assert isinstance(answer, InvalidSpec)
        assert [str(problem) for problem in answer.problems] == [
            "backoff: expected a Backoff, or another Delays, got 'no'",
            "children[1] ('a').id: expected an id that is not yet taken by children[0], got 'a'",
            "children[2] ('b').children[0] ('x').start_timeout: expected seconds > 0, or math.inf, got 0.0",
            (
                "children[2] ('b').children[1] ('c').children[0] ('y').significant: expected False for a permanent"
                " child, which never ends on its own, got True"
            ),
            (
                "children[2] ('b').children[1] ('c').children[0] ('y').significant: expected False while the supervisor"
                ' has auto_shutdown="never", got True'
            ),
            (
                "children[2] ('b').children[1] ('c').children[1] ('y').id: expected an id that is not yet taken by"
                " children[0], got 'y'"
            ),
        ]
        assert stage.log == []
        assert done(stage, told(stage, child("a"), branch("b", child("x")))).unchanged

    def test_a_running_supervisor_keeps_its_name(self) -> None:
        stage = booted(child("a"))
        answer = stage.answers[told(stage, child("a"), name="bottom")]
        assert str(answer) == "invalid spec: name: expected 'top', as a running supervisor keeps its name, got 'bottom'"

    def test_not_while_it_starts(self) -> None:
        stage = Stage(child("a"))
        stage.starts["a"] = ["hang"]
        stage.boot()
        answer = stage.answers[told(stage, child("b"))]
        assert isinstance(answer, CannotReconfigure)
        assert str(answer) == "supervisor 'top' cannot be reconfigured now: it is starting"
        stage.become_ready("a")
        assert stage.confirmed
        assert ids(stage) == ["a"]

    def test_not_while_it_ends(self) -> None:
        stage = booted(child("a"))
        stage.stops["a"] = "hang"
        stage.stop()
        assert isinstance(stage.answers[told(stage, child("b"))], SupervisorStopping)

    def test_not_while_it_follows_another_one(self) -> None:
        stage = booted(child("a"))
        stage.stops["a"] = "hang"
        first = told(stage, other("a"))
        assert str(stage.answers[told(stage)]) == (
            "supervisor 'top' cannot be reconfigured now: it is being reconfigured"
        )
        stage.pass_time(5.0)
        assert done(stage, first).restarted == ("a",)


class TestWhatComesInBetween:
    def test_a_slow_stop_leaves_requests_answered_and_the_added_ones_waiting_for_their_turn(self) -> None:
        stage = booted(child("a"), child("b"))
        stage.stops["b"] = "hang"
        number = told(stage, other("a"), child("new"))
        assert stage.states() == {"a": "running", "new": "backoff", "b": "stopping"}
        assert number not in stage.answers
        assert isinstance(stage.ask(ask.StartChild(child("new"))), AlreadyPresent)
        assert isinstance(stage.ask(ask.DeleteChild("new")), ChildRestarting)
        assert stage.ask(ask.TerminateChild("new")) == Done()
        stage.pass_time(5.0)
        assert stage.states() == {"a": "running", "new": "stopped"}
        assert done(stage, number) == Reconfigured(restarted=("a",), removed=("b",), kept=("new",))

    def test_one_starts_when_the_one_before_it_is_ready(self) -> None:
        stage = booted()
        stage.starts["a"] = ["hang"]
        number = told(stage, child("a"), child("b"))
        assert stage.take_log() == ["start a"]
        stage.become_ready("a")
        assert stage.take_log() == ["start b"]
        assert done(stage, number).added == ("a", "b")

    def test_a_removed_child_that_crashes_before_its_turn_stays_away(self) -> None:
        stage = booted(child("a", significant=True, restart="transient"), child("b"), auto_shutdown="any_significant")
        stage.stops["b"] = "hang"
        number = told(stage)
        stage.crash("a")
        assert stage.take_log() == ["stop b", "forget a"]
        stage.pass_time(5.0)
        assert not stage.over
        assert done(stage, number).removed == ("a", "b")

    def test_a_changed_child_that_crashes_before_its_turn_is_restarted_as_what_it_is_now_and_not_again(self) -> None:
        stage = booted(child("a"), child("b"))
        stage.stops["b"] = "hang"
        number = told(stage, other("a"))
        stage.crash("a")
        stage.pass_time(5.0)
        assert stage.log == ["stop b", "start a", "kill b", "forget b"]
        assert done(stage, number).restarted == ("a",)
        assert stage.info("a").restarts == 1

    def test_a_changed_child_that_is_stopped_by_hand_meanwhile_stays_stopped(self) -> None:
        stage = booted(child("a"))
        stage.stops["a"] = "hang"
        number = told(stage, other("a"))
        stopped = stage.request(ask.TerminateChild("a"))
        stage.pass_time(5.0)
        assert stage.answers[stopped] == Done()
        assert stage.states() == {"a": "stopped"}
        assert done(stage, number) == Reconfigured(kept=("a",))

    def test_a_crash_that_takes_all_down_is_seen_to_first(self) -> None:
        stage = booted(child("a"), child("b"), child("c"), strategy="one_for_all")
        stage.starts["new"] = ["hang"]
        stage.stops["c"] = "hang"
        number = told(stage, child("a"), child("b"), child("new"))
        stage.crash("a")
        assert stage.take_log() == ["stop c"]
        stage.pass_time(5.0)
        assert stage.take_log() == ["kill c", "forget c", "stop b", "start a", "start b", "start new"]
        stage.become_ready("new")
        assert done(stage, number) == Reconfigured(kept=("a", "b"), added=("new",), removed=("c",))

    def test_the_group_s_wait_is_over_when_one_of_it_is_something_else_now(self) -> None:
        stage = booted(child("a"), child("b"), strategy="one_for_all", backoff=SLOW)
        stage.crash("a")
        stage.take_log()
        number = told(stage, other("a"), child("b"))
        assert stage.log == ["start a", "start b"]
        assert done(stage, number).restarted == ("a",)
        stage.pass_time(60.0)
        assert stage.log == ["start a", "start b"]

    def test_a_child_in_its_backoff_that_is_something_else_now_starts_at_once_with_a_clean_record(self) -> None:
        stage = booted(child("a"), child("b"), backoff=SLOW)
        stage.crash("a")
        stage.crash("b")
        result = done(stage, told(stage, other("a"), child("b", shutdown=Grace(1.0))))
        assert stage.log == ["start a"]
        assert result == Reconfigured(restarted=("a",), changed=("b",))
        stage.pass_time(29.0)
        stage.crash("a")
        stage.pass_time(1.0)
        assert stage.log == ["start a", "start b"]
        assert [fact.failures for fact in stage.saw(RestartScheduled)] == [1, 1, 1]

    def test_the_end_of_the_supervisor_refuses_who_asked(self) -> None:
        stage = booted(child("a"), child("b"))
        stage.stops["b"] = "hang"
        number = told(stage, other("a"), child("new"))
        stage.stop()
        stage.pass_time(5.0)
        assert isinstance(stage.answers[number], SupervisorStopping)
        assert stage.log == ["stop b", "kill b", "forget b", "stop a"]
        assert stage.over

    def test_a_worker_that_is_to_become_a_supervisor_is_stopped_as_a_worker(self) -> None:
        stage = booted(child("a"))
        stage.stops["a"] = "hang"
        number = told(stage, sup("a", Start(object)))
        stage.pass_time(5.0)  # a supervisor would have all the time in the world
        assert done(stage, number).restarted == ("a",)


class TestStartsThatFail:
    def test_they_are_tried_again_as_restarts_and_the_others_go_on(self) -> None:
        stage = booted(intensity=RestartIntensity(1, 5.0), backoff=Backoff(initial=1.0, jitter="none"))
        stage.starts["a"] = [BOOM, "ready"]
        result = done(stage, told(stage, child("a"), child("b")))
        assert result == Reconfigured(added=("a", "b"), failed={"a": "crash: ValueError: boom"})
        stage.pass_time(1.0)
        assert stage.log == ["start a", "start b", "start a"]
        assert stage.info("a").restarts == 1

    def test_too_many_of_them_end_the_supervisor(self) -> None:
        stage = booted(child("z"), intensity=RestartIntensity(0, 5.0))
        stage.starts["a"] = [BOOM]
        number = told(stage, child("z"), child("a"), child("b"))
        assert stage.log == ["start a", "stop z"]
        assert stage.saw(IntensityReached)
        assert isinstance(stage.answers[number], SupervisorStopping)

    def test_a_temporary_one_is_forgotten(self) -> None:
        stage = booted()
        stage.starts["a"] = [BOOM]
        result = done(stage, told(stage, child("a", "temporary")))
        assert (ids(stage), result) == ([], Reconfigured(added=("a",), failed={"a": "crash: ValueError: boom"}))

    def test_one_that_wants_to_be_left_out_is_kept_without_a_life(self) -> None:
        stage = booted()
        stage.starts["a"] = ["ignore"]
        told(stage, child("a"))
        assert stage.states() == {"a": "stopped"}


class TestSupervisorsBelow:
    def test_they_are_asked_in_their_turn_and_their_answer_is_part_of_the_answer(self) -> None:
        stage = booted(child("a"), branch("b", child("x")), branch("c", child("y")))
        inner = SupervisorSpec(children=[child("z")])
        number = told(stage, other("a"), branch("b", child("z")), branch("c", child("y")))
        assert stage.log == ["stop a", "start a", "ask b"]
        assert stage.asked_inside["b"][1] == ask.Reconfigure(inner)
        below = Reconfigured(added=("z",), removed=("x",))
        stage.follow("b", below)
        assert done(stage, number) == Reconfigured(kept=("c",), restarted=("a",), inside={"b": below})

    def test_one_that_has_nothing_to_do_counts_as_kept(self) -> None:
        stage = booted(sup("b", Start("app:one")))
        number = told(stage, sup("b", Start("app:two")))
        assert stage.asked_inside["b"][1] == ask.ReconfigureFrom(Start("app:two"))
        stage.follow("b", Reconfigured(kept=("x",)))
        assert done(stage, number) == Reconfigured(kept=("b",))

    def test_one_that_cannot_follow_gets_a_new_life(self) -> None:
        stage = booted(branch("b", child("x")), child("c"))
        number = told(stage, branch("b"), child("c"), child("d"))
        stage.follow("b")
        assert stage.log == ["ask b", "stop b", "start b", "start d"]
        assert done(stage, number) == Reconfigured(kept=("c",), restarted=("b",), added=("d",))

    def test_one_that_refuses_goes_on_as_it_was_and_comes_back_as_it_was(self) -> None:
        stage = booted(branch("b", child("x")))
        number = told(stage, branch("b"))
        stage.follow("b", error="no such module")
        assert done(stage, number) == Reconfigured(refused={"b": "no such module"})
        stage.crash("b")
        assert last_start(stage) == branch("b", child("x"))
        assert in_force(stage).children == (branch("b", child("x")),)

    def test_one_that_ends_before_it_answers_comes_back_as_it_is_now(self) -> None:
        stage = booted(branch("b", child("x")))
        number = told(stage, branch("b"))
        asked = stage.asked_inside["b"]
        stage.crash("b")
        assert last_start(stage) == branch("b")
        assert done(stage, number) == Reconfigured(kept=("b",))
        stage.asked_inside["b"] = asked
        stage.follow("b", error="too late")
        assert in_force(stage).children == (branch("b"),)

    @pytest.mark.parametrize("down", ["backoff", "stopped", "starting"])
    def test_one_that_does_not_run_follows_with_its_next_life(self, down: str) -> None:
        stage = booted(branch("b", child("x")), backoff=SLOW)
        if down == "stopped":
            stage.ask(ask.TerminateChild("b"))
        else:
            stage.crash("b")
        if down == "starting":
            stage.starts["b"] = ["hang"]
            stage.pass_time(30.0)
        stage.take_log()
        number = told(stage, branch("b"))
        if down == "starting":  # with the old spec: it is asked when it is ready
            assert number not in stage.answers
            stage.become_ready("b")
            stage.follow("b", Reconfigured(removed=("x",)))
            assert done(stage, number).inside == {"b": Reconfigured(removed=("x",))}
            return
        stopped = ("b",) if down == "stopped" else ()
        assert done(stage, number) == Reconfigured(changed=("b",), stopped=stopped)
        assert stage.log == []
