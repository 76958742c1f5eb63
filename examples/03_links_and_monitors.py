"""Two ways to hear of a death: a link shares fate, a monitor only tells.

Run it: python examples/03_links_and_monitors.py
"""

from regrow import Actor, ActorRef, ActorSystem
from regrow.actors import ActorExited, Down, Exit


class Worker(Actor):
    """Dies of its first message."""

    def on_receive(self, message: object) -> object:
        raise RuntimeError(str(message))


class Partner(Actor):
    """Linked to a worker: without trap_exit it dies of the same reason."""

    def __init__(self, worker: ActorRef, *, trap: bool) -> None:
        self.worker = worker
        self.trap_exit = trap

    def on_start(self) -> None:
        self.link(self.worker)

    def on_receive(self, message: object) -> None:
        if isinstance(message, Exit) and message.sender is not None:
            self.system.bus.publish(f"the partner that traps exits: {message.sender.name} ended: {message.reason}")


class Watcher(Actor):
    """Monitors a worker: gets exactly one Down, and at once if there is nobody to watch."""

    def __init__(self, worker: ActorRef) -> None:
        self.worker = worker

    def on_start(self) -> None:
        self.monitor(self.worker)

    def on_receive(self, message: object) -> None:
        if isinstance(message, Down):
            self.system.bus.publish(f"the watcher: {message.ref.name} is down: {message.reason}")


def main() -> None:
    with ActorSystem() as system:
        facts = system.bus.collect(ActorExited, str)  # what the actors publish, so that one thread prints it
        worker = system.spawn(Worker)
        fragile = system.spawn(Partner, worker, trap=False)
        robust = system.spawn(Partner, worker, trap=True)
        system.spawn(Watcher, worker)

        print("the worker crashes:")
        worker.tell("out of ideas")
        ended: set[ActorRef] = set()
        told: list[str] = []
        while len(ended) < 2 or len(told) < 2:
            match facts.get(timeout=5):
                case ActorExited(ref=ref):
                    ended.add(ref)
                case str(text):
                    told.append(text)
        print("  " + "\n  ".join(sorted(told)))
        assert ended == {worker, fragile}
        assert robust.is_alive()
        print("  the other partner died with it")

        print("a monitor on the dead answers at once:")
        system.spawn(Watcher, worker)
        while not isinstance(fact := facts.get(timeout=5), str):
            pass
        print("  " + fact)


if __name__ == "__main__":
    main()
