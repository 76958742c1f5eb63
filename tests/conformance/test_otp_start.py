"""OTP's supervisor_SUITE: how supervisors start, decline and fail to start, and with which reason they end."""

from __future__ import annotations

from functools import partial
from typing import Any, NoReturn

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorExited,
    ActorRef,
    ActorSystem,
    AskTimeout,
    BadTarget,
    ChildSpec,
    Ignore,
    Restart,
    SpawnOptions,
    Start,
    StartIgnored,
)
from regrow.actors.child_spec import ChildType, Infinity
from regrow.actors.testing import Hold, Probe, Puppet, Script, crash, exit_with
from regrow.protocol.exits import KILLED, NORMAL, SHUTDOWN, Crash, ExitReason, Shutdown
from regrow.supervision import (
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
from tests.conformance.tree import counts, ends, info_of, puppet, ref_of, start
from tests.supervision.facts import Facts

REASONS: list[ExitReason] = [NORMAL, SHUTDOWN, Shutdown("for today"), Crash("ValueError", "boom"), KILLED]


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


@case("O-01")
def test_o_01_who_does_not_want_to_wait_for_the_end_says_so_and_it_comes_all_the_same(
    system: ActorSystem, facts: Facts
) -> None:
    hold = Hold()
    handle = start(system, puppet("a", Script(on_stop=hold), shutdown=Infinity()))
    with pytest.raises(AskTimeout):
        handle.stop(Shutdown("for today"), timeout=0.01)
    hold.wait_reached()
    assert info_of(handle, "a").state == "stopping"
    hold.release()
    assert facts.wait(ActorExited, ref=handle.ref).reason == Shutdown("for today")


@case("O-01")
def test_o_01_an_exit_signal_of_somebody_who_is_not_its_parent_does_not_end_a_supervisor(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    stranger = system.spawn(Puppet)
    for reason in REASONS:
        handle.ref.exit(reason)
        stranger.ask(partial(_send_exit, handle.ref, reason))
    assert counts(handle) == (1, 1, 0, 1)


def _send_exit(to: ActorRef, reason: ExitReason, _puppet: object) -> None:
    to.exit(reason)


def _error_of(system: ActorSystem, cls: Any, *args: object, options: SpawnOptions) -> object:
    try:
        return system.spawn(cls, *args, options=options)
    except Exception as error:
        return error
