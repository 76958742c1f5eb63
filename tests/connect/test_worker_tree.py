"""The tree of a worker as a value: who gets the processor first."""

from __future__ import annotations

from typing import cast

from regrow.actors import Actor, ActorRef, ActorSystem, SpawnOptions, Start
from regrow.actors.roles.executor import ExecutorSettings
from regrow.actors.roles.executor.actor import ExecutorPlan
from regrow.actors.roles.messages import FunctionTarget
from regrow.connect.worker_link import LinkConfig
from regrow.connect.worker_tree import EXECUTOR, POOL, TreeOptions, link_child, worker_tree
from regrow.supervision import SupervisorSpec


def pool_of(system: ActorSystem, options: TreeOptions) -> SupervisorSpec:
    plan = ExecutorPlan(settings=ExecutorSettings(capacity=2), functions={"f": FunctionTarget(name="f", target="m:f")})
    (pool,) = (child for child in worker_tree(plan, None, options, system).children if child.id == POOL)
    start = cast("Start", pool.start.target())  # type: ignore[operator]
    return cast("SupervisorSpec", start.args[0])


def test_processes_that_run_functions_are_nicer_than_the_link() -> None:
    with ActorSystem() as system:
        executor: ActorRef = system.spawn(Actor, options=SpawnOptions(name=EXECUTOR))
        config = LinkConfig(
            urls=("ws://gateway",),
            tokens=("",),
            instance="i",
            name="n",
            functions=("f",),
            capacity=2,
            outbox_path="",
            outbox_max_bytes=0,
            executor_silence=1.0,
        )
        link = link_child(config, executor, TreeOptions())
        niceness = [child.limits.nice for child in pool_of(system, TreeOptions()).children]
        assert niceness == [5, 5]
        assert link.limits.nice == 0
        assert [child.limits.nice for child in pool_of(system, TreeOptions(nice=9)).children] == [9, 9]
