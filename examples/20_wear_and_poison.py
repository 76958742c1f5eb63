"""A process that leaks is replaced before it is killed for it; a message that kills is refused after its third victim.

Run it: python examples/20_wear_and_poison.py
"""

import logging
import os
import queue

from regrow import Actor, ActorRef, ActorSystem, ChildSpec, Isolation, Limits, Start, SupervisorHandle, SupervisorSpec
from regrow.actors import ActorDeadError, ActorStarted
from regrow.actors.hosting import MessageQuarantined, ProcessReplaced, Quarantined
from regrow.supervision import NO_BACKOFF, RestartIntensity


class Parser(Actor):
    """Parses in a process of its own. Some input is too much for the C library that it uses."""

    def on_receive(self, message: str) -> object:
        if "\0" in message:
            os.abort()
        return os.getpid()


def poison(parser: ActorRef, lives: "queue.SimpleQueue[object]") -> int:
    """Send it what it dies of, as often as it is taken; give how often that was."""
    deaths = 0
    while True:
        try:
            parser.ask("\0", timeout=10)
        except ActorDeadError:
            deaths += 1
            lives.get(timeout=10)
        except Quarantined:
            return deaths


def main() -> None:
    logging.disable(logging.ERROR)
    limits = Limits(max_messages=100, deaths_before_quarantine=3)
    child = ChildSpec(id="parser", start=Start(Parser), isolation=Isolation.PROCESS, name="parser", limits=limits)
    spec = SupervisorSpec(name="root", children=[child], intensity=RestartIntensity(10, 60.0), backoff=NO_BACKOFF)
    with ActorSystem() as system:
        replaced: queue.SimpleQueue[object] = queue.SimpleQueue()
        lives: queue.SimpleQueue[object] = queue.SimpleQueue()
        held: queue.SimpleQueue[object] = queue.SimpleQueue()
        system.bus.subscribe(replaced.put, ProcessReplaced)
        system.bus.subscribe(held.put, MessageQuarantined)
        supervisor = SupervisorHandle.start(system, spec)
        parser = system.whereis("parser")
        assert parser is not None

        pids = set()
        while replaced.empty():
            pids.add(parser.ask("line", timeout=10))
        print("processes that answered:", len({*pids, parser.ask("line", timeout=10)}))
        print("restarts:", restarts(supervisor))

        system.bus.subscribe(lives.put, ActorStarted)
        print("deaths of one message:", poison(parser, lives))
        held.get(timeout=10)
        parser.ask("another line", timeout=10)
        print("restarts:", restarts(supervisor))
        supervisor.stop(timeout=10)


def restarts(supervisor: SupervisorHandle) -> int:
    return sum(child.restarts for child in supervisor.which_children())


if __name__ == "__main__":
    main()
