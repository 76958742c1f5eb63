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
        if isinstance(message, Exit):
            print(f"  {self.name}: I trap exits; {message.sender.name} ended: {message.reason}")
            self.system.bus.publish(("told", self.name))


class Watcher(Actor):
    """Monitors a worker: gets exactly one Down, and at once if there is nobody to watch."""

    def __init__(self, worker: ActorRef) -> None:
        self.worker = worker

    def on_start(self) -> None:
        self.monitor(self.worker)

    def on_receive(self, message: object) -> None:
        if isinstance(message, Down):
            print(f"  watcher: {message.ref.name} is down: {message.reason}")
            self.system.bus.publish(("told", self.name))


def main() -> None:
    with ActorSystem() as system:
        facts = system.bus.collect(ActorExited, tuple)
        worker = system.spawn(Worker)
        fragile = system.spawn(Partner, worker, trap=False)
        robust = system.spawn(Partner, worker, trap=True)
        system.spawn(Watcher, worker)

        print("the worker crashes:")
        worker.tell("out of ideas")
        ended, told = set(), 0
        while len(ended) < 2 or told < 2:
            match facts.get(timeout=5):
                case ActorExited(ref=ref):
                    ended.add(ref)
                case ("told", _):
                    told += 1
        assert ended == {worker, fragile}
        assert robust.is_alive()
        print("  the linked partner died with it; the one that traps exits lives")

        print("a monitor on the dead answers at once:")
        system.spawn(Watcher, worker)
        while facts.get(timeout=5) != ("told", "Watcher"):
            pass


if __name__ == "__main__":
    main()
