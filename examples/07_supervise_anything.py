"""Everything can be a child: a function, a coroutine, an actor written for pykka, a program, copies, and tasks.

Run it: python examples/07_supervise_anything.py
"""

import asyncio
from collections.abc import Callable

import pykka

from regrow import (
    ActorSystem,
    PartitionHandle,
    PartitionSpec,
    SupervisorHandle,
    SupervisorSpec,
    TaskSpec,
    TaskSupervisorHandle,
    supervise,
)
from regrow.actors import StopToken
from regrow.actors.hosting import Command
from regrow.supervision import ChildStarted, TaskDone


def poll(interval: float, stop: StopToken) -> None:
    """A function: it returns when it is told to stop."""
    stop.wait(interval)
    print("poll: told to stop")


async def serve(ready: Callable[[str], None]) -> None:
    """A coroutine: it is ready when it says so, and is cancelled to stop it."""
    await asyncio.sleep(0.01)
    ready("listening")
    try:
        await asyncio.Event().wait()
    finally:
        print("serve: cancelled")


class Counter(pykka.ThreadingActor):
    """An actor that was written for pykka and does not know that it is supervised."""

    count = 0

    def add(self, number: int) -> int:
        self.count += number
        return self.count


def main() -> None:
    with ActorSystem() as system:
        children = [
            supervise(Command(("sleep", "60")), id="program"),
            supervise(PartitionSpec(name="counters", child=supervise(Counter), partitions=4)),
            supervise(TaskSpec(name="tasks", max_children=10)),
            supervise(poll, 60.0, restart="permanent"),
            supervise(serve),
        ]
        top = SupervisorHandle.start(system, SupervisorSpec(children=children))
        print("running:", ", ".join(info.id for info in reversed(top.which_children())))

        counter = PartitionHandle(system, "counters").route(42)
        starts = system.bus.collect(ChildStarted)
        print(counter.name, "counts to", counter.proxy().add(1).get(timeout=5))
        counter.proxy().add.defer("x")  # nobody waits for the answer, so pykka lets the actor crash
        starts.get(timeout=5)
        print(counter.name, "counts to", counter.proxy().add(1).get(timeout=5), "in life", counter.incarnation)

        tasks = TaskSupervisorHandle.named(system, "tasks")
        print("a task:", tasks.async_(sum, [1, 2, 3]).result(timeout=5))
        for outcome in tasks.stream(lambda number: 12 // number, [3, 0, 4], max_concurrency=2):
            print("of a stream:", outcome.value if isinstance(outcome, TaskDone) else outcome.error)
        top.stop(timeout=10)


if __name__ == "__main__":
    main()
