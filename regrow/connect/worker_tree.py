"""The supervision tree of a worker, as child specs and one strategy word.

    worker (rest_for_one)            main process
    ├── logger_proxy
    ├── executor                     the dispatcher of functions
    ├── pool (one_for_one)           executor-0, executor-1, ...  [process]
    └── link [process]               added last, because it is told who the executor is

A dispatcher that crashes takes pool and link along: what ran is lost then, and the next link's Connect says so to the
gateway, which delivers it again.

What lives here: the specs. What must not: starting anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from regrow.actors import ActorRef, ActorSystem, ChildSpec, ChildType, Grace, Isolation, Limits, Start
from regrow.actors.roles.executor.actor import LINK, Executor, ExecutorPlan
from regrow.actors.roles.executor.process import SLOT_TARGET, slot_name
from regrow.actors.roles.logger_proxy import LoggerProxy
from regrow.connect.worker_link import LINK_TARGET, LinkConfig
from regrow.supervision import Backoff, RestartIntensity, Strategy, SupervisorSpec
from regrow.supervision.supervisor import Supervisor

__all__ = ("EXECUTOR", "LINK", "LOGGER_PROXY", "POOL", "ROOT", "TreeOptions", "link_child", "worker_tree")

ROOT: Final = "worker"
LOGGER_PROXY: Final = "logger_proxy"
EXECUTOR: Final = "executor"
POOL: Final = "pool"

_SLOT_SECONDS: Final = 0.25
"""For a process that runs functions to end in. What still runs is lost then, and one slot is ended after the other, so
those that hold the GIL and cannot hear must not hold up the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeOptions:
    """How the tree restarts. `nice`: of the processes that run functions, so that the link gets the core first.

    `stopped_seconds`: how long any of the processes may be stopped by a signal before it is replaced.
    """

    intensity: RestartIntensity = RestartIntensity(20, 60.0)
    backoff: Backoff = Backoff(reset_after=5.0)
    nice: int = 5
    memory_bytes: int | None = None  # that each of the processes that run functions may use
    stopped_seconds: float | None = 2.0


def worker_tree(plan: ExecutorPlan, logger: object | None, options: TreeOptions, system: ActorSystem) -> SupervisorSpec:
    """Give the root, but for the link."""
    children = [
        ChildSpec(id=LOGGER_PROXY, name=LOGGER_PROXY, start=Start(LoggerProxy, (logger,)), shutdown=Grace(1.0)),
        ChildSpec(id=EXECUTOR, name=EXECUTOR, start=Start(Executor, (plan,)), shutdown=Grace(2.0)),
    ]
    slots = [index for index, kind in plan.slots if kind == "process"]
    if slots:
        children.append(_pool_child(plan, slots, options, system))
    return SupervisorSpec(
        strategy=Strategy.REST_FOR_ONE,
        children=children,
        intensity=options.intensity,
        backoff=options.backoff,
        name=ROOT,
    )


def link_child(config: LinkConfig, executor: ActorRef, options: TreeOptions) -> ChildSpec:
    """Give the link."""
    return ChildSpec(
        id=LINK,
        name=LINK,
        start=Start(LINK_TARGET, (config, executor)),
        type=ChildType.SUPERVISOR,
        isolation=Isolation.PROCESS,
        shutdown=Grace(4.0),
        start_timeout=15.0,
        limits=Limits(stopped_seconds=options.stopped_seconds),
        backoff=options.backoff,
    )


def _pool_child(plan: ExecutorPlan, slots: list[int], options: TreeOptions, system: ActorSystem) -> ChildSpec:
    def pool_start() -> Start:
        executor = system.whereis(EXECUTOR)
        if executor is None:
            raise LookupError("pool: expected the executor to live, rest_for_one starts it first")
        return Start(Supervisor, (_pool_spec(plan, slots, executor, options),))

    return ChildSpec(
        id=POOL,
        start=Start(pool_start),
        type=ChildType.SUPERVISOR,
        shutdown=Grace(1.0 + 2 * _SLOT_SECONDS * len(slots)),
        start_timeout=10.0 + 10.0 * len(slots),
    )


def _pool_spec(plan: ExecutorPlan, slots: list[int], executor: ActorRef, options: TreeOptions) -> SupervisorSpec:
    return SupervisorSpec(
        strategy=Strategy.ONE_FOR_ONE,
        children=tuple(
            ChildSpec(
                id=slot_name(index),
                name=slot_name(index),
                start=Start(SLOT_TARGET, (index, executor, plan.log_level)),
                isolation=Isolation.PROCESS,
                shutdown=Grace(_SLOT_SECONDS),
                limits=Limits(
                    nice=options.nice,
                    memory_bytes=options.memory_bytes,
                    stopped_seconds=options.stopped_seconds,
                    busy_limit=None,  # a function may hold the GIL for as long as its own deadline lets it
                ),
                # A function that kills its process is no fault of the pool: the waits grow, slot by slot, and the pool
                # stays. A request that does it again and again is quarantined by the executor.
                backoff=Backoff(base=0.1, cap=10.0, reset_after=1.0),
            )
            for index in slots
        ),
        # Reached only when slots die faster than their backoff lets them, so something else is wrong than a function.
        intensity=RestartIntensity(max(20, 10 * len(slots)), 10.0),
        name=POOL,
    )
