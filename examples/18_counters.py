"""Counters that several processes add to: read without asking anybody, and right whoever is killed.

Run it: python examples/18_counters.py
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from regrow import Actor, ActorRef, ActorSystem, ChildSpec, Isolation, Start, SupervisorHandle, SupervisorSpec
from regrow.actors import Counters

WORKERS = 3


class Worker(Actor):
    """Lives in a process of its own. It never reports: who wants to know how far it is looks at the counters."""

    def __init__(self, counters: Counters) -> None:
        super().__init__()
        self.counters = counters

    def on_receive(self, message: object) -> None:
        for _ in range(1_000):
            self.counters.add("rows")
        self.counters.add("jobs")
        if message == "the last one":
            os.kill(os.getpid(), signal.SIGKILL)  # no time to say anything


@contextmanager
def workers(system: ActorSystem, counters: Counters) -> Iterator[list[ActorRef]]:
    start, names = Start(Worker, (counters,)), [f"worker-{number}" for number in range(WORKERS)]
    children = [ChildSpec(id=name, name=name, start=start, isolation=Isolation.PROCESS) for name in names]
    supervisor = SupervisorHandle.start(system, SupervisorSpec(name="root", children=children))
    yield [system.named(name) for name in names]
    supervisor.stop(timeout=10)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)


def main() -> None:
    with ActorSystem() as system, Counters("jobs", "rows") as counters, workers(system, counters) as refs:
        for ref in refs:
            ref.tell("a job")
        wait_until(lambda: counters.read()["jobs"] == WORKERS)
        print("done:              ", dict(counters.read()))

        refs[0].tell("the last one")
        wait_until(lambda: refs[0].incarnation == 2)
        print("with who was shot: ", dict(counters.read()))

        refs[0].ask("a job", timeout=10)
        print("with who came next:", dict(counters.read()))


if __name__ == "__main__":
    main()
