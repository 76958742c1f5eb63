"""What Elixir's suites say of calls, casts, stops, exits, monitors and timers, said of actors."""

from __future__ import annotations

from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorSystem,
    AskTimeout,
    CallingSelf,
    Down,
    Ignore,
    NameTaken,
    SpawnOptions,
    StartIgnored,
    StartTimeout,
)
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, crash, exit_with
from regrow.protocol.exits import NOPROC, NORMAL, SHUTDOWN, Crash, Shutdown
from tests.conformance.case import case
from tests.conformance.letters import dead_letters


@case("EG")
def test_eg_a_start_gives_ready_ignored_failed_or_late(system: ActorSystem, clock: ManualClock) -> None:
    assert system.spawn(Puppet).is_alive()
    with pytest.raises(StartIgnored):
        system.spawn(Puppet, Script(on_start=crash(Ignore())))
    with pytest.raises(ValueError, match="no"):
        system.spawn(Puppet, Script(on_start=crash(ValueError("no"))))
    hold, probe = Hold(), Probe(system)

    def late() -> object:
        return system.spawn(Puppet, Script(on_start=hold), options=SpawnOptions(start_timeout=2.0))

    starter = system.spawn(Puppet)
    answer = starter.ask(lambda _puppet: late(), block=False)
    hold.wait_reached()
    clock.advance(2.0)
    with pytest.raises(StartTimeout):
        answer.get(timeout=5.0)
    hold.release()
    probe.expect_nothing()


@case("EG")
def test_eg_a_name_that_is_taken_is_refused(system: ActorSystem) -> None:
    system.spawn(Puppet, options=SpawnOptions(name="taken"))
    with pytest.raises(NameTaken):
        system.spawn(Puppet, options=SpawnOptions(name="taken"))


class _Continuing(Actor):
    """Has work to do before its first message."""

    def __init__(self) -> None:
        self.order: list[object] = []

    def on_start(self) -> None:
        self.ref.tell("a message that waits")
        self.continue_with("what follows the start")

    def on_receive(self, message: object) -> object:
        self.order.append(message)
        return list(self.order)


@case("EG")
def test_eg_a_continuation_goes_before_what_waits(system: ActorSystem) -> None:
    answer = system.spawn(_Continuing).ask("ask", timeout=5.0)
    assert answer == ["what follows the start", "a message that waits", "ask"]


@case("EG")
def test_eg_a_call_that_takes_too_long_ends_for_the_caller_and_its_late_answer_reaches_nobody(
    system: ActorSystem,
) -> None:
    hold, ref, caller = Hold(), system.spawn(Puppet), system.spawn(Puppet)

    def call(_puppet: Puppet) -> str:
        try:
            ref.ask(hold, timeout=0.01)
        except AskTimeout:
            return "timed out"
        return "answered"

    assert caller.ask(call, timeout=5.0) == "timed out"
    hold.release()
    Probe(system).sync(ref)
    assert caller.ask(lambda puppet: list(puppet.seen), timeout=5.0) == []


@case("EG")
def test_eg_a_call_to_the_dead_and_one_whose_callee_dies_fail_at_once(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    with pytest.raises(ActorDeadError) as died:
        ref.ask(exit_with(Shutdown("enough")), timeout=5.0)
    assert died.value.reason == Shutdown("enough")
    with pytest.raises(ActorDeadError):
        ref.ask("anybody?", timeout=5.0)


@case("EG")
def test_eg_nobody_calls_himself(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    with pytest.raises(CallingSelf):
        ref.ask(lambda puppet: puppet.ref.ask("me"), timeout=5.0)
    other = system.spawn(Puppet)
    with pytest.raises(CallingSelf):
        other.ask(lambda puppet: puppet.ref.stop(), timeout=5.0)


@case("EG")
def test_eg_a_cast_to_the_dead_is_a_dead_letter_and_an_error_here(system: ActorSystem) -> None:
    letters, ref = dead_letters(system), system.spawn(Puppet)
    ref.stop()
    with pytest.raises(ActorDeadError):
        ref.tell("anybody?")
    assert letters == ["anybody?"]


@case("EG")
def test_eg_a_stop_has_its_reason_waits_for_the_cleanup_and_the_dead_are_stopped_already(system: ActorSystem) -> None:
    probe, script = Probe(system), Script()
    ref = system.spawn(Puppet, script)
    probe.monitor(ref)
    ref.shutdown(Shutdown("move"))
    assert probe.expect(Down).reason == Shutdown("move")
    assert script.hooks()[-1] == "on_stop"
    assert ref.stop(timeout=5.0) is False


@case("EG")
def test_eg_what_a_cleanup_raises_is_the_reason(system: ActorSystem) -> None:
    probe = Probe(system)
    ref = system.spawn(Puppet, Script(on_stop=crash(ValueError("in the cleanup"))))
    probe.monitor(ref)
    ref.stop(timeout=5.0)
    reason = probe.expect(Down).reason
    assert isinstance(reason, Crash)
    assert reason.text == "in the cleanup"


@case("EG")
def test_eg_a_normal_exit_from_outside_is_ignored_and_any_other_ends(system: ActorSystem) -> None:
    probe, ref = Probe(system), system.spawn(Puppet)
    probe.monitor(ref)
    ref.exit(NORMAL)
    assert ref.ask("still here", timeout=5.0) == "still here"
    ref.exit(SHUTDOWN)
    assert probe.expect(Down).reason == SHUTDOWN


@case("EG")
def test_eg_cleanup_runs_on_a_stop_and_on_an_exit_signal_and_never_on_a_kill(system: ActorSystem) -> None:
    hooks: dict[str, tuple[str, ...]] = {}
    ends: dict[str, Any] = {
        "stop": lambda ref: ref.stop(timeout=5.0),
        "signal": lambda ref: ref.exit(SHUTDOWN),
        "kill": lambda ref: ref.kill(),
    }
    for name, end in ends.items():
        script, probe = Script(), Probe(system)
        ref = system.spawn(Puppet, script)
        probe.monitor(ref)
        end(ref)
        probe.expect(Down)
        hooks[name] = script.hooks()[1:]
    assert hooks == {"stop": ("on_stop_request", "on_stop"), "signal": ("on_stop",), "kill": ()}


@case("EG")
def test_eg_a_monitor_of_the_dead_fires_at_once(system: ActorSystem) -> None:
    probe, ref = Probe(system), system.spawn(Puppet)
    ref.kill()
    number = probe.monitor(ref)
    assert probe.expect(Down) == Down(number, ref, NOPROC, 1)


@case("EG")
def test_eg_a_timer_is_cancelled_once_and_then_never_heard_of(system: ActorSystem, clock: ManualClock) -> None:
    def arm(puppet: Puppet) -> list[bool]:
        timer = puppet.send_after(1.0, "too late")
        return [timer.active, timer.cancel(), timer.active, timer.cancel()]

    ref = system.spawn(Puppet)
    assert ref.ask(arm, timeout=5.0) == [True, True, False, False]
    clock.advance(2.0)
    assert ref.ask(lambda puppet: list(puppet.seen), timeout=5.0) == []
