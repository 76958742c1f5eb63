"""Boot."""

from __future__ import annotations

from regrow.protocol.exits import NORMAL, Shutdown
from regrow.supervision import requests as ask
from regrow.supervision.errors import FailedToStartChild, SupervisorStopping
from regrow.supervision.events import ChildStarted, ChildStartFailed, IntensityReached, SupervisorStarted
from regrow.supervision.results import Done
from tests.supervision.stage import BOOM, Stage, child


def test_children_are_started_left_to_right_each_awaited() -> None:
    stage = Stage(child("a"), child("b"), child("c"))
    stage.starts["b"] = ["hang"]
    stage.boot()
    assert stage.states() == {"a": "running", "b": "starting", "c": "stopped"}
    assert not stage.saw(SupervisorStarted)
    stage.become_ready("b")
    assert stage.states() == {"a": "running", "b": "running", "c": "running"}
    assert stage.confirmed
    assert [fact.child_id for fact in stage.saw(ChildStarted)] == ["a", "b", "c"]
    assert stage.saw(SupervisorStarted)


def test_an_empty_supervisor_starts_and_stops_with_the_reason_it_is_told() -> None:
    stage = Stage().boot()
    assert stage.confirmed
    stage.stop(Shutdown("enough"))
    assert stage.exited == Shutdown("enough")


def test_a_failed_start_stops_the_earlier_ones_in_reverse_and_fails_the_supervisor() -> None:
    stage = Stage(child("a"), child("b"), child("c"), child("d"))
    stage.starts["c"] = [BOOM]
    stage.boot()
    assert stage.log == ["start a", "start b", "start c", "stop b", "stop a"]
    assert isinstance(stage.start_error, FailedToStartChild)
    assert (stage.start_error.child_id, stage.start_error.reason) == ("c", BOOM)
    assert str(stage.start_error) == "child 'c' failed to start: crash: ValueError: boom"
    assert stage.exited == Shutdown("child 'c' failed to start")
    assert not stage.confirmed


def test_a_failed_boot_is_not_retried_and_does_not_count() -> None:
    stage = Stage(child("a"))
    stage.starts["a"] = [BOOM]
    stage.boot()
    assert stage.log == ["start a"]
    assert len(stage.saw(ChildStartFailed)) == 1
    assert not stage.saw(IntensityReached)


def test_a_permanent_or_transient_child_that_asks_to_be_ignored_is_kept_without_a_life() -> None:
    stage = Stage(child("a"), child("b", "transient"), child("c"))
    stage.starts.update(a=["ignore", "ready"], b=["ignore"])
    stage.boot()
    assert stage.confirmed
    assert stage.counts() == (3, 1, 0, 3)
    stage.ask(ask.RestartChild("a"))
    assert stage.counts() == (3, 2, 0, 3)


def test_a_temporary_child_that_asks_to_be_ignored_is_forgotten() -> None:
    stage = Stage(child("a"), child("b", "temporary"))
    stage.starts["b"] = ["ignore"]
    stage.boot()
    assert stage.counts() == (1, 1, 0, 1)
    assert stage.log == ["start a", "start b", "forget b"]


def test_a_child_that_ends_while_later_ones_start_is_decided_upon_after_the_boot() -> None:
    stage = Stage(child("a"), child("b"))
    stage.starts["b"] = ["hang"]
    stage.boot()
    stage.crash("a")
    assert stage.log == ["start a", "start b"]
    stage.become_ready("b")
    assert stage.confirmed
    assert stage.log == ["start a", "start b", "start a"]


def test_a_transient_child_that_finishes_during_the_boot_stays_down() -> None:
    stage = Stage(child("a", "transient"), child("b"))
    stage.starts["b"] = ["hang"]
    stage.boot()
    stage.finish("a", NORMAL)
    stage.become_ready("b")
    assert stage.states() == {"a": "stopped", "b": "running"}


def test_a_stop_during_the_boot_stops_what_has_started_and_what_is_starting() -> None:
    stage = Stage(child("a"), child("b"), child("c"))
    stage.starts["b"] = ["hang"]
    stage.boot()
    stage.stop()
    assert stage.log == ["start a", "start b", "stop b", "stop a"]
    assert isinstance(stage.start_error, SupervisorStopping)
    assert stage.exited == Shutdown()


def test_the_list_is_answered_while_a_child_hangs_in_its_start() -> None:
    stage = Stage(child("a"), child("b"), child("c"))
    stage.starts["b"] = ["hang"]
    stage.boot()
    assert stage.listed() == ["c", "b", "a"]
    assert stage.info("b").ref is not None


def test_a_child_terminated_while_it_starts_is_left_out_of_the_boot() -> None:
    stage = Stage(child("a"), child("b"), child("c"))
    stage.starts["b"] = ["hang"]
    stage.boot()
    assert stage.ask(ask.TerminateChild("b")) == Done()
    assert stage.confirmed
    assert stage.states() == {"a": "running", "b": "stopped", "c": "running"}


def test_a_child_terminated_before_its_turn_is_left_out_of_the_boot() -> None:
    stage = Stage(child("a"), child("b"), child("c", "temporary"))
    stage.starts["a"] = ["hang"]
    stage.boot()
    assert stage.ask(ask.TerminateChild("b")) == Done()
    assert stage.ask(ask.TerminateChild("c")) == Done()
    stage.become_ready("a")
    assert stage.states() == {"a": "running", "b": "stopped"}


def test_a_crash_during_the_boot_is_forgiven_when_the_child_is_terminated_meanwhile() -> None:
    stage = Stage(child("a"), child("b"))
    stage.starts["b"] = ["hang"]
    stage.boot()
    stage.crash("a")
    stage.ask(ask.TerminateChild("a"))
    stage.become_ready("b")
    assert stage.states() == {"a": "stopped", "b": "running"}


def test_news_of_an_exit_that_overtakes_the_news_of_its_start_still_means_it_had_started() -> None:
    stage = Stage(child("a"))
    stage.starts["a"] = ["hang", "ready"]
    stage.boot()
    stage.crash("a")
    assert stage.confirmed
    assert stage.start_error is None
    assert stage.log == ["start a", "start a"]
