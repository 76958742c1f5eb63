"""The core of a DynamicSupervisor, on a stage."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regrow.actors.child_spec import ChildSpec, ChildType, Grace, Restart, Start
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, ExitReason, Shutdown
from regrow.supervision import (
    Backoff,
    ChildNotFound,
    ChildStartFailed,
    FailedToStartChild,
    IntensityReached,
    InvalidSpec,
    MaxChildren,
    NotOffered,
    RestartIntensity,
    RestartScheduled,
    ShutdownError,
    SupervisorStarted,
)
from regrow.supervision import commands as do
from regrow.supervision import requests as ask
from regrow.supervision.errors import ChildWithdrawn, SpecProblem
from regrow.supervision.results import Done, StartedChild
from tests.supervision.dynamic_stage import DynamicStage, FakeRef
from tests.supervision.stage import BOOM, child

SLOW = Backoff(initial=1.0, jitter="none")


# Start


def test_it_boots_without_a_child() -> None:
    stage = DynamicStage()
    assert stage.confirmed
    assert len(stage.saw(SupervisorStarted)) == 1
    assert stage.counts() == (0, 0, 0, 0)
    assert stage.core.phase == "running"


def test_children_of_one_spec_have_ids_of_their_own() -> None:
    stage = DynamicStage()
    assert [stage.add(child("w")), stage.add(child("w")), stage.add(child("w-1"))] == ["w-1", "w-2", "w-1-3"]
    assert stage.listed() == ["w-1-3", "w-2", "w-1"]
    assert stage.counts() == (3, 3, 0, 3)


def test_an_id_is_not_used_twice() -> None:
    stage = DynamicStage()
    stage.terminate(stage.add(child("w")))
    assert stage.add(child("w")) == "w-2"


def test_a_start_that_hangs_holds_nobody_up() -> None:
    stage = DynamicStage()
    stage.starts["w-1"] = ["hang"]
    waiting = stage.request(ask.StartChild(child("w")))
    assert stage.add(child("w")) == "w-2"
    assert stage.states() == {"w-1": "starting", "w-2": "running"}
    assert stage.counts() == (2, 1, 0, 2)
    stage.become_ready("w-1", info=7)
    assert stage.answers[waiting] == StartedChild("w-1", stage.ref("w-1"), 7)


@pytest.mark.parametrize("restart", Restart)
def test_who_declines_to_run_is_forgotten(restart: Restart) -> None:
    stage = DynamicStage()
    stage.starts["w-1"] = ["ignore"]
    answer = stage.ask(ask.StartChild(child("w", restart)))
    assert answer == StartedChild("w-1", None, None)
    assert stage.counts() == (0, 0, 0, 0)
    assert "forget w-1" in stage.log


@pytest.mark.parametrize("restart", Restart)
def test_who_fails_to_start_is_forgotten(restart: Restart) -> None:
    stage = DynamicStage(intensity=RestartIntensity(0, 1.0))
    stage.starts["w-1"] = [BOOM]
    answer = stage.ask(ask.StartChild(child("w", restart)))
    assert isinstance(answer, FailedToStartChild)
    assert (answer.child_id, answer.reason) == ("w-1", BOOM)
    assert stage.counts() == (0, 0, 0, 0)
    assert not stage.over


def test_a_bad_spec_is_refused_with_all_its_mistakes() -> None:
    stage = DynamicStage()
    answer = stage.ask(ask.StartChild(child("w", shutdown=Grace(-1), significant=True)))
    assert isinstance(answer, InvalidSpec)
    assert answer.problems == (
        SpecProblem("child ('w').shutdown.seconds", "finite seconds >= 0", "-1"),
        SpecProblem("child ('w').significant", "False under a DynamicSupervisor, which has no auto_shutdown", "True"),
    )
    assert stage.log == []


def test_extra_arguments_come_first_at_every_start() -> None:
    stage = DynamicStage(extra_arguments=("db", 1))
    given = child("w").__class__(id="w", start=Start(object, ("own",), {"key": 2}))
    stage.crash(stage.add(given))
    starts = [command.spec.start for command in stage.commands if isinstance(command, do.StartLife)]
    assert starts == [Start(object, ("db", 1, "own"), {"key": 2})] * 2
    assert stage.ask(ask.GetChildSpec(stage.ref("w-1"))) == given


# A template


def test_a_template_gets_each_childs_own_arguments_behind_its_own() -> None:
    template = child("t").__class__(id="t", start=Start(object, ("template",)))
    stage = DynamicStage(template=template, extra_arguments=("extra",))
    first = stage.add_with("one", 1)
    stage.add_with()
    stage.crash(first)
    starts = [command.spec.start.args for command in stage.commands if isinstance(command, do.StartLife)]
    assert starts == [("extra", "template", "one", 1), ("extra", "template"), ("extra", "template", "one", 1)]
    assert stage.ask(ask.GetChildSpec(first)) is template
    assert stage.counts() == (1, 2, 0, 2)


def test_of_temporary_children_the_template_is_kept_and_their_arguments_are_not() -> None:
    template = ChildSpec(id="t", start=Start(object, ("template",)), restart=Restart.TEMPORARY)
    stage = DynamicStage(template=template)
    assert stage.ask(ask.GetChildSpec(stage.add_with("own"))) is template
    free = DynamicStage()
    assert free.ask(ask.GetChildSpec(free.add(template))) == replace(template, start=Start(object))


def test_a_template_is_all_that_is_started() -> None:
    stage = DynamicStage(template=child("t"))
    answer = stage.ask(ask.StartChild(child("w")))
    assert isinstance(answer, NotOffered)
    assert str(answer) == (
        "supervisor 'top' does not offer start_child: all its children are of its template; use start_child_with"
    )


def test_without_a_template_arguments_alone_start_nobody() -> None:
    answer = DynamicStage().ask(ask.StartChildWith((1,)))
    assert isinstance(answer, NotOffered)
    assert str(answer) == "supervisor 'top' does not offer start_child_with: it has no template; use start_child"


# Ends


@pytest.mark.parametrize("reason", [NORMAL, SHUTDOWN, Shutdown("x"), BOOM, KILLED], ids=str)
@pytest.mark.parametrize("restart", Restart)
def test_who_is_not_restarted_is_forgotten(restart: Restart, reason: ExitReason) -> None:
    stage = DynamicStage()
    ended = stage.add(child("w", restart))
    stage.crash(ended, reason)
    clean = isinstance(reason, Shutdown) or reason == NORMAL
    back = restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and not clean)
    assert stage.states() == ({ended: "running"} if back else {})
    assert ("forget w-1" in stage.log) is not back


def test_a_restart_keeps_id_and_ref() -> None:
    stage = DynamicStage()
    stage.crash(stage.add(child("w")))
    info = stage.info("w-1")
    assert (info.id, info.ref, info.restarts, info.life) == ("w-1", stage.ref("w-1"), 1, 2)


def test_only_the_one_that_crashed_is_restarted() -> None:
    stage = DynamicStage()
    first, second = stage.add(child("w")), stage.add(child("w"))
    stage.crash(first)
    assert (stage.info(first).life, stage.info(second).life) == (3, 2)
    assert stage.log == ["start w-1", "start w-2", "start w-1"]


@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_who_declines_to_run_again_is_forgotten(restart: Restart) -> None:
    stage = DynamicStage()
    stage.starts["w-1"] = ["ready", "ignore"]
    stage.crash(stage.add(child("w", restart)))
    assert stage.counts() == (0, 0, 0, 0)
    assert not stage.over


def test_a_restart_that_fails_stays_in_its_place_and_is_tried_again() -> None:
    stage = DynamicStage(backoff=SLOW, max_children=1)
    stage.starts["w-1"] = ["ready", BOOM, "ready"]
    stage.crash(stage.add(child("w")))
    stage.pass_time(1.0)
    info = stage.info("w-1")
    assert (info.restarting, info.state) == (True, "backoff")
    assert stage.counts() == (1, 0, 0, 1)
    assert isinstance(stage.ask(ask.StartChild(child("w"))), MaxChildren)
    stage.pass_time(60.0)
    assert stage.counts() == (1, 1, 0, 1)
    assert len(stage.saw(ChildStartFailed)) == 1
    assert len(stage.saw(RestartScheduled)) == 2


def test_failing_restarts_alone_exhaust_the_intensity() -> None:
    stage = DynamicStage(intensity=RestartIntensity(3, 5.0))
    other = stage.add(child("w"))
    stage.starts["w-2"] = ["ready", BOOM]
    stage.crash(stage.add(child("w")))
    assert len(stage.attempts) == 3
    assert stage.saw(IntensityReached)[0].child_id == "w-2"
    assert stage.exited == Shutdown("reached_max_restart_intensity")
    assert f"stop {other}" in stage.log
    assert stage.lives == {}


def test_the_intensity_is_one_for_all_children() -> None:
    stage = DynamicStage(intensity=RestartIntensity(2, 5.0))
    for crashing in [stage.add(child("w")) for _ in range(3)]:
        stage.crash(crashing)
    assert stage.over


def test_news_of_a_child_that_is_forgotten_is_nothing() -> None:
    stage = DynamicStage()
    gone = stage.add(child("w"))
    life = stage.lives[gone]
    stage.terminate(gone)
    stage.lives[gone] = life
    stage.crash(gone)
    assert stage.states() == {}
    assert stage.saw(RestartScheduled) == []


# Requests


def test_a_child_is_terminated_by_its_ref_or_its_id() -> None:
    stage = DynamicStage()
    first, second = stage.add(child("w")), stage.add(child("w"))
    assert stage.ask(ask.TerminateChild(stage.ref(first))) == Done()
    assert stage.ask(ask.TerminateChild(second)) == Done()
    assert stage.states() == {}
    assert stage.take_log()[2:] == ["stop w-1", "forget w-1", "stop w-2", "forget w-2"]
    assert stage.timers == {}


def test_terminating_a_child_that_starts_answers_both_who_wait() -> None:
    stage = DynamicStage()
    stage.starts["w-1"] = ["hang"]
    starter = stage.request(ask.StartChild(child("w")))
    assert stage.terminate("w-1") == Done()
    assert isinstance(stage.answers[starter], ChildWithdrawn)
    assert stage.states() == {}


def test_terminating_a_child_twice_waits_for_one_end() -> None:
    stage = DynamicStage()
    slow = stage.add(child("w", shutdown=Grace(2.0)))
    stage.stops[slow] = "hang"
    both = [stage.request(ask.TerminateChild(slow)), stage.request(ask.TerminateChild(stage.ref(slow)))]
    assert stage.counts() == (1, 1, 0, 1)
    stage.pass_time(2.0)
    assert [stage.answers[one] for one in both] == [Done(), Done()]
    assert [fact.reason for fact in stage.saw(ShutdownError)] == [KILLED]
    assert stage.states() == {}


def test_terminating_a_waiting_child_by_its_old_ref_cancels_its_restart() -> None:
    stage = DynamicStage(backoff=SLOW)
    stage.crash(stage.add(child("w")))
    assert stage.terminate("w-1") == Done()
    assert stage.timers == {}
    assert stage.counts() == (0, 0, 0, 0)
    assert isinstance(stage.terminate("w-1"), ChildNotFound)
    stage.pass_time(60.0)
    assert stage.attempts == []


@pytest.mark.parametrize("key", ["w", "w-2", "", 7, None, FakeRef("urn:stranger"), FakeRef("urn:gone", alive=False)])
def test_strangers_are_not_found(key: object) -> None:
    stage = DynamicStage()
    stage.add(child("w"))
    for request in (ask.TerminateChild(key), ask.GetChildSpec(key)):  # type: ignore[arg-type]
        answer = stage.ask(request)
        assert isinstance(answer, ChildNotFound)
        assert answer.child_id == str(key)
    assert stage.counts() == (1, 1, 0, 1)


def test_with_a_template_a_dead_stranger_is_as_good_as_terminated() -> None:
    stage = DynamicStage(template=child("t"))
    assert stage.ask(ask.TerminateChild(FakeRef("urn:gone", alive=False))) == Done()  # type: ignore[arg-type]
    assert isinstance(stage.ask(ask.TerminateChild(FakeRef("urn:x"))), ChildNotFound)  # type: ignore[arg-type]


@pytest.mark.parametrize("request_for", [ask.RestartChild, ask.DeleteChild])
def test_nobody_is_kept_to_be_restarted_or_deleted(
    request_for: type[ask.RestartChild | ask.DeleteChild],
) -> None:
    stage = DynamicStage()
    answer = stage.ask(request_for(stage.add(child("w"))))
    assert isinstance(answer, NotOffered)
    assert str(answer).endswith("_child: it keeps no child that is down")


def test_counts_tell_workers_from_supervisors() -> None:
    stage = DynamicStage()
    stage.add(child("w"))
    stage.add(child("s", type=ChildType.SUPERVISOR))
    assert stage.counts() == (2, 2, 1, 1)


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_there_are_never_more_than_max_children(limit: int) -> None:
    stage = DynamicStage(max_children=limit)
    for _ in range(limit):
        stage.add(child("w"))
    answer = stage.ask(ask.StartChild(child("w")))
    assert isinstance(answer, MaxChildren)
    assert str(answer) == f"supervisor 'top' has its max_children of {limit} already"
    assert stage.counts() == (limit, limit, 0, limit)


def test_every_end_frees_one_place_and_no_more() -> None:
    stage = DynamicStage(max_children=2)
    stage.starts["w-3"] = ["ignore"]
    stage.starts["w-4"] = [BOOM]
    first, second = stage.add(child("w", "temporary")), stage.add(child("w"))
    stage.crash(first)
    stage.crash(second)
    for _ in range(2):
        stage.ask(ask.StartChild(child("w")))
    fifth = stage.add(child("w"))
    assert isinstance(stage.ask(ask.StartChild(child("w"))), MaxChildren)
    stage.terminate(second)
    stage.add(child("w"))
    assert isinstance(stage.ask(ask.StartChild(child("w"))), MaxChildren)
    assert sorted(stage.states()) == [fifth, "w-6"]
