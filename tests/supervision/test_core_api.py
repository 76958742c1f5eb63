"""What a supervisor is asked and answers."""

from __future__ import annotations

import pytest

from regrow.actors.child_spec import ChildType, Grace, Infinity
from regrow.protocol.exits import Shutdown
from regrow.supervision import requests as ask
from regrow.supervision.backoff import Backoff
from regrow.supervision.errors import (
    AlreadyPresent,
    AlreadyStarted,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    ChildWithdrawn,
    FailedToStartChild,
    InvalidSpec,
    SupervisorStopping,
)
from regrow.supervision.results import Done, StartedChild
from tests.supervision.stage import BOOM, Stage, child

SLOW = Backoff(initial=1.0, jitter="none")


def refused(stage: Stage, request: ask.Request, kind: type[Exception]) -> bool:
    answer = stage.ask(request)
    return type(answer) is kind


def test_the_life_cycle_of_a_child() -> None:
    stage = Stage().boot()
    assert stage.listed() == []
    assert stage.ask(ask.StartChild(child("a"))) == StartedChild("a", "ref of a")  # type: ignore[arg-type]
    assert (stage.listed(), stage.counts()) == (["a"], (1, 1, 0, 1))
    assert refused(stage, ask.DeleteChild("a"), ChildRunning)
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert stage.counts() == (1, 0, 0, 1)
    assert isinstance(stage.ask(ask.RestartChild("a")), StartedChild)
    assert refused(stage, ask.RestartChild("a"), ChildRunning)
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert stage.ask(ask.DeleteChild("a")) == Done()
    assert stage.counts() == (0, 0, 0, 0)


@pytest.mark.parametrize("request_type", [ask.TerminateChild, ask.RestartChild, ask.DeleteChild, ask.GetChildSpec])
def test_an_unknown_child_is_not_found(request_type: type[ask.TerminateChild]) -> None:
    assert refused(Stage().boot(), request_type("x"), ChildNotFound)


def test_an_id_that_is_taken_is_refused() -> None:
    stage = Stage(child("a"), child("b")).boot()
    assert refused(stage, ask.StartChild(child("a")), AlreadyStarted)
    stage.ask(ask.TerminateChild("a"))
    assert refused(stage, ask.StartChild(child("a")), AlreadyPresent)


def test_a_bad_spec_is_refused_with_all_its_mistakes() -> None:
    stage = Stage().boot()
    answer = stage.ask(ask.StartChild(child("", shutdown=Grace(-1), significant=True)))
    assert isinstance(answer, InvalidSpec)
    assert len(answer.problems) == 4
    assert stage.log == []


def test_the_answer_to_a_start_waits_until_the_child_is_ready() -> None:
    stage = Stage().boot()
    stage.starts["a"] = ["hang"]
    asked = stage.request(ask.StartChild(child("a")))
    assert asked not in stage.answers
    assert refused(stage, ask.StartChild(child("a")), AlreadyStarted)
    stage.become_ready("a", info="extra")
    assert stage.answers[asked] == StartedChild("a", "ref of a", "extra")  # type: ignore[arg-type]


def test_a_child_that_fails_to_start_on_request_is_not_kept() -> None:
    stage = Stage().boot()
    stage.starts["a"] = [BOOM]
    answer = stage.ask(ask.StartChild(child("a")))
    assert isinstance(answer, FailedToStartChild)
    assert (answer.child_id, answer.reason) == ("a", BOOM)
    assert stage.listed() == []


def test_a_child_that_asks_to_be_ignored_on_request_is_kept_unless_it_is_temporary() -> None:
    stage = Stage().boot()
    stage.starts.update(a=["ignore"], b=["ignore"])
    assert stage.ask(ask.StartChild(child("a"))) == StartedChild("a", None)
    assert stage.ask(ask.StartChild(child("b", "temporary"))) == StartedChild("b", None)
    assert stage.listed() == ["a"]


def test_a_temporary_child_that_is_terminated_is_forgotten_and_its_id_is_free() -> None:
    stage = Stage(child("a", "temporary")).boot()
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert stage.listed() == []
    assert isinstance(stage.ask(ask.StartChild(child("a", "temporary"))), StartedChild)


def test_a_temporary_child_that_ended_can_be_added_again() -> None:
    stage = Stage(child("a", "temporary")).boot()
    stage.crash("a", Shutdown("x"))
    assert isinstance(stage.ask(ask.StartChild(child("a", "temporary"))), StartedChild)


def test_a_restart_on_request_that_fails_is_not_tried_again() -> None:
    stage = Stage(child("a", "transient"))
    stage.starts["a"] = ["ready", BOOM]
    stage.boot()
    stage.finish("a")
    assert refused(stage, ask.RestartChild("a"), FailedToStartChild)
    assert stage.states() == {"a": "stopped"}
    assert stage.log == ["start a", "start a"]


def test_what_is_answered_about_a_child_that_waits_for_its_restart() -> None:
    stage = Stage(child("a"), child("b"), backoff=SLOW).boot()
    stage.crash("a")
    assert refused(stage, ask.StartChild(child("a")), AlreadyPresent)
    assert refused(stage, ask.RestartChild("a"), ChildRestarting)
    assert refused(stage, ask.DeleteChild("a"), ChildRestarting)
    assert stage.counts() == (2, 1, 0, 2)
    assert stage.ask(ask.TerminateChild("a")) == Done()
    stage.pass_time(10.0)
    assert stage.states() == {"a": "stopped", "b": "running"}
    assert isinstance(stage.ask(ask.RestartChild("a")), StartedChild)


def test_what_is_answered_about_a_child_that_hangs_in_its_restart() -> None:
    stage = Stage(child("a"), child("b"))
    stage.starts["a"] = ["ready", "hang", "ready"]
    stage.boot()
    stage.crash("a")
    assert stage.info("a").restarting
    assert refused(stage, ask.StartChild(child("a")), AlreadyPresent)
    assert refused(stage, ask.RestartChild("a"), ChildRestarting)
    assert refused(stage, ask.DeleteChild("a"), ChildRestarting)
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert stage.states() == {"a": "stopped", "b": "running"}
    assert isinstance(stage.ask(ask.RestartChild("a")), StartedChild)


def test_counting_follows_failing_restarts() -> None:
    stage = Stage(child("a"), child("b"), child("c"), backoff=SLOW).boot()
    stage.crash("a")
    stage.crash("b")
    assert stage.counts() == (3, 1, 0, 3)
    stage.pass_time(1.0)
    assert stage.counts() == (3, 3, 0, 3)


def test_terminating_a_child_that_is_being_added_refuses_the_start_and_keeps_the_spec() -> None:
    stage = Stage().boot()
    stage.starts["a"] = ["hang"]
    asked = stage.request(ask.StartChild(child("a")))
    assert stage.ask(ask.TerminateChild("a")) == Done()
    assert isinstance(stage.answers[asked], ChildWithdrawn)
    assert stage.states() == {"a": "stopped"}


def test_a_child_that_is_being_stopped_is_active_only_if_it_has_been_ready() -> None:
    stage = Stage(child("a"), child("b")).boot()
    stage.stops = {"a": "hang", "b": "hang"}
    stage.request(ask.TerminateChild("a"))
    assert stage.counts() == (2, 2, 0, 2)
    stage.pass_time(5.0)  # a is killed
    stage.starts["a"] = ["hang"]
    stage.request(ask.RestartChild("a"))
    assert stage.counts() == (2, 1, 0, 2)
    stage.request(ask.TerminateChild("a"))
    assert (stage.states()["a"], stage.counts()) == ("stopping", (2, 1, 0, 2))


def test_a_start_that_is_faster_than_the_wish_to_stop_it_makes_active() -> None:
    stage = Stage(child("a"))
    stage.starts["a"], stage.stops["a"] = ["hang"], "hang"
    stage.boot()
    stage.request(ask.TerminateChild("a"))
    assert stage.counts() == (1, 0, 0, 1)
    stage.become_ready("a")
    assert (stage.states()["a"], stage.counts()) == ("stopping", (1, 1, 0, 1))


def test_everyone_who_asked_for_the_end_of_a_child_is_told() -> None:
    stage = Stage(child("a"))
    stage.stops["a"] = "hang"
    stage.boot()
    first, second = stage.request(ask.TerminateChild("a")), stage.request(ask.TerminateChild("a"))
    assert refused(stage, ask.RestartChild("a"), ChildRunning)
    assert stage.answers.keys() & {first, second} == set()
    stage.pass_time(5.0)
    assert stage.answers[first] == stage.answers[second] == Done()


def test_the_list_has_the_latest_child_first_with_types() -> None:
    stage = Stage(child("a"), child("s", type=ChildType.SUPERVISOR)).boot()
    stage.ask(ask.StartChild(child("z")))
    assert stage.listed() == ["z", "s", "a"]
    assert stage.counts() == (3, 3, 1, 2)


def test_the_defaults_of_a_spec_can_be_looked_up() -> None:
    stage = Stage(child("a"), child("s", type=ChildType.SUPERVISOR), child("g", shutdown=Grace(1))).boot()
    for name, shutdown in (("a", Grace(5.0)), ("s", Infinity()), ("g", Grace(1))):
        spec = stage.ask(ask.GetChildSpec(name))
        assert spec.effective_shutdown == shutdown  # type: ignore[union-attr]


def test_a_supervisor_that_stops_still_lists_but_takes_no_orders() -> None:
    stage = Stage(child("a"), child("b"))
    stage.stops["a"] = "hang"
    stage.boot()
    stage.stop()
    assert stage.listed() == ["b", "a"]
    assert stage.counts() == (2, 1, 0, 2)
    for request in (ask.StartChild(child("c")), ask.TerminateChild("a"), ask.RestartChild("b"), ask.DeleteChild("b")):
        assert refused(stage, request, SupervisorStopping)


def test_a_child_may_be_added_while_the_boot_is_not_over() -> None:
    stage = Stage(child("a"), child("b"))
    stage.starts["a"] = ["hang"]
    stage.boot()
    assert isinstance(stage.ask(ask.StartChild(child("c"))), StartedChild)
    assert refused(stage, ask.StartChild(child("b")), AlreadyPresent)
    assert refused(stage, ask.RestartChild("b"), ChildRestarting)
    assert refused(stage, ask.DeleteChild("b"), ChildRestarting)
    stage.become_ready("a")
    assert set(stage.states().values()) == {"running"}


def test_children_keep_their_ref_and_count_their_lives() -> None:
    stage = Stage(child("a")).boot()
    before = stage.info("a")
    stage.crash("a")
    after = stage.info("a")
    assert (before.ref, before.restarts) == (after.ref, after.restarts - 1)
    assert after.life == before.life + 1
