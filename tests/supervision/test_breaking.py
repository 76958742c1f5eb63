"""Attempts to break a real supervisor: two things at once, children that misbehave, callers that are wrong."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from regrow.actors import ActorDeadError, ActorExited, ActorRef, ActorSystem, ChildSpec, Restart, Start
from regrow.actors.child_spec import Grace
from regrow.actors.testing import Hold, ManualClock, Probe, Puppet, Script, crash, exit_with
from regrow.protocol.exits import NORMAL, Crash, ExitReason
from regrow.supervision import (
    ChildNotFound,
    ChildStarted,
    ChildTerminated,
    DynamicSpec,
    DynamicSupervisorHandle,
    FailedToStartChild,
    InvalidSpec,
    SupervisorHandle,
    SupervisorSpec,
    SupervisorStopping,
    Unstopped,
    supervisor_child,
)
from regrow.supervision.errors import ChildWithdrawn
from regrow.supervision.requests import StartChild, StartChildWith, TerminateChild
from tests.conformance.tree import BOOM, below, end_child, info_of, lives, puppet, ref_of, start
from tests.supervision.facts import Facts


@pytest.mark.parametrize("sent", [NORMAL, BOOM], ids=str)
def test_an_exit_signal_sent_while_cleaning_up_is_not_taken_for_the_end(
    system: ActorSystem, facts: Facts, sent: ExitReason
) -> None:
    hold = Hold()

    def last_words(puppet: Puppet) -> None:
        assert puppet.parent is not None
        puppet.parent.exit(sent)
        hold()

    handle = start(system, puppet("a", Script(on_stop=last_words), restart=Restart.TRANSIENT))
    ref_of(handle, "a").tell(exit_with(Crash("Own", "reason")))
    hold.wait_reached()
    assert str(info_of(handle, "a").state) == "running"
    hold.release()
    assert facts.wait(ChildTerminated, child_id="a").reason == Crash("Own", "reason")
    facts.wait(ChildStarted, child_id="a", times=2)
    assert handle.ref.incarnation == 1


def test_a_life_that_was_given_up_and_never_ends_keeps_its_ref_and_the_next_gets_another(
    system: ActorSystem, clock: ManualClock, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold()
    script = Script(on_stop=hold)
    handle = start(system, puppet("a", script, shutdown=Grace(1.0)))
    old = ref_of(handle, "a")
    kill = old.kill
    monkeypatch.setattr(old, "kill", lambda: None)  # as a process that no signal ends
    answer = handle.ref.ask(TerminateChild("a"), block=False)
    hold.wait_reached()
    clock.advance(1.0)
    handle.count_children()
    clock.advance(5.0)
    answer.get(timeout=5.0)
    assert facts.wait(Unstopped).child_id == "a"
    new = handle.restart_child("a").ref
    assert new is not None
    assert new is not old
    kill()
    facts.wait(ActorExited, ref=old)
    assert new.ask("ping", timeout=5.0) == "ping"
    assert str(info_of(handle, "a").state) == "running"
    hold.release()


def test_a_life_begun_by_one_that_is_killed_meanwhile_is_nobodys_and_does_not_run(
    system: ActorSystem, facts: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = start(system, supervisor_child("inner", SupervisorSpec()), name="top")
    inner, script = below(top, "inner"), Script()
    tie = system.relations.tie

    def tie_late(child: ActorRef, parent: ActorRef) -> None:
        if child.name == "late":
            threading.Thread(target=inner.ref.kill, daemon=True).start()
            facts.wait(ChildStarted, child_id="inner", times=2)
        tie(child, parent)

    monkeypatch.setattr(system.relations, "tie", tie_late)
    with pytest.raises(ActorDeadError):
        inner.start_child(puppet("late", script))
    facts.wait_where(ActorExited, lambda event: event.ref.name == "late")
    assert script.hooks() == ()
    assert lives(inner) == {}


@pytest.mark.parametrize("hook", ["on_start", "on_failure", "on_stop"])
def test_a_child_may_ask_its_supervisor_in_every_hook(system: ActorSystem, facts: Facts, hook: str) -> None:
    told: list[object] = []

    def ask(puppet: Puppet) -> None:
        assert puppet.parent is not None
        handle = SupervisorHandle(puppet.parent)
        told.append([info.id for info in handle.which_children(timeout=5.0)])
        told.append(handle.start_child(ChildSpec(id=f"by {len(told)}", start=Start(Puppet)), timeout=5.0).child_id)

    script = Script()
    setattr(script, hook, ask)
    handle = start(system, puppet("a", script))
    if hook != "on_start":
        ref_of(handle, "a").tell(crash() if hook == "on_failure" else exit_with(BOOM))
        facts.wait(ChildStarted, child_id="a", times=2)
    assert told == [["a"], "by 1"]
    assert handle.count_children().active == 2


def test_what_a_child_asks_for_while_its_supervisor_ends_is_refused(system: ActorSystem) -> None:
    refused: list[str] = []

    def ask(puppet: Puppet) -> None:
        assert puppet.parent is not None
        handle = SupervisorHandle(puppet.parent)
        for call in (
            lambda: handle.start_child(ChildSpec(id="b", start=Start(Puppet))),
            lambda: handle.delete_child("a"),
        ):
            try:
                call()
            except SupervisorStopping as error:
                refused.append(str(error))
        assert [info.id for info in handle.which_children()] == ["a"]

    handle = start(system, puppet("a", Script(on_stop=ask)), name="top")
    handle.stop()
    assert refused == ["supervisor 'top' is stopping"] * 2


@pytest.mark.parametrize("given", [None, 3, "a start", object(), [1]], ids=lambda value: type(value).__name__)
def test_a_start_function_that_gives_garbage_is_a_failed_start(system: ActorSystem, given: object) -> None:
    handle = start(system)
    with pytest.raises(FailedToStartChild, match="expected an Actor class"):
        handle.start_child(ChildSpec(id="a", start=Start(lambda: given)))
    assert handle.which_children() == ()


@pytest.mark.parametrize("child_id", [["a"], None, 3])
def test_an_id_of_the_wrong_kind_is_not_found_and_nobody_dies_of_it(system: ActorSystem, child_id: Any) -> None:
    handle = start(system, puppet("a"))
    for call in (handle.terminate_child, handle.delete_child, handle.get_childspec):
        with pytest.raises(ChildNotFound):
            call(child_id)
    with pytest.raises(InvalidSpec):
        handle.start_child(ChildSpec(id=child_id, start=Start(Puppet)))
    assert lives(handle) == {"a": 1}


@pytest.mark.parametrize("spec", [None, "a spec", 3, DynamicSpec()], ids=lambda spec: type(spec).__name__)
def test_a_new_spec_that_is_none_is_refused_and_nobody_dies_of_it(system: ActorSystem, spec: Any) -> None:
    handle = start(system, puppet("a"))
    with pytest.raises(InvalidSpec, match="supervisor: expected a SupervisorSpec, got "):
        handle.reconfigure(spec)
    assert lives(handle) == {"a": 1}


def test_arguments_that_are_none_are_refused_and_nobody_dies_of_it(system: ActorSystem) -> None:
    handle = DynamicSupervisorHandle.start(system, DynamicSpec(template=puppet("a")))
    bad: Any = None
    with pytest.raises(InvalidSpec, match="arguments: expected a tuple, got None"):
        handle.ref.ask(StartChildWith(bad), timeout=5.0)
    assert handle.start_child_with().ref is not None


def test_a_child_killed_from_outside_while_it_starts_is_a_failed_start(system: ActorSystem, facts: Facts) -> None:
    hold, handle = Hold(), start(system)
    answer = handle.ref.ask(StartChild(puppet("a", Script(on_start=hold))), block=False)
    hold.wait_reached()
    ref_of(handle, "a").kill()
    with pytest.raises(FailedToStartChild, match="killed"):
        answer.get(timeout=5.0)
    assert facts.wait(Unstopped).child_id == "a"
    assert lives(handle) == {}
    hold.release()


def test_asking_for_two_things_at_once_answers_both(system: ActorSystem) -> None:
    hold = Hold()
    handle = start(system)
    added = handle.ref.ask(StartChild(puppet("a", Script(on_start=hold), shutdown=Grace(60.0))), block=False)
    hold.wait_reached()
    ended = [handle.ref.ask(TerminateChild("a"), block=False) for _ in range(2)]
    hold.release()
    for answer in ended:
        answer.get(timeout=5.0)
    with pytest.raises(ChildWithdrawn):
        added.get(timeout=5.0)
    assert str(info_of(handle, "a").state) == "stopped"


def test_thousands_of_ends_are_each_seen_once(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, *(puppet(f"{number}") for number in range(20)))
    refs = [ref_of(handle, f"{number}") for number in range(20)]
    for turn in range(50):
        for ref in refs:
            ref.tell(crash())
        facts.wait(ChildStarted, times=20 * (turn + 2))
    assert len(facts.all(ChildTerminated)) == 1000
    assert set(lives(handle).values()) == {51}


def test_a_probe_that_is_linked_and_ends_changes_nothing(system: ActorSystem, facts: Facts) -> None:
    handle, probe = start(system, puppet("a")), Probe(system)
    probe.link(handle.ref)
    probe.ref.kill()
    facts.wait(ActorExited, ref=probe.ref)
    end_child(handle, facts, "a")
    facts.wait(ChildStarted, child_id="a", times=2)
