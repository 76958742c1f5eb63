"""Reconfiguring trees of real actors, and of real processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from regrow.actors import Actor, ActorSystem, ChildSpec, ChildType, Isolation, Restart, Start
from regrow.actors.testing import ManualClock, Puppet
from regrow.supervision import (
    ChildTerminated,
    InvalidSpec,
    Strategy,
    SupervisorHandle,
    SupervisorReconfigured,
    SupervisorSpec,
    supervisor_child,
)
from regrow.supervision.policy import parse_policy
from regrow.supervision.results import Reconfigured
from tests.supervision.facts import Facts
from tests.supervision.trees import ref_of


def leaf(child_id: str, **more: object) -> ChildSpec:
    return replace(ChildSpec(id=child_id, start=Start(Puppet)), **more)  # type: ignore[arg-type]


class Gate(Actor):
    """Waits in its stop until the test lets it go."""

    def __init__(self, opened: threading.Event) -> None:
        self.opened = opened

    def on_stop(self) -> None:
        self.opened.wait(5.0)


class TestInThisProcess:
    def test_only_what_has_changed_has_another_life_down_to_the_leaves(self, system: ActorSystem, facts: Facts) -> None:
        inner = SupervisorSpec(Strategy.REST_FOR_ONE, [leaf("x"), leaf("y")])
        spec = SupervisorSpec(children=[leaf("a"), leaf("b"), supervisor_child("pool", inner), leaf("gone")])
        top = SupervisorHandle.start(system, spec)
        pool = SupervisorHandle(ref_of(top, "pool"))
        kept = [(ref, ref.incarnation) for ref in (ref_of(top, "a"), pool.ref, ref_of(pool, "x"))]

        new_inner = replace(inner, children=[leaf("x", restart=Restart.TRANSIENT), leaf("z"), leaf("y", name="y")])
        changed = [leaf("a"), leaf("b", name="bee"), supervisor_child("pool", new_inner), leaf("new")]
        result = top.reconfigure(replace(spec, children=changed), timeout=5.0)
        assert result == Reconfigured(
            kept=("a",),
            restarted=("b",),
            added=("new",),
            removed=("gone",),
            inside={"pool": Reconfigured(changed=("x",), restarted=("y",), added=("z",))},
        )
        assert [(event.supervisor, event.result) for event in facts.all(SupervisorReconfigured)] == [
            ("root/pool", result.inside["pool"]),
            ("root", result),
        ]
        assert all(ref.is_alive() and ref.incarnation == life for ref, life in kept)
        assert sorted(facts.ids(ChildTerminated)) == ["b", "gone", "y"]
        assert [info.id for info in reversed(pool.which_children())] == ["x", "z", "y"]
        assert pool.get_childspec("x").restart is Restart.TRANSIENT
        assert system.whereis("bee") is ref_of(top, "b")
        assert [child.child_id for child in top.describe_tree().children] == ["a", "b", "pool", "new"]
        assert top.reconfigure(replace(spec, children=changed), timeout=5.0).unchanged
        assert len(facts.all(SupervisorReconfigured)) == 2

    def test_mistakes_in_a_tree_inside_are_refused_before_anything_is_touched(
        self, system: ActorSystem, facts: Facts
    ) -> None:
        spec = SupervisorSpec(children=[leaf("a"), supervisor_child("pool", SupervisorSpec(children=[leaf("x")]))])
        top = SupervisorHandle.start(system, spec)
        wrong = SupervisorSpec(children=[leaf("x"), leaf("x")])
        with pytest.raises(InvalidSpec, match=r"children\[0\] \('pool'\)\.children\[1\] \('x'\)\.id"):
            top.reconfigure(replace(spec, children=[supervisor_child("pool", wrong)]), timeout=5.0)
        assert facts.all(ChildTerminated) == []
        assert top.count_children().active == 2

    @pytest.mark.dispatchers("thread", "pool")  # its actors hold up their thread
    def test_requests_are_answered_while_a_child_takes_its_time_to_stop(
        self, system: ActorSystem, clock: ManualClock
    ) -> None:
        opened = threading.Event()
        spec = SupervisorSpec(children=[leaf("a"), leaf("slow", start=Start(Gate, (opened,)))])
        top = SupervisorHandle.start(system, spec)
        results: list[Reconfigured] = []
        asker = threading.Thread(target=lambda: results.append(top.reconfigure(replace(spec, children=[leaf("a")]))))
        asker.start()
        while top.which_children()[0].state != "stopping":
            assert asker.is_alive()
        assert top.count_children().specs == 2
        opened.set()
        asker.join(5.0)
        assert results == [Reconfigured(kept=("a",), removed=("slow",))]

    def test_a_supervisor_from_a_start_function_follows_what_the_function_gives_now(self, system: ActorSystem) -> None:
        start = Start("tests.supervision.test_reconfigure_real:pool", (["x", "y"],))
        child = ChildSpec(id="pool", start=start, type=ChildType.SUPERVISOR)
        spec = SupervisorSpec(children=[child])
        top = SupervisorHandle.start(system, spec)
        pool = SupervisorHandle(ref_of(top, "pool"))
        x = ref_of(pool, "x")
        result = top.reconfigure(replace(spec, children=[replace(child, start=replace(start, args=(["x"],)))]))
        assert result == Reconfigured(inside={"pool": Reconfigured(kept=("x",), removed=("y",))})
        assert ref_of(pool, "x") is x

        refused = top.reconfigure(replace(spec, children=[replace(child, start=replace(start, args=("?",)))]))
        assert refused == Reconfigured(refused={"pool": "expected a list of ids, got '?'"})
        assert top.get_childspec("pool").start.args == (["x"],)

        other = Start("tests.supervision.test_reconfigure_real:no_pool")
        assert top.reconfigure(replace(spec, children=[replace(child, start=other)])).restarted == ("pool",)
        assert pool.ref.ask("hello") == "hello"


def pool(ids: object) -> Start:
    if not isinstance(ids, list):
        raise ValueError(f"expected a list of ids, got {ids!r}")
    from regrow.supervision import Supervisor

    return Start(Supervisor, (SupervisorSpec(children=[leaf(one) for one in ids]),))


def no_pool() -> Start:
    return Start(Puppet)


HOSTED = """
[tree]
[[tree.child]]
id = "pool"
type = "supervisor"
isolation = "process"
  [[tree.child.child]]
  id = "x"
  start = "regrow.actors.testing:Puppet"
  [[tree.child.child]]
  id = "y"
  start = "regrow.actors.testing:Puppet"
"""


@pytest.mark.system
class TestInOtherProcesses:
    @pytest.fixture
    def system(self) -> Iterator[ActorSystem]:
        system = ActorSystem("test")
        yield system
        assert system.shutdown(10.0) == ()

    def test_a_tree_of_a_policy_in_a_process_of_its_own_stays_where_it_is(self, system: ActorSystem) -> None:
        top = SupervisorHandle.start(system, parse_policy(HOSTED).tree())
        pool = SupervisorHandle(ref_of(top, "pool"))
        pid, x = pool.ref.pid, ref_of(pool, "x").urn
        assert pid not in {None, os.getpid()}
        rules = (
            '[policy."root/pool/x"]\nrestart = "transient"\n[policy."root/pool"]\nintensity = { max_restarts = 9 }\n'
        )
        text = HOSTED.replace('id = "y"', 'id = "z"') + rules
        result = top.reconfigure(parse_policy(text).tree(), timeout=30.0)
        assert result == Reconfigured(
            inside={"pool": Reconfigured(own=("intensity",), changed=("x",), added=("z",), removed=("y",))}
        )
        assert pool.ref.pid == pid
        assert ref_of(pool, "x").urn == x
        assert pool.get_childspec("x").restart is Restart.TRANSIENT
        assert top.reconfigure(parse_policy(text).tree(), timeout=30.0).unchanged
        again = top.reconfigure(parse_policy(HOSTED).tree(), timeout=30.0)
        assert again.inside["pool"].removed == ("z",)
        assert pool.ref.pid == pid

    def test_a_spec_that_was_sent_to_another_process_is_followed_there(self, system: ActorSystem) -> None:
        puppet = Start("regrow.actors.testing:Puppet")
        inner = SupervisorSpec(children=[ChildSpec(id="x", start=puppet), ChildSpec(id="y", start=puppet)])
        spec = SupervisorSpec(children=[supervisor_child("inner", inner, isolation=Isolation.PROCESS)])
        top = SupervisorHandle.start(system, spec)
        pid = ref_of(top, "inner").pid
        less = replace(inner, children=inner.children[:1])
        changed = replace(spec, children=[supervisor_child("inner", less, isolation=Isolation.PROCESS)])
        result = top.reconfigure(changed, timeout=30.0)
        assert result == Reconfigured(inside={"inner": Reconfigured(kept=("x",), removed=("y",))})
        assert ref_of(top, "inner").pid == pid
