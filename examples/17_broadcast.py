"""The same message for many processes is encoded once, and the same bytes go to each of them.

Run it: python examples/17_broadcast.py
"""

from collections.abc import Iterator
from contextlib import contextmanager

from regrow import Actor, ActorSystem, ChildSpec, Isolation, Start, SupervisorHandle, SupervisorSpec

WORKERS = 4


class Pricing(Actor):
    """Lives in a process of its own, with a copy of the price list."""

    def on_receive(self, message: object) -> object:
        match message:
            case ("prices", dict() as prices):
                self.prices = prices
            case ("price of", str() as item):
                return self.prices[item]
        return None


@contextmanager
def workers(system: ActorSystem) -> Iterator[list[str]]:
    names = [f"pricing-{number}" for number in range(WORKERS)]
    children = [ChildSpec(id=name, name=name, start=Start(Pricing), isolation=Isolation.PROCESS) for name in names]
    supervisor = SupervisorHandle.start(system, SupervisorSpec(name="root", children=children))
    yield names
    supervisor.stop(timeout=10)


def main() -> None:
    with ActorSystem() as system, workers(system) as names:
        refs = [system.named(name) for name in (*names, "pricing-in-paris")]
        prices = {f"item {number}": number / 100 for number in range(20_000)}

        told = system.hosting.broadcast(refs, ("prices", prices))

        print("told:    ", told.sent)
        print("not told:", [str(failure.error) for failure in told.failures])
        print("all know:", {system.named(name).ask(("price of", "item 1999"), timeout=10) for name in names})


if __name__ == "__main__":
    main()
