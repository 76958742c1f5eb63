"""A supervisor that is called from below: what it can answer it answers, what would wait for itself is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from regrow.actors import ActorExited, ActorRef, ActorSystem, CallingSelf, ChildSpec
from regrow.actors.testing import Puppet, Script
from regrow.protocol.exits import SHUTDOWN, Shutdown
from regrow.supervision import (
    NO_BACKOFF,
    ChildRunning,
    Done,
    SupervisorHandle,
    SupervisorSpec,
    supervisor_child,
)
from regrow.supervision.errors import ChildRestarting
from regrow.supervision.requests import StopSupervisor, TerminateChild
from tests.supervision.facts import Facts
from tests.supervision.trees import below as supervisor_at
from tests.supervision.trees import info_of, puppet, ref_of

SOON = 5.0  # real seconds: only a failing test waits so long

Call = Callable[[SupervisorHandle], object]


def start(system: ActorSystem, *children: ChildSpec, **more: Any) -> SupervisorHandle:
    return SupervisorHandle.start(system, SupervisorSpec(children=children, backoff=NO_BACKOFF, name="top", **more))


def top_of(puppet: Puppet) -> SupervisorHandle:
    ref = puppet.system.whereis("top")
    assert ref is not None
    return SupervisorHandle(ref)


def below(handle: SupervisorHandle, *path: str) -> ActorRef[Any]:
    return ref_of(supervisor_at(handle, *path[:-1]), path[-1])


def nested(*ids: str, leaf: ChildSpec) -> ChildSpec:
    """A supervisor in a supervisor in ... with `leaf` in the last of them."""
    spec = leaf
    for child_id in reversed(ids):
        spec = supervisor_child(child_id, SupervisorSpec(children=[spec], backoff=NO_BACKOFF))
    return spec


class Caught:
    """Makes a call in a hook or a handler of a puppet, and keeps what it raised there, or what it gave."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self.error: Exception | None = None
        self.answer: object = None

    def __call__(self, puppet: Puppet) -> object:
        try:
            self.answer = self._call(top_of(puppet))
        except Exception as error:
            self.error = error
        return None


# What would wait for itself


@pytest.mark.parametrize(
    ("ids", "shown"),
    [
        ((), "top -> top/leaf -> top"),
        (("a",), "top -> top/a -> top/a/leaf -> top"),
        (("a", "b", "c"), "top -> top/a -> top/a/b -> top/a/b/c -> top/a/b/c/leaf -> top"),
    ],
)
@pytest.mark.parametrize("how", ["method", "ask"])
def test_ending_the_branch_one_sits_on_is_refused_at_once_and_not_done(
    system: ActorSystem, ids: tuple[str, ...], shown: str, how: str
) -> None:
    handle = start(system, nested(*ids, leaf=puppet("leaf")))
    branch = ids[0] if ids else "leaf"

    def ask(top: SupervisorHandle) -> object:
        return top.ref.ask(TerminateChild(branch))

    caught = Caught((lambda top: top.terminate_child(branch)) if how == "method" else ask)
    below(handle, *ids, "leaf").ask(caught, timeout=SOON)
    assert isinstance(caught.error, CallingSelf)
    assert str(caught.error) == f"asking in a circle would wait forever: {shown}"
    assert below(handle, *ids, "leaf").is_alive()
    assert handle.count_children().active == 1


@pytest.mark.parametrize("ids", [(), ("a", "b")])
@pytest.mark.parametrize(
    "call",
    [
        lambda top: top.stop(),
        lambda top: top.ref.stop(),
        lambda top: top.ref.ask(StopSupervisor()),
    ],
)
def test_waiting_for_the_end_of_a_supervisor_above_is_refused_at_once_and_not_done(
    system: ActorSystem, ids: tuple[str, ...], call: Call
) -> None:
    handle = start(system, nested(*ids, leaf=puppet("leaf")))
    caught = Caught(call)
    below(handle, *ids, "leaf").ask(caught, timeout=SOON)
    assert isinstance(caught.error, CallingSelf)
    assert handle.ref.is_alive()
    assert below(handle, *ids, "leaf").is_alive()


@pytest.mark.parametrize("hook", ["on_start", "on_stop", "on_failure", "on_stop_request"])
def test_it_is_refused_in_every_hook(system: ActorSystem, facts: Facts, hook: str) -> None:
    caught = Caught(lambda top: top.terminate_child("leaf"))

    def stop_request(puppet: Puppet) -> None:
        caught(puppet)
        puppet.exit(SHUTDOWN)

    script = Script()
    setattr(script, hook, stop_request if hook == "on_stop_request" else caught)
    handle = start(system, puppet("leaf", script))
    ref = below(handle, "leaf")
    if hook == "on_failure":
        ref.tell(_crash)
        facts.wait(ActorExited, ref=ref)
    elif hook != "on_start":
        handle.terminate_child("leaf")
    assert isinstance(caught.error, CallingSelf)


def _crash(_puppet: Puppet) -> None:
    raise ValueError("told to crash")


def test_a_stop_in_the_cleanup_of_a_child_is_refused_and_the_stop_under_way_goes_on(system: ActorSystem) -> None:
    caught = Caught(lambda top: top.stop())
    handle = start(system, puppet("leaf", Script(on_stop=caught)))
    assert handle.stop() == ()
    assert isinstance(caught.error, CallingSelf)
    assert not handle.ref.is_alive()


def test_waiting_for_a_sent_order_is_refused_although_it_is_done(system: ActorSystem, facts: Facts) -> None:
    """Sent, so it is carried out; the wait that comes after it is what cannot be."""
    caught = Caught(lambda top: top.send.terminate_child("leaf").get())
    handle = start(system, puppet("leaf"))
    ref = below(handle, "leaf")
    ref.ask(caught, timeout=SOON)
    assert isinstance(caught.error, CallingSelf)
    assert facts.wait(ActorExited, ref=ref).reason == SHUTDOWN


def test_waiting_for_a_sent_stop_is_refused_although_it_is_done(system: ActorSystem, facts: Facts) -> None:
    caught = Caught(lambda top: top.send.stop().get())
    handle = start(system, nested("a", leaf=puppet("leaf")))
    below(handle, "a", "leaf").ask(caught, timeout=SOON)
    assert isinstance(caught.error, CallingSelf)
    assert facts.wait(ActorExited, ref=handle.ref).reason == SHUTDOWN


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_a_new_spec_that_ends_the_branch_one_sits_on_is_refused_and_another_one_is_followed(
    system: ActorSystem,
) -> None:
    leaf, other = nested("a", leaf=puppet("leaf")), puppet("other")
    handle = start(system, leaf, other)
    ref = below(handle, "a", "leaf")

    def spec(*children: ChildSpec) -> SupervisorSpec:
        return SupervisorSpec(children=children, backoff=NO_BACKOFF, name="top")

    for ends_it in (spec(other), spec(nested("a", leaf=puppet("another")), other)):
        caught = Caught(lambda top, ends_it=ends_it: top.reconfigure(ends_it, timeout=SOON))  # type: ignore[misc]
        ref.ask(caught, timeout=SOON)
        assert isinstance(caught.error, CallingSelf)
        assert handle.count_children().active == 2
    caught = Caught(lambda top: top.reconfigure(spec(leaf, puppet("new")), timeout=SOON))
    ref.ask(caught, timeout=SOON)
    assert caught.error is None
    assert [info.id for info in handle.which_children()] == ["new", "a"]
    assert below(handle, "a", "leaf") is ref


# What is no circle


def test_a_child_may_end_itself_by_an_order_that_it_does_not_wait_for(system: ActorSystem, facts: Facts) -> None:
    caught = Caught(lambda top: top.send.terminate_child("a"))
    handle = start(system, nested("a", leaf=puppet("leaf")), puppet("other"))
    ref = below(handle, "a")
    below(handle, "a", "leaf").ask(caught, timeout=SOON)
    assert caught.error is None
    assert facts.wait(ActorExited, ref=ref).reason == SHUTDOWN
    assert info_of(handle, "a").state == "stopped"


def test_a_child_may_end_its_own_supervisor_by_an_order_that_it_does_not_wait_for(
    system: ActorSystem, facts: Facts
) -> None:
    caught = Caught(lambda top: top.send.stop(Shutdown("the child wants it")))
    handle = start(system, puppet("leaf"))
    below(handle, "leaf").ask(caught, timeout=SOON)
    assert facts.wait(ActorExited, ref=handle.ref).reason == Shutdown("the child wants it")


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
def test_a_child_may_end_a_sibling_and_wait(system: ActorSystem) -> None:
    caught = Caught(lambda top: top.terminate_child("b"))
    handle = start(system, puppet("a"), nested("b", leaf=puppet("leaf")))
    below(handle, "a").ask(caught, timeout=SOON)
    assert caught.error is None
    assert handle.count_children().active == 1


@pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
@pytest.mark.parametrize("hook", ["on_start", "on_stop", "handler"])
def test_everything_else_is_answered_to_a_child(system: ActorSystem, hook: str) -> None:
    answers: list[object] = []

    def ask_all(puppet: Puppet) -> None:
        top = top_of(puppet)
        answers.append([info.id for info in top.which_children(timeout=SOON)])
        answers.append(top.count_children(timeout=SOON).specs)
        answers.append(top.get_childspec("leaf", timeout=SOON).id)
        for refused in (
            lambda: top.restart_child("leaf", timeout=SOON),
            lambda: top.delete_child("leaf", timeout=SOON),
        ):
            with pytest.raises((ChildRunning, ChildRestarting)):
                refused()
        if hook != "on_stop":
            started = top.start_child(ChildSpec(id="new", start=Script().start), timeout=SOON)
            assert started.ref is not None
            answers.append(started.ref.ask("hello", timeout=SOON))

    script = Script()
    if hook != "handler":
        setattr(script, hook, ask_all)
    handle = start(system, puppet("leaf", script))
    if hook == "handler":
        below(handle, "leaf").ask(ask_all, timeout=SOON)
    elif hook == "on_stop":
        handle.terminate_child("leaf")
    assert answers == [["leaf"], 1, "leaf", "hello"][: 3 if hook == "on_stop" else 4]


def test_somebody_outside_may_send_and_wait(system: ActorSystem) -> None:
    handle = start(system, puppet("a"))
    assert handle.send.terminate_child("a").get(timeout=SOON) == Done()
    assert handle.send.restart_child("a").get(timeout=SOON).ref is not None
    assert [info.id for info in handle.send.which_children().get(timeout=SOON).children] == ["a"]
    assert handle.send.count_children().get(timeout=SOON).active == 1
    assert handle.send.get_childspec("a").get(timeout=SOON).id == "a"
    assert handle.send.start_child(puppet("b")).get(timeout=SOON).child_id == "b"
    assert [child.child_id for child in handle.send.describe_tree().get(timeout=SOON).children] == ["a", "b"]
    handle.send.terminate_child("b").get(timeout=SOON)
    assert handle.send.delete_child("b").get(timeout=SOON) == Done()
    assert handle.send.stop().get(timeout=SOON) is None
    assert re.match(r"SupervisorRequests\(<ActorRef top ", repr(handle.send))
    assert not handle.ref.is_alive()


# Stopping


def test_a_second_stop_waits_for_the_end_and_the_first_reason_stays(system: ActorSystem, facts: Facts) -> None:
    handle = start(system, puppet("a"))
    first = handle.send.stop(Shutdown("first"))
    handle.stop(Shutdown("second"))
    assert first.get(timeout=SOON) is None
    assert facts.wait(ActorExited, ref=handle.ref).reason == Shutdown("first")


def test_stopping_a_dead_supervisor_is_nothing(system: ActorSystem) -> None:
    handle = start(system)
    handle.stop()
    assert handle.stop() == ()
