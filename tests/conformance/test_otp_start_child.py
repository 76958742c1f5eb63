"""OTP's supervisor_SUITE: children that decline or fail to start, and what a start has to say."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import pytest

from regrow.actors import (
    Actor,
    ActorSystem,
    ChildSpec,
    Ignore,
    Restart,
    SpawnOptions,
    Start,
)
from regrow.actors.child_spec import BrutalKill, ChildType, Grace, Infinity
from regrow.actors.testing import Puppet, Script, crash, exit_with
from regrow.protocol.exits import NORMAL, SHUTDOWN, Shutdown
from regrow.supervision import (
    AlreadyStarted,
    ChildNotFound,
    ChildStarted,
    ChildTerminated,
    FailedToStartChild,
    RestartScheduled,
    Strategy,
)
from tests.conformance.case import case
from tests.conformance.tree import counts, crash_child, end_child, ids, info_of, puppet, ref_of, settle, start
from tests.supervision.facts import Facts
from tests.supervision.stage import BOOM, Stage, child


def no_child(what: object) -> object:
    """A start function that gives anything but a Start."""
    return what


def failing(error: BaseException) -> NoReturn:
    raise error


# Children that decline


@case("O-04")
@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("restart", Restart)
def test_o_04_who_declines_at_boot_is_kept_without_a_life_unless_temporary(
    system: ActorSystem, strategy: Strategy, restart: Restart
) -> None:
    script = Script(on_start=crash(Ignore()))
    handle = start(system, puppet("a"), puppet("b", script, restart=restart), strategy=strategy)
    if restart is Restart.TEMPORARY:
        assert ids(handle) == ["a"]
        assert counts(handle) == (1, 1, 0, 1)
        handle.start_child(puppet("b"))
        return
    assert (info_of(handle, "b").state, info_of(handle, "b").restarting) == ("stopped", False)
    assert counts(handle) == (2, 1, 0, 2)
    script.on_start = None
    assert handle.restart_child("b").ref is not None
    assert counts(handle) == (2, 2, 0, 2)


@case("O-05")
@pytest.mark.parametrize("restart", Restart)
def test_o_05_who_declines_on_request_gives_no_ref_and_is_kept_unless_temporary(
    system: ActorSystem, restart: Restart
) -> None:
    script = Script(on_start=crash(Ignore()))
    spec = puppet("b", script, restart=restart)
    handle = start(system, puppet("a"))
    started = handle.start_child(spec)
    assert (started.child_id, started.ref, started.info) == ("b", None, None)
    assert ids(handle) == (["a"] if restart is Restart.TEMPORARY else ["a", "b"])
    assert counts(handle)[1] == 1
    if restart is not Restart.TEMPORARY:
        assert handle.restart_child("b").ref is None
        script.on_start = None
        assert handle.restart_child("b").ref is ref_of(handle, "b")


@case("O-04", "O-05")
@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
def test_o_04_and_o_05_in_the_core(restart: str) -> None:
    stage = Stage(child("a"), child("b", restart))
    stage.starts["b"] = ["ignore"]
    stage.boot()
    assert stage.confirmed
    assert stage.states() == ({"a": "running"} if restart == "temporary" else {"a": "running", "b": "stopped"})


@case("O-04")
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_o_04_who_declines_in_a_restart_stays_down_and_that_is_no_failure(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    script = Script()
    handle = start(system, puppet("a", script, restart=restart), puppet("b"))
    script.on_start = crash(Ignore())
    end_child(handle, facts, "a")
    script.wait_for("on_start", times=2)
    settle(handle, "a", lambda info: not info.restarting)
    assert (info_of(handle, "a").state, counts(handle)) == ("stopped", (2, 1, 0, 2))
    assert len(facts.all(RestartScheduled)) == 1


# Children that fail to start on request


@case("O-10")
@pytest.mark.parametrize("restart", Restart)
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (Script(on_start=crash(ValueError("no luck"))).start, "crash: ValueError: no luck"),
        (Script(on_start=exit_with(NORMAL)).start, "normal"),
        (Script(on_start=exit_with(SHUTDOWN)).start, "shutdown"),
        (Script(on_start=exit_with(Shutdown("later"))).start, "shutdown: later"),
        (Start(failing, (KeyError("thing"),)), "KeyError"),
        (Start(no_child, ("garbage",)), "'garbage'"),
        (Start("regrow.nowhere:Nobody"), "regrow.nowhere"),
        (Start(Puppet, ("one", "too", "many")), "TypeError"),
    ],
    ids=["raises", "exits-normal", "exits-shutdown", "exits-detail", "function", "garbage", "import", "arguments"],
)
def test_o_10_a_start_that_fails_is_told_with_its_reason_and_keeps_no_spec(
    system: ActorSystem, facts: Facts, restart: Restart, bad: Start, said: str
) -> None:
    handle = start(system)
    with pytest.raises(FailedToStartChild) as caught:
        handle.start_child(ChildSpec(id="a", start=bad, restart=restart))
    assert caught.value.child_id == "a"
    assert said in str(caught.value)
    assert handle.which_children() == ()
    assert not facts.all(RestartScheduled)
    assert handle.start_child(puppet("a")).ref is not None


@case("O-10")
@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
def test_o_10_a_failed_restart_on_request_keeps_the_spec_and_is_not_tried_again(
    system: ActorSystem, facts: Facts, restart: Restart
) -> None:
    script = Script()
    handle = start(system, puppet("a", script, restart=restart))
    handle.terminate_child("a")
    script.on_start = crash(ValueError("no luck"))
    for _ in range(3):
        with pytest.raises(FailedToStartChild, match="child 'a' failed to start: crash: ValueError: no luck"):
            handle.restart_child("a")
        assert (info_of(handle, "a").state, info_of(handle, "a").restarting) == ("stopped", False)
    assert not facts.all(RestartScheduled)
    script.on_start = None
    assert handle.restart_child("a").ref is ref_of(handle, "a")


@case("O-10")
def test_o_10_what_else_a_start_has_to_say_is_passed_on(system: ActorSystem) -> None:
    class Listening(Actor):
        def on_start(self) -> None:
            self.start_info = {"port": 4000 + self.incarnation}

    handle = start(system)
    started = handle.start_child(ChildSpec(id="a", start=Start(Listening)))
    assert (started.ref, started.info) == (ref_of(handle, "a"), {"port": 4001})
    handle.terminate_child("a")
    assert handle.restart_child("a").info == {"port": 4002}


@case("O-77")
@pytest.mark.parametrize("restart", Restart)
def test_o_77_a_name_that_a_stranger_holds_is_refused_with_the_holder(system: ActorSystem, restart: Restart) -> None:
    stranger = system.spawn(Puppet, options=SpawnOptions(name="taken"))
    handle = start(system)
    with pytest.raises(AlreadyStarted, match="child 'a' is not started: the name 'taken' is held by taken ") as caught:
        handle.start_child(puppet("a", name="taken", restart=restart))
    assert (caught.value.child_id, caught.value.ref) == ("a", stranger)
    assert handle.which_children() == ()
    assert system.whereis("taken") is stranger
    stranger.stop()
    assert handle.start_child(puppet("a", name="taken", restart=restart)).ref is system.whereis("taken")


@case("O-77")
def test_o_77_a_taken_name_fails_a_restart_on_request_a_boot_and_is_tried_again_in_a_restart(
    system: ActorSystem, facts: Facts
) -> None:
    handle = start(system, puppet("a", name="taken"))
    handle.terminate_child("a")
    stranger = system.spawn(Puppet, options=SpawnOptions(name="taken"))
    with pytest.raises(AlreadyStarted) as caught:
        handle.restart_child("a")
    assert caught.value.ref is stranger
    assert info_of(handle, "a").state == "stopped"
    with pytest.raises(FailedToStartChild, match="taken"):
        start(system, puppet("a", name="taken"))
    stranger.stop()
    assert handle.restart_child("a").ref is system.whereis("taken")


# What a spec says


@case("O-13")
@pytest.mark.parametrize(
    ("given", "kind", "shutdown"),
    [
        ({}, ChildType.WORKER, Grace(5.0)),
        ({"type": ChildType.SUPERVISOR}, ChildType.SUPERVISOR, Infinity()),
        ({"shutdown": BrutalKill()}, ChildType.WORKER, BrutalKill()),
        ({"type": ChildType.SUPERVISOR, "shutdown": BrutalKill()}, ChildType.SUPERVISOR, BrutalKill()),
        ({"shutdown": Grace(0)}, ChildType.WORKER, Grace(0)),
        ({"type": ChildType.SUPERVISOR, "shutdown": Grace(2.5)}, ChildType.SUPERVISOR, Grace(2.5)),
        ({"shutdown": Infinity()}, ChildType.WORKER, Infinity()),
    ],
    ids=repr,
)
@pytest.mark.parametrize("at_boot", [True, False])
def test_o_13_the_defaults_of_a_spec_can_be_looked_up(
    system: ActorSystem, given: dict[str, Any], kind: ChildType, shutdown: Any, at_boot: bool
) -> None:
    handle = start(system, *([puppet("a", **given)] if at_boot else []))
    if not at_boot:
        handle.start_child(puppet("a", **given))
    spec = handle.get_childspec("a")
    assert (spec.id, spec.restart, spec.type, spec.significant) == ("a", Restart.PERMANENT, kind, False)
    assert spec.effective_shutdown == shutdown
    with pytest.raises(ChildNotFound, match="child 'b' is not known"):
        handle.get_childspec("b")
    handle.terminate_child("a")
    assert handle.get_childspec("a") == spec


# What is logged


@case("O-44")
def test_o_44_starts_on_request_are_events_and_no_lines_in_the_log(
    system: ActorSystem, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    handle = start(system)
    handle.start_child(puppet("a"))
    assert [(event.child_id, event.restarts) for event in facts.all(ChildStarted)] == [("a", 0)]
    assert [record.getMessage() for record in caplog.records if record.name.startswith("regrow.supervision")] == []
    crash_child(handle, facts, "a")
    assert facts.wait(ChildTerminated, child_id="a").expected is False
    assert facts.wait(ChildStarted, child_id="a", times=2).restarts == 1


@case("O-10")
def test_o_10_in_the_core() -> None:
    from regrow.supervision import requests as ask

    stage = Stage(child("a")).boot()
    stage.starts["b"] = [BOOM]
    refused = stage.ask(ask.StartChild(child("b")))
    assert isinstance(refused, FailedToStartChild)
    assert refused.reason == BOOM
    assert stage.states() == {"a": "running"}
