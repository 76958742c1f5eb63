"""What ractor's suites say of supervision, links, monitors and the ends of actors."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorExited,
    ActorSystem,
    CallingSelf,
    Down,
    Exit,
    SpawnOptions,
    SystemClosed,
)
from regrow.actors.child_spec import Grace
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, crash, exit_with
from regrow.protocol.exits import NORMAL, SHUTDOWN, Crash, Killed
from regrow.supervision import (
    ChildStarted,
    ChildStartFailed,
    ChildTerminated,
    FailedToStartChild,
    SupervisorHandle,
    SupervisorSpec,
    SupervisorStopping,
    Unstopped,
    supervisor_child,
)
from regrow.supervision.requests import StartChild, TerminateChild
from tests.conformance.case import case
from tests.conformance.letters import dead_letters
from tests.conformance.tree import BOOM, lives, puppet, ref_of, start
from tests.supervision.facts import Facts


class _AfterStart(Actor):
    """Fails right after its start, before any message."""

    def on_start(self) -> None:
        self.continue_with("fail")

    def on_receive(self, message: object) -> object:
        raise RuntimeError(message)


@case("R-01", "R-02")
def test_r_01_a_failure_right_after_the_start_is_told_with_the_child(system: ActorSystem) -> None:
    probe = Probe(system)
    ref = system.spawn(_AfterStart, options=SpawnOptions(link=probe.ref))
    told = probe.expect(Exit)
    assert (told.sender, told.incarnation) == (ref, 1)
    assert isinstance(told.reason, Crash)
    assert system.relations.links(probe.ref) == ()


@case("R-03", "R-04", "R-05", "R-06")
@pytest.mark.parametrize("where", ["on_receive", "on_stop"])
@pytest.mark.parametrize("error", [ValueError("boom"), SystemExit(1)], ids=["error", "exit of the interpreter"])
def test_r_03_a_failure_in_any_phase_is_told_once(
    system: ActorSystem, facts: Facts, where: str, error: BaseException
) -> None:
    script = Script(on_stop=crash(error) if where == "on_stop" else None)
    handle = start(system, puppet("a", script))
    ref_of(handle, "a").tell(crash(error) if where == "on_receive" else exit_with(NORMAL))
    ended = facts.wait(ChildTerminated, child_id="a")
    assert isinstance(ended.reason, Crash)
    assert ended.reason.text == str(error)
    facts.wait(ChildStarted, child_id="a", times=2)
    assert len(facts.all(ChildTerminated)) == 1


@case("R-09", "R-30")
def test_r_09_killing_a_supervisor_ends_its_children(system: ActorSystem, facts: Facts) -> None:
    hold = Hold()
    handle = start(system, puppet("a"), puppet("b"))
    refs = [ref_of(handle, "a"), ref_of(handle, "b")]
    handle.ref.ask(StartChild(puppet("starting", Script(on_start=hold))), block=False)
    hold.wait_reached()
    handle.ref.kill()
    for ref in refs:
        facts.wait(ActorExited, ref=ref)
        assert not ref.is_alive()
    hold.release()
    facts.wait_where(ActorExited, lambda event: event.ref.name == "starting")


@case("R-10")
def test_r_10_messages_to_one_that_is_starting_are_handled_once_it_has_started(system: ActorSystem) -> None:
    hold, handle = Hold(), start(system)
    added = handle.ref.ask(StartChild(puppet("a", Script(on_start=hold))), block=False)
    hold.wait_reached()
    ref = ref_of(handle, "a")
    for number in range(3):
        ref.tell(number)
    hold.release()
    added.get(timeout=5.0)
    assert ref.ask(lambda puppet: list(puppet.seen), timeout=5.0) == [0, 1, 2]


@case("R-12")
def test_r_12_a_deep_tree_starts_and_ends_without_recursion(clock: ManualClock) -> None:
    depth = 2048
    spec = SupervisorSpec(children=[puppet("leaf")])
    for _ in range(depth):
        spec = SupervisorSpec(children=[supervisor_child("below", spec)])
    system = ActorSystem("deep", clock=clock)
    before = threading.stack_size(256 * 1024)
    try:
        handle = SupervisorHandle.start(system, spec)
        handle.stop(timeout=60.0)
    finally:
        threading.stack_size(before)
    assert system.relations.living() == ()
    assert system.shutdown() == ()


@case("R-13", "R-14", "R-25")
def test_r_13_a_supervisor_that_stops_or_has_stopped_adopts_nobody(system: ActorSystem) -> None:
    hold, script = Hold(), Script()
    handle = start(system, puppet("slow", Script(on_stop=hold), shutdown=Grace(60.0)))
    handle.ref.shutdown()
    hold.wait_reached()
    with pytest.raises(SupervisorStopping):
        handle.start_child(puppet("late", script))
    hold.release()
    handle.ref.stop(timeout=5.0)
    with pytest.raises(ActorDeadError):
        handle.start_child(puppet("later", script))
    orphan = Probe(system)
    orphan.monitor(system.spawn(Puppet, script, options=SpawnOptions(link=handle.ref)))
    assert "noproc" in str(orphan.expect(Down).reason)
    assert script.hooks().count("on_start") == 1


@case("R-16")
def test_r_16_the_children_of_a_supervisor_that_died_end_and_still_clean_up(system: ActorSystem) -> None:
    script = Script()
    handle = start(system, puppet("a", script))
    handle.ref.kill()
    script.wait_for("on_stop")
    assert script.hooks() == ("on_start", "on_stop")


@case("R-17", "R-18")
def test_r_17_cleanup_runs_exactly_once_however_many_ask_for_the_end(system: ActorSystem) -> None:
    hold = Hold()
    script = Script(on_stop=hold)
    handle = start(system, puppet("a", script, shutdown=Grace(60.0)))
    asked = [handle.ref.ask(TerminateChild("a"), block=False) for _ in range(3)]
    hold.wait_reached()
    ref = ref_of(handle, "a")  # answered behind the three, which a stop would overtake
    handle.ref.shutdown()
    ref.shutdown()
    hold.release()
    for answer in asked:
        answer.get(timeout=5.0)
    handle.ref.stop(timeout=5.0)
    assert script.hooks() == ("on_start", "on_stop_request", "on_stop")


@case("R-21")
def test_r_21_a_monitor_tells_the_reason_and_nothing_once_it_is_taken_back(system: ActorSystem) -> None:
    probe, first, second = Probe(system), system.spawn(Puppet), system.spawn(Puppet)
    probe.monitor(first)
    number = probe.monitor(second)
    first.tell(exit_with(BOOM))
    assert probe.expect(Down).reason == BOOM
    system.demonitor(number)
    second.tell(exit_with(BOOM))
    Probe(system).sync(probe.ref)
    probe.expect_nothing()


@case("R-22", "R-23", "R-24")
def test_r_22_every_hook_and_handler_of_a_life_runs_on_one_thread(system: ActorSystem, facts: Facts) -> None:
    seen: list[tuple[str, int]] = []

    def note(hook: str) -> Any:
        return lambda _puppet: seen.append((hook, threading.get_ident()))

    script = Script(on_start=note("start"), on_failure=note("failure"), on_stop=note("stop"))
    handle = start(system, puppet("a", script))
    ref_of(handle, "a").tell(note("receive"))
    ref_of(handle, "a").tell(crash())
    facts.wait(ChildStarted, child_id="a", times=2)
    handle.stop()
    assert [hook for hook, _ in seen] == ["start", "receive", "failure", "start", "stop"]
    assert len({thread for _, thread in seen[:3]}) == 1
    assert threading.get_ident() not in {thread for _, thread in seen}


@case("R-26", "R-27")
@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1)], ids=["error", "exit of the interpreter"])
def test_r_26_a_failed_start_is_returned_to_the_starter_and_no_exit_is_told(
    system: ActorSystem, facts: Facts, error: BaseException
) -> None:
    handle = start(system)
    with pytest.raises(FailedToStartChild, match=type(error).__name__):
        handle.start_child(puppet("a", Script(on_start=crash(error))))
    assert facts.wait(ChildStartFailed).child_id == "a"
    assert facts.all(ChildTerminated) == []
    assert lives(handle) == {}


@case("R-28")
def test_r_28_a_stop_goes_before_messages(system: ActorSystem) -> None:
    letters, ref, hold = dead_letters(system), system.spawn(Puppet), Hold()
    probe = Probe(system)
    probe.monitor(ref)
    ref.tell(hold)
    hold.wait_reached()
    ref.tell("waits")
    ref.shutdown()
    hold.release()
    assert probe.expect(Down).reason == SHUTDOWN
    assert letters == ["waits"]


@case("R-29", "R-34")
@pytest.mark.parametrize("where", ["on_start", "on_receive", "on_stop"])
def test_r_29_a_kill_is_final_in_every_phase_though_a_busy_thread_runs_on_fenced(
    system: ActorSystem, facts: Facts, where: str
) -> None:
    hold, told = Hold(), Probe(system)

    def busy(_puppet: Puppet) -> None:
        hold()
        told.ref.tell("from beyond")  # fenced: raises instead

    script = Script(on_start=busy if where == "on_start" else None, on_stop=busy if where == "on_stop" else None)
    handle = start(system)
    added = handle.ref.ask(StartChild(puppet("a", script, shutdown=Grace(60.0))), block=False)
    if where != "on_start":
        added.get(timeout=5.0)
        ref_of(handle, "a").tell(busy if where == "on_receive" else exit_with(NORMAL))
    hold.wait_reached()
    killed = ref_of(handle, "a")
    killed.kill()
    exited = facts.wait(ActorExited, ref=killed, incarnation=1)
    assert isinstance(exited.reason, Killed)
    facts.wait(Unstopped, child_id="a")
    hold.release()
    Probe(system).sync(told.ref)
    told.expect_nothing()


@case("R-31")
def test_r_31_a_stop_lets_the_message_in_hand_be_finished(system: ActorSystem) -> None:
    handle, hold = start(system, puppet("a", shutdown=Grace(60.0))), Hold()
    answer = ref_of(handle, "a").ask(hold, block=False)
    hold.wait_reached()
    stopping = handle.ref.ask(TerminateChild("a"), block=False)
    hold.release()
    assert answer.get(timeout=5.0) == "released"
    stopping.get(timeout=5.0)


@case("R-32")
def test_r_32_sending_to_the_dead_is_an_error_in_the_sender(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    ref.stop()
    with pytest.raises(ActorDeadError):
        ref.tell("x")
    with pytest.raises(ActorDeadError):
        ref.ask("x")


@case("R-33")
def test_r_33_waiting_for_a_stop_ends_when_the_cleanup_is_done(system: ActorSystem) -> None:
    script = Script()
    ref = system.spawn(Puppet, script)
    ref.stop(timeout=5.0)
    assert script.hooks() == ("on_start", "on_stop_request", "on_stop")
    killed = system.spawn(Puppet, script)
    killed.kill()
    assert not killed.is_alive()


@case("R-37")
def test_r_37_a_stop_behind_messages_drains_them_and_later_ones_are_refused(system: ActorSystem) -> None:
    done: list[int] = []
    ref, hold = system.spawn(Puppet), Hold()
    ref.tell(hold)
    for number in range(1000):
        ref.tell(lambda _puppet, number=number: done.append(number))
    stopped = ref.stop(block=False)
    hold.release()
    assert stopped.get(timeout=10.0) is True
    assert done == list(range(1000))
    with pytest.raises(ActorDeadError):
        ref.tell("late")


@case("R-39")
def test_r_39_timers_send_once_and_again_and_may_end_and_kill(system: ActorSystem, clock: ManualClock) -> None:
    probe = Probe(system)
    ref, doomed = system.spawn(Puppet), system.spawn(Puppet)
    ref.ask(lambda puppet: puppet.send_after(1.0, "once") and None, timeout=5.0)
    ticks: list[int] = []
    ref.ask(lambda puppet: puppet.every(1.0, lambda _: ticks.append(1)) and None, timeout=5.0)
    ref.ask(lambda puppet: puppet.send_after(3.5, exit_with(SHUTDOWN)) and None, timeout=5.0)
    doomed.ask(lambda puppet: puppet.send_after(2.0, lambda own: own.ref.kill()) and None, timeout=5.0)
    probe.monitor(ref)
    probe.monitor(doomed)
    for _ in range(3):
        clock.advance(1.0)
        probe.sync(ref)
    assert ref.ask(lambda puppet: [seen for seen in puppet.seen if isinstance(seen, str)], timeout=5.0) == ["once"]
    clock.advance(0.5)
    reasons = {probe.expect(Down).ref: "ended" for _ in range(2)}
    assert reasons.keys() == {ref, doomed}
    assert len(ticks) == 3
    assert clock.pending == 0


@case("R-33")
def test_r_33_nobody_waits_for_his_own_end(system: ActorSystem) -> None:
    ref = system.spawn(Puppet)
    with pytest.raises(CallingSelf):
        ref.ask(lambda puppet: puppet.ref.stop(), timeout=5.0)
    with pytest.raises(SystemClosed):
        _closed().spawn(Puppet)


def _closed() -> ActorSystem:
    system = ActorSystem("closed")
    system.shutdown()
    return system
