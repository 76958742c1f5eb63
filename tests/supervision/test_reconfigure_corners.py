"""Corners of following a new spec, and of dynamic children, that no other plain test turns round."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from regrow.actors.child_spec import ChildSpec, ChildType, Start
from regrow.protocol.exits import SHUTDOWN, Crash
from regrow.supervision import (
    Backoff,
    BackoffWasReset,
    ChildNotFound,
    ChildStartFailed,
    ChildState,
    ChildTerminated,
    FailedToStartChild,
    IntensityReached,
    InvalidSpec,
    NotOffered,
    RestartIntensity,
    RestartScheduled,
    ShutdownError,
    Strategy,
    SupervisorSpec,
)
from regrow.supervision import commands as do
from regrow.supervision import requests as ask
from regrow.supervision.core import SupervisorCore
from regrow.supervision.difference import Difference, difference
from regrow.supervision.dynamic_spec import DynamicSpec
from regrow.supervision.errors import SupervisionError
from regrow.supervision.events import SupervisorReconfigured
from regrow.supervision.results import Reconfigured, Result
from tests.supervision.dynamic_stage import DynamicStage
from tests.supervision.stage import BOOM, Stage, child

SLOW = Backoff(initial=30.0, jitter="none")


def other(child_id: str, **more: object) -> ChildSpec:
    return replace(child(child_id), start=Start(dict), **more)  # type: ignore[arg-type]


def branch(child_id: str, inner: SupervisorSpec | DynamicSpec) -> ChildSpec:
    return replace(child(child_id), start=Start(object, (inner,)), type=ChildType.SUPERVISOR)


def booted(*children: ChildSpec, **flags: object) -> Stage:
    stage = Stage(*children, **flags).boot()  # type: ignore[arg-type]
    stage.take_log()
    return stage


def new_spec(stage: Stage, *children: ChildSpec) -> ask.Reconfigure:
    assert isinstance(stage.core, SupervisorCore)
    return ask.Reconfigure(replace(stage.core.spec, children=children))


def told(stage: Stage, *children: ChildSpec) -> int:
    return stage.request(new_spec(stage, *children))


def problems(answer: Result | SupervisionError) -> list[str]:
    assert isinstance(answer, InvalidSpec)
    return [str(problem) for problem in answer.problems]


# What a new spec would end


def test_who_asks_from_below_a_child_that_would_end_is_told_so() -> None:
    stage = booted(child("kept"), child("gone"), child("anew"), branch("inside", SupervisorSpec()))
    assert isinstance(stage.core, SupervisorCore)
    request = new_spec(stage, child("kept"), other("anew"), branch("inside", SupervisorSpec(name="n")), child("more"))
    below = {one: stage.core.awaited_end(request, stage.ref(one)) for one in ("kept", "gone", "anew", "inside")}
    assert below == {"kept": None, "gone": "ref of gone", "anew": "ref of anew", "inside": "ref of inside"}


def test_a_child_that_is_gone_from_the_table_is_no_end_to_wait_for() -> None:
    stage = booted(child("gone"), child("kept"))
    stage.ask(ask.TerminateChild("gone"))
    stage.ask(ask.DeleteChild("gone"))
    assert isinstance(stage.core, SupervisorCore)
    request = new_spec(stage, child("kept"))
    assert stage.core.awaited_end(request, cast("Any", "ref of gone")) is None


def test_a_spec_that_is_refused_ends_nobody() -> None:
    stage = booted(child("a"), child("b"))
    assert isinstance(stage.core, SupervisorCore)
    assert stage.core.awaited_end(new_spec(stage, child("a"), child("a")), stage.ref("b")) is None


def test_a_child_that_is_gone_and_failed_a_start_by_hand_meanwhile_is_forgotten_in_its_turn() -> None:
    stage = booted(child("gone"), child("slow"))
    stage.stops["slow"], stage.starts["gone"] = "hang", ["hang"]
    stage.ask(ask.TerminateChild("gone"))
    by_hand = stage.request(ask.RestartChild("gone"))
    number = told(stage)
    stage.fail_start("gone")
    assert stage.answers.get(number) is None
    assert isinstance(stage.answers[by_hand], FailedToStartChild)
    assert stage.state("gone") is ChildState.STOPPED
    stage.finish("slow", SHUTDOWN)
    assert stage.answers[number] == Reconfigured(removed=("gone", "slow"))
    assert stage.states() == {}


# What is said of it


def test_whoever_follows_says_by_its_own_name_that_it_does() -> None:
    stage = booted(child("a"))
    told(stage, child("a"), child("b"))
    assert [event.supervisor for event in stage.saw(SupervisorReconfigured)] == ["top"]


def test_the_mistakes_of_a_dynamic_supervisor_inside_are_found_before_anything_happens() -> None:
    stage = booted(branch("pool", DynamicSpec()))
    answer = stage.answers[told(stage, branch("pool", DynamicSpec(max_children=-1)), child("b"))]
    assert problems(answer) == [
        "children[0] ('pool').max_children: expected an integer >= 0, or None for no limit, got -1"
    ]
    assert stage.log == []


def test_a_temporary_child_that_was_added_by_hand_is_compared_by_what_it_was_started_with() -> None:
    stage = booted(child("a"), child("t", "temporary"))
    assert stage.answers[told(stage, child("a"), child("t", "temporary"))] == Reconfigured(kept=("a", "t"))


def test_a_permanent_child_whose_row_is_something_else_than_the_static_spec_is_compared_by_its_row() -> None:
    stage = booted(child("a"))
    stage.ask(ask.TerminateChild("a"))
    stage.ask(ask.DeleteChild("a"))
    stage.ask(ask.StartChild(other("a")))
    assert stage.answers[told(stage, other("a"))] == Reconfigured(kept=("a",))


def test_a_group_that_waits_is_started_at_once_and_its_timer_is_given_back() -> None:
    stage = booted(child("a"), child("b"), strategy=Strategy.ONE_FOR_ALL, backoff=SLOW)
    stage.crash("a")
    assert [type(key) for key in stage.timers] == [do.GroupDue]
    told(stage, other("a"), child("b"))
    assert [key for key in stage.timers if isinstance(key, do.GroupDue)] == []
    assert stage.states() == {"a": "running", "b": "running"}


def test_one_that_was_removed_while_it_waited_to_be_stopped_is_forgotten_with_its_timers() -> None:
    stage = booted(child("a"), child("b"), child("c"))
    stage.stops["c"] = "hang"
    number = told(stage, child("a"))
    stage.crash("b")
    stage.pass_time(60.0)
    assert stage.answers[number] == Reconfigured(kept=("a",), removed=("b", "c"))
    assert stage.states() == {"a": "running"}


@pytest.mark.parametrize("stays", [False, True])
def test_a_supervisor_that_goes_or_becomes_a_worker_has_the_time_of_a_supervisor_to_stop(stays: bool) -> None:
    stage = booted(branch("s", SupervisorSpec()))
    stage.stops["s"] = "hang"
    told(stage, *([other("s")] if stays else []))
    assert stage.timers == {}
    stage.pass_time(3600.0)
    assert stage.take_log() == ["stop s"]


# Answers from below


def test_an_answer_of_another_life_than_the_one_that_was_asked_counts_for_nothing() -> None:
    stage = booted(branch("s", SupervisorSpec()), branch("t", SupervisorSpec()))
    wanted = SupervisorSpec(strategy=Strategy.ONE_FOR_ALL)
    number = told(stage, branch("s", wanted), branch("t", wanted))
    life, message = stage.asked_inside["s"]
    stage.asked_inside["t"] = (stage.lives["t"], message)
    stage.follow("t", error="nobody has asked")
    stage.asked_inside["s"] = (life + 7, message)
    stage.follow("s", error="another life")
    assert number not in stage.answers
    stage.asked_inside["s"] = (life, message)
    stage.follow("s", Reconfigured())
    stage.follow("t", Reconfigured(own=("strategy",)))
    assert stage.answers[number] == Reconfigured(kept=("s",), inside={"t": Reconfigured(own=("strategy",))})


def test_one_that_cannot_follow_is_started_anew_and_counted_among_those_that_were() -> None:
    stage = booted(branch("s", SupervisorSpec()), branch("t", SupervisorSpec()))
    wanted = SupervisorSpec(strategy=Strategy.ONE_FOR_ALL)
    number = told(stage, branch("s", wanted), branch("t", wanted))
    stage.follow("s")
    stage.follow("t")
    assert stage.answers[number] == Reconfigured(restarted=("s", "t"))
    assert [stage.info(one).life for one in ("s", "t")] == [3, 4]


# What the same is


def test_values_that_are_equal_without_being_one_are_the_same() -> None:
    one, two = (child("a", backoff=Backoff(base=float("2.5"))) for _ in range(2))
    assert one.backoff is not two.backoff
    assert difference(SupervisorSpec(children=[one]), SupervisorSpec(children=[two])) == Difference(kept=("a",))


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ((SupervisorSpec(), "x"), (SupervisorSpec(name=None, backoff=SLOW), "x"), "inside"),
        ((SupervisorSpec(), "x"), (SupervisorSpec(backoff=SLOW), "y"), "restarted"),
        ((SupervisorSpec(), "x"), (SupervisorSpec(backoff=SLOW),), "restarted"),
        ((DynamicSpec(template=child("t")),), (DynamicSpec(template=child("u")),), "inside"),
        ((DynamicSpec(template=child("t")),), (DynamicSpec(),), "restarted"),
        ((DynamicSpec(),), (DynamicSpec(template=child("t")),), "restarted"),
        ((DynamicSpec(),), (DynamicSpec(max_children=1),), "inside"),
    ],
)
def test_a_supervisor_below_can_follow_if_only_its_spec_is_another(
    before: tuple[object, ...], after: tuple[object, ...], verdict: str
) -> None:
    old, new = (replace(child("s"), start=Start(object, args), type=ChildType.SUPERVISOR) for args in (before, after))
    change = difference(SupervisorSpec(children=[old]), SupervisorSpec(children=[new]))
    assert [name for name in ("kept", "changed", "inside", "restarted") if getattr(change, name)] == [verdict]


def test_a_start_that_fails_again_says_how_many_restarts_there_were() -> None:
    stage = booted(child("a"), intensity=RestartIntensity(2, 60.0))
    stage.starts["a"] = [BOOM, "ready"]
    stage.crash("a")
    assert [(fact.restarts, fact.life) for fact in stage.saw(ChildStartFailed)] == [(1, 2)]


def test_every_piece_of_news_of_a_restart_says_whose_and_how_many_there_were() -> None:
    stage = booted(child("a"), intensity=RestartIntensity(2, 60.0))
    for _ in range(3):
        stage.crash("a")
    kinds: tuple[type[Any], ...] = (ChildTerminated, RestartScheduled, IntensityReached)
    news = {kind: [(one.supervisor, one.child_id, one.life, one.restarts) for one in stage.saw(kind)] for kind in kinds}
    assert news == {
        ChildTerminated: [("top", "a", 1, 0), ("top", "a", 2, 1), ("top", "a", 3, 2)],
        RestartScheduled: [("top", "a", 1, 0), ("top", "a", 2, 1)],
        IntensityReached: [("top", "a", 3, 2)],
    }


def test_a_member_that_ends_by_itself_while_its_group_is_stopped_is_reported_with_its_reason() -> None:
    stage = booted(child("a"), child("b"), child("c"), strategy=Strategy.ONE_FOR_ALL)
    stage.stops["c"] = "hang"
    stage.crash("a")
    stage.crash("b", Crash("KeyError", "its own"))
    assert [(fact.child_id, fact.reason) for fact in stage.saw(ShutdownError)] == [("b", Crash("KeyError", "its own"))]
    stage.pass_time(60.0)
    assert stage.states() == dict.fromkeys("abc", "running")


def test_a_backoff_that_is_reset_at_once_says_so_without_a_timer() -> None:
    stage = booted(child("a"))
    stage.crash("a")
    assert [(fact.supervisor, fact.child_id, fact.life) for fact in stage.saw(BackoffWasReset)] == [("top", "a", 2)]
    assert stage.timers == {}
    stage.crash("a")
    assert [fact.failures for fact in stage.saw(RestartScheduled)] == [1, 1]


def test_only_those_of_a_group_that_wait_have_a_time_of_their_restart() -> None:
    stage = booted(child("a"), child("b"), child("c"), strategy=Strategy.REST_FOR_ONE, backoff=SLOW)
    stage.crash("b")
    assert [stage.info(one).next_restart_in for one in "abc"] == [None, 30.0, 30.0]


def test_a_backoff_does_not_shrink() -> None:
    with pytest.raises(ValueError, match=r"^factor: expected finite number >= 1, got 0\.5$"):
        Backoff(factor=0.5)


# Dynamic children


@pytest.mark.parametrize("args", [[1], None, "ab"])
def test_arguments_that_are_no_tuple_are_refused_by_name(args: object) -> None:
    stage = DynamicStage(template=child("t"))
    answer = stage.ask(ask.StartChildWith(args))  # type: ignore[arg-type]
    assert problems(answer) == [f"arguments: expected a tuple, got {args!r}"]


def test_what_is_no_spec_at_all_is_refused_by_name() -> None:
    answer = DynamicStage().ask(ask.StartChild(cast("ChildSpec", 3)))
    assert problems(answer) == ["child: expected a ChildSpec, got 3"]


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (ask.RestartChild("a"), "does not offer restart_child: it keeps no child that is down"),
        (ask.DeleteChild("a"), "does not offer delete_child: it keeps no child that is down"),
        (ask.StartChildWith(()), "does not offer start_child_with: it has no template; use start_child"),
    ],
)
def test_what_is_not_offered_is_refused_in_its_own_name(request_: ask.Request, text: str) -> None:
    refused = DynamicStage().ask(request_)
    assert isinstance(refused, NotOffered)
    assert str(refused) == f"supervisor 'top' {text}"


def test_a_template_cannot_be_taken_away() -> None:
    stage = DynamicStage(template=child("t"))
    answer = stage.ask(ask.Reconfigure(DynamicSpec(name="top")))
    assert problems(answer) == ["template: expected a template, as it was before, got None"]


def test_a_ref_of_one_that_was_forgotten_leads_nowhere_and_is_not_kept() -> None:
    stage = DynamicStage()
    gone = stage.add(child("w"))
    assert stage.core._state._by_urn == {f"urn:{gone}": gone}  # type: ignore[attr-defined]
    stage.terminate(gone)
    assert stage.core._state._by_urn == {}  # type: ignore[attr-defined]
    assert isinstance(stage.terminate(gone), ChildNotFound)


def test_a_child_added_late_is_down_until_its_turn_comes() -> None:
    stage = booted(child("a"))
    stage.starts["b"] = ["hang"]
    told(stage, child("a"), child("b"), child("c"))
    assert stage.states() == {"a": "running", "b": "starting", "c": str(ChildState.BACKOFF)}
    stage.become_ready("b")
    assert not [command for command in stage.commands if isinstance(command, do.Refuse)]
    assert stage.state("c") == "running"
