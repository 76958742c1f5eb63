"""OTP's supervisor_SUITE: how supervisors and children start, decline and fail to start."""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorSystem,
    BadTarget,
    ChildSpec,
    Ignore,
    Restart,
    SpawnOptions,
    Start,
    StartIgnored,
)
from regrow.actors.child_spec import BrutalKill, ChildType, Grace, Infinity
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash, exit_with
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from regrow.supervision import (
    AlreadyStarted,
    ChildNotFound,
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    FailedToStartChild,
    InvalidSpec,
    RestartScheduled,
    Strategy,
    Supervisor,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)
from tests.conformance.case import case
from tests.conformance.tree import counts, crash_child, end_child, ends, ids, info_of, puppet, ref_of, settle, start
from tests.supervision.facts import Facts
from tests.supervision.stage import BOOM, Stage, child

REASONS = [NORMAL, SHUTDOWN, Shutdown("for today"), Crash("ValueError", "boom"), KILLED]


class Declining(Supervisor):
    """Decides in its own module that there is nothing to do."""

    def __init__(self, cause: BaseException) -> None:
        raise cause


class Trainees(Actor):
    """Traps exits, and tells a probe what reaches it while it starts somebody."""

    trap_exit = True

    def __init__(self, probe: Probe) -> None:
        self.probe = probe

    def on_receive(self, message: object) -> object:
        if callable(message):
            return message(self)
        self.probe.ref.tell(message)
        return None


def no_supervisor(what: object) -> object:
    """A start function that gives anything but a Start."""
    return what


def failing(error: BaseException) -> NoReturn:
    raise error


# The supervisor itself


@case("O-01")
@pytest.mark.parametrize("reason", REASONS, ids=str)
@pytest.mark.parametrize("strategy", Strategy)
def test_o_01_an_empty_supervisor_starts_and_ends_with_the_reason_it_is_told(
    system: ActorSystem, strategy: Strategy, reason: ExitReason
) -> None:
    probe = Probe(system)
    handle = start(system, strategy=strategy)
    monitor = probe.monitor(handle.ref)
    assert handle.which_children() == ()
    assert counts(handle) == (0, 0, 0, 0)
    handle.stop(reason)
    down = probe.expect(object)
    assert (getattr(down, "monitor", None), getattr(down, "reason", None)) == (monitor, reason)


@case("O-01")
@pytest.mark.parametrize("reason", REASONS, ids=str)
def test_o_01_a_supervisor_ends_with_the_reason_of_its_parent(system: ActorSystem, facts: Facts, reason: Any) -> None:
    script = Script()
    inner = supervisor_child("inner", SupervisorSpec(children=[puppet("worker", script)]))
    parent = start(system, inner)
    ref = ref_of(parent, "inner")
    parent.stop(reason)
    assert [(event.child_id, event.reason) for event in facts.all(ChildTerminated)] == [
        ("worker", SHUTDOWN),
        ("inner", SHUTDOWN),
    ]
    assert not ref.is_alive()


@case("O-01")
def test_o_01_a_linked_starter_that_ends_takes_the_supervisor_along(system: ActorSystem, facts: Facts) -> None:
    starter = system.spawn(Puppet)
    script = Script()
    handle = SupervisorHandle.start(system, SupervisorSpec(children=[puppet("a", script)]), link=starter)
    probe = Probe(system)
    probe.monitor(handle.ref)
    starter.tell(exit_with(Crash("X", "x")))
    assert probe.expect(object).reason == Crash("X", "x")  # type: ignore[attr-defined]
    assert script.hooks()[-1] == "on_stop"


@case("O-02")
def test_o_02_a_supervisor_that_declines_tells_its_starter_and_nobody_else(system: ActorSystem) -> None:
    probe = Probe(system)
    starter = system.spawn(Trainees, probe)
    asked = starter.ask(
        lambda actor: _error_of(actor.system, Declining, Ignore(), options=SpawnOptions(link=actor.ref)), timeout=5.0
    )
    assert isinstance(asked, StartIgnored)
    probe.sync(starter)
    probe.expect_nothing()
    assert starter.is_alive()


@case("O-02")
@pytest.mark.parametrize("restart", Restart)
def test_o_02_a_child_that_is_a_supervisor_may_decline_as_any_other(system: ActorSystem, restart: Restart) -> None:
    spec = ChildSpec(id="a", start=Start(Declining, (Ignore(),)), type=ChildType.SUPERVISOR, restart=restart)
    handle = start(system, spec, puppet("b"))
    assert counts(handle) == ((1, 1, 0, 1) if restart is Restart.TEMPORARY else (2, 1, 1, 1))


@case("O-08")
@pytest.mark.parametrize("garbage", [None, "invalid", 5, [], SupervisorSpec], ids=repr)
def test_o_08_what_is_no_spec_is_refused_with_its_value_and_without_an_exit(system: ActorSystem, garbage: Any) -> None:
    probe = Probe(system)
    with pytest.raises(InvalidSpec) as caught:
        system.spawn(Supervisor, garbage, options=SpawnOptions(link=probe.ref))
    assert str(caught.value) == f"invalid spec: supervisor: expected a SupervisorSpec, got {garbage!r}"
    probe.expect_nothing()


@case("O-08")
@pytest.mark.parametrize("garbage", [None, "invalid", 5, {"strategy": "one_for_one"}], ids=repr)
def test_o_08_a_start_function_that_gives_garbage_fails_with_its_value(system: ActorSystem, garbage: Any) -> None:
    spec = ChildSpec(id="a", start=Start(no_supervisor, (garbage,)), type=ChildType.SUPERVISOR)
    with pytest.raises(FailedToStartChild) as caught:
        start(system, spec)
    assert isinstance(caught.value.reason, Crash)
    assert caught.value.reason.type.endswith(BadTarget.__name__)
    assert repr(garbage) in caught.value.reason.text


@case("O-09")
@pytest.mark.parametrize("error", [ValueError("no such thing"), KeyError("a"), ZeroDivisionError()], ids=repr)
def test_o_09_what_a_supervisors_own_code_raises_reaches_its_starter_and_no_exit(
    system: ActorSystem, error: Exception
) -> None:
    probe = Probe(system)
    with pytest.raises(type(error)) as caught:
        system.spawn(Declining, error, options=SpawnOptions(link=probe.ref))
    assert caught.value is error
    probe.expect_nothing()


@case("O-09")
def test_o_09_a_start_function_that_raises_is_a_child_that_failed(system: ActorSystem) -> None:
    spec = ChildSpec(id="a", start=Start(failing, (ValueError("no such thing"),)), type=ChildType.SUPERVISOR)
    with pytest.raises(FailedToStartChild, match="child 'a' failed to start: crash: ValueError: no such thing"):
        start(system, spec)


@case("O-09", "O-10")
@pytest.mark.parametrize("strategy", Strategy)
def test_o_09_a_failed_boot_stops_the_earlier_ones_in_reverse_and_is_not_tried_again(
    system: ActorSystem, facts: Facts, strategy: Strategy
) -> None:
    probe = Probe(system)
    later = Script()
    children = [puppet("a"), puppet("b"), puppet("c", Script(on_start=crash(ValueError("no")))), puppet("d", later)]
    with pytest.raises(FailedToStartChild) as caught:
        SupervisorHandle.start(system, SupervisorSpec(strategy, children), link=probe.ref)
    assert caught.value.child_id == "c"
    assert [name for name, _ in ends(facts)] == ["c", "b", "a"]
    assert facts.ids(ChildStartFailed) == ["c"]
    assert not facts.all(RestartScheduled)
    assert later.hooks() == ()
    probe.expect_nothing()


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
        (Start(no_supervisor, ("garbage",)), "'garbage'"),
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
    with pytest.raises(AlreadyStarted, match="child 'a' is already started") as caught:
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


@case("O-01")
def test_o_01_stop_waits_until_the_last_child_has_ended(system: ActorSystem) -> None:
    hold = Hold()
    script = Script(on_stop=hold)
    handle = start(system, puppet("a", script, shutdown=Infinity()))
    handle.ref.shutdown()
    hold.wait_reached()
    assert handle.which_children()[0].state == "stopping"
    hold.release()
    handle.stop()
    assert script.hooks()[-1] == "on_stop"
    with pytest.raises(ActorDeadError):
        handle.which_children()


def _error_of(system: ActorSystem, cls: Any, *args: object, options: SpawnOptions) -> object:
    try:
        return system.spawn(cls, *args, options=options)
    except Exception as error:
        return error


@case("O-10")
def test_o_10_in_the_core() -> None:
    from regrow.supervision import requests as ask

    stage = Stage(child("a")).boot()
    stage.starts["b"] = [BOOM]
    refused = stage.ask(ask.StartChild(child("b")))
    assert isinstance(refused, FailedToStartChild)
    assert refused.reason == BOOM
    assert stage.states() == {"a": "running"}
