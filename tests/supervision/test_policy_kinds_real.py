"""Trees of policy files with dynamic, partition and task supervisors, running, and following their changed files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regrow.actors import Actor, ActorSystem, Restart
from regrow.supervision import (
    ChildTerminated,
    DynamicSupervisorHandle,
    MaxChildren,
    PartitionHandle,
    Reconfigured,
    SupervisorHandle,
    SupervisorReconfigured,
    SupervisorSpec,
    TaskSupervisorHandle,
)
from regrow.supervision.policy import parse_policy
from tests.supervision.facts import Facts
from tests.supervision.trees import ref_of

HERE = "tests.supervision.test_policy_kinds_real"


class Echo(Actor):
    """Says what it was started with."""

    def __init__(self, *args: object) -> None:
        self.args = args

    def on_receive(self, message: object) -> object:
        return self.args


def numbered(args: tuple[object, ...], partition: int) -> tuple[object, ...]:
    return (*args, partition)


CROWD = f"""
[tree]
[[tree.child]]
id = "crowd"
type = "dynamic_supervisor"
max_children = 2
extra_arguments = ["first"]
  [tree.child.template]
  id = "one"
  start = "{HERE}:Echo"
  args = ["of all"]
"""
PARTS = f"""
[tree]
[[tree.child]]
id = "parts"
type = "partition_supervisor"
name = "carts"
partitions = 3
with_arguments = "{HERE}:numbered"
  [tree.child.template]
  id = "part"
  start = "{HERE}:Echo"
  args = ["x"]
"""
TASKS = '[tree]\n[[tree.child]]\nid = "tasks"\ntype = "task_supervisor"\nname = "tasks"\nmax_children = 1\n'


def tree(text: str) -> SupervisorSpec:
    return parse_policy(text).tree()


class TestInThisProcess:
    def test_a_dynamic_supervisor_follows_its_file_and_keeps_its_children(
        self, system: ActorSystem, facts: Facts
    ) -> None:
        top = SupervisorHandle.start(system, tree(CROWD))
        crowd = DynamicSupervisorHandle(ref_of(top, "crowd"))
        started = [crowd.start_child_with(number).ref for number in range(2)]
        first, second = started
        assert first is not None
        assert second is not None
        assert first.ask("?", timeout=5.0) == ("first", "of all", 0)
        with pytest.raises(MaxChildren):
            crowd.start_child_with(2)

        text = CROWD.replace("max_children = 2", "max_children = 3").replace('"of all"', '"of some"')
        rules = '[policy."root/crowd/one"]\nrestart = "transient"\n'
        result = top.reconfigure(tree(text + rules), timeout=5.0)
        assert result == Reconfigured(inside={"crowd": Reconfigured(own=("max_children", "template"))})
        assert [event.supervisor for event in facts.all(SupervisorReconfigured)] == ["root/crowd", "root"]
        assert facts.all(ChildTerminated) == []
        third = crowd.start_child_with(2).ref
        assert third is not None
        assert third.ask("?", timeout=5.0) == ("first", "of some", 2)
        assert crowd.get_childspec(first).restart is Restart.TRANSIENT
        first.kill()
        facts.wait(ChildTerminated)
        assert [event.supervisor for event in facts.all(ChildTerminated)] == ["root/crowd"]
        assert second.is_alive()
        assert top.reconfigure(tree(text + rules), timeout=5.0).unchanged

    def test_one_that_loses_its_template_has_a_new_life(self, system: ActorSystem) -> None:
        top = SupervisorHandle.start(system, tree(CROWD))
        bare = CROWD[: CROWD.index("  [tree.child.template]")]
        assert top.reconfigure(tree(bare), timeout=5.0) == Reconfigured(restarted=("crowd",))
        assert DynamicSupervisorHandle(ref_of(top, "crowd")).count_children().specs == 0

    def test_partitions_are_those_of_the_file(self, system: ActorSystem) -> None:
        top = SupervisorHandle.start(system, tree(PARTS))
        parts = PartitionHandle(system, "carts")
        assert [parts.route(key).ask("?", timeout=5.0) for key in range(3)] == [("x", 0), ("x", 1), ("x", 2)]
        assert top.reconfigure(tree(PARTS), timeout=5.0).unchanged
        rule = '[policy."root/parts"]\npartitions = 2\nchild_backoff = { base = "1s" }\n'
        assert top.reconfigure(tree(PARTS + rule), timeout=5.0) == Reconfigured(
            inside={"parts": Reconfigured(own=("backoff",), kept=("0", "1"), removed=("2",))}
        )
        assert parts.partitions() == 2

    def test_tasks_are_begun_by_the_name_of_their_supervisor(self, system: ActorSystem) -> None:
        SupervisorHandle.start(system, tree(TASKS))
        tasks = TaskSupervisorHandle.named(system, "tasks")
        assert tasks.async_nolink(len, "four").result(timeout=5.0) == 4


@pytest.mark.system
class TestInOtherProcesses:
    @pytest.fixture
    def system(self) -> Iterator[ActorSystem]:
        system = ActorSystem("test")
        yield system
        assert system.shutdown(10.0) == ()

    def test_a_dynamic_supervisor_follows_its_file_there_too(self, system: ActorSystem) -> None:
        hosted = CROWD.replace('id = "crowd"', 'id = "crowd"\nisolation = "process"')
        top = SupervisorHandle.start(system, tree(hosted))
        crowd = DynamicSupervisorHandle(ref_of(top, "crowd"))
        pid, one = crowd.ref.pid, crowd.start_child_with(0).ref
        assert one is not None
        assert one.ask("?", timeout=5.0) == ("first", "of all", 0)
        rules = '[policy."root/crowd"]\nmax_children = 1\n[policy."root/crowd/one"]\nrestart = "transient"\n'
        result = top.reconfigure(tree(hosted + rules), timeout=30.0)
        assert result == Reconfigured(inside={"crowd": Reconfigured(own=("max_children", "template"))})
        assert crowd.ref.pid == pid
        assert one.ask("?", timeout=5.0) == ("first", "of all", 0)
        with pytest.raises(MaxChildren):
            crowd.start_child_with(1)

    def test_partitions_may_live_in_processes_of_their_own(self, system: ActorSystem) -> None:
        hosted = PARTS.replace('id = "part"', 'id = "part"\n  isolation = "process"').replace("= 3", "= 2")
        SupervisorHandle.start(system, tree(hosted))
        parts = PartitionHandle(system, "carts")
        assert [parts.route(key).ask("?", timeout=10.0) for key in range(2)] == [("x", 0), ("x", 1)]
        assert len({parts.route(key).pid for key in range(2)}) == 2

    def test_a_supervisor_in_another_process_may_have_all_of_them_below_it(self, system: ActorSystem) -> None:
        nested = "".join(text.replace("[tree]\n", "") for text in (CROWD, PARTS))
        nested = nested.replace("[tree.child.", "[tree.child.child.").replace("[[tree.child]]", "[[tree.child.child]]")
        head = '[tree]\n[[tree.child]]\nid = "all"\ntype = "supervisor"\nisolation = "process"\n'
        top = SupervisorHandle.start(system, tree(head + nested))
        inner = SupervisorHandle(ref_of(top, "all"))
        crowd = DynamicSupervisorHandle(ref_of(inner, "crowd"))
        one = crowd.start_child_with(7).ref
        assert one is not None
        assert one.ask("?", timeout=5.0) == ("first", "of all", 7)
        assert SupervisorHandle(ref_of(inner, "parts")).count_children().active == 3
        rule = '[policy."root/all/*"]\nmax_children = 9\npartitions = 2\n'
        result = top.reconfigure(tree(head + nested + rule), timeout=30.0)
        assert result.inside["all"].inside["crowd"] == Reconfigured(own=("max_children",))
        assert result.inside["all"].inside["parts"] == Reconfigured(kept=("0", "1"), removed=("2",))
        assert one.is_alive()
