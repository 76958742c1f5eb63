"""Supervisors over hosted processes, and whole trees inside them."""

from __future__ import annotations

import os
import signal

from hosted_actors import Order, Puppet
from hosting_bench import WAIT, Bench

from regrow.actors import ActorRef, ActorStarted, ChildSpec, Describe, Description, Grace, Isolation, Start
from regrow.actors.hosting import HostedRef
from regrow.supervision import ChildStarted, SupervisorHandle, SupervisorSpec, supervisor_child


def hosted(bench: Bench, name: str) -> ChildSpec:
    return ChildSpec(
        id=name,
        start=Start(Puppet, (name,)),
        isolation=Isolation.PROCESS,
        launcher=bench.launcher,
        name=name,
        shutdown=Grace(WAIT),
        start_timeout=WAIT * 2,
    )


def named(bench: Bench, name: str) -> ActorRef:
    ref = bench.system.whereis(name)
    assert ref is not None
    return ref


def test_a_killed_process_is_restarted_behind_the_same_ref(bench: Bench) -> None:
    tree = SupervisorHandle.start(bench.system, SupervisorSpec(children=(hosted(bench, "one"), hosted(bench, "two"))))
    ref, other = named(bench, "one"), named(bench, "two")
    assert isinstance(ref, HostedRef)
    pid = ref.pid
    assert pid is not None
    others = other.ask(Order("pid"), timeout=WAIT)
    os.kill(pid, signal.SIGKILL)
    bench.events.wait(ActorStarted, lambda event: event.ref is ref and event.incarnation == 2)
    assert ref.ask(Order("pid"), timeout=WAIT) == ref.pid != pid
    assert other.ask(Order("pid"), timeout=WAIT) == others
    tree.stop(timeout=WAIT)
    assert not ref.is_alive()


def test_a_crash_in_a_handler_is_restarted(bench: Bench) -> None:
    SupervisorHandle.start(bench.system, SupervisorSpec(children=(hosted(bench, "one"),)))
    ref = named(bench, "one")
    ref.tell(Order("raise", "again"))
    bench.events.wait(ActorStarted, lambda event: event.ref is ref and event.incarnation == 2)
    assert ref.ask(Order("echo", 1), timeout=WAIT) == 1


def test_a_whole_tree_lives_in_a_process_and_is_described_there(bench: Bench) -> None:
    child = supervisor_child("branch", "hosted_actors:tree_start", isolation=Isolation.PROCESS, name="branch")
    tree = SupervisorHandle.start(bench.system, SupervisorSpec(children=(child,)))
    branch = named(bench, "branch")
    said = branch.ask(Describe(), timeout=WAIT)
    assert isinstance(said, Description)
    assert said.kind.endswith("Supervisor")
    assert isinstance(branch, HostedRef)
    pid = branch.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    bench.events.wait(ActorStarted, lambda event: event.ref is branch and event.incarnation == 2)
    assert isinstance(branch.ask(Describe(), timeout=WAIT), Description)
    tree.stop(timeout=WAIT)
    assert not branch.is_alive()
    assert any(isinstance(event, ChildStarted) for event in bench.events.seen)
