"""Data that every process finds at its start, in all generations: set once, and never passed on by hand.

Run it: python examples/19_environment_data.py
"""

from regrow import Actor, ActorSystem, ChildSpec, Isolation, Start, SupervisorHandle, SupervisorSpec


class Printer(Actor):
    """Lives in a process of its own, begun by the shop. Nobody has told either of them where they are."""

    def on_receive(self, message: object) -> object:
        site = self.system.environment_data["site"]
        return f"{message} in {site}"


def hosted(name: str, start: Start) -> ChildSpec:
    return ChildSpec(id=name, name=name, start=start, isolation=Isolation.PROCESS)


class Shop(Actor):
    """Lives in a process, too, and has one below it."""

    def on_start(self) -> None:
        self.below = SupervisorHandle.start(self.system, SupervisorSpec(children=[hosted("printer", Start(Printer))]))

    def on_receive(self, message: object) -> object:
        printer = self.system.whereis("printer")
        return None if printer is None else printer.ask(message, timeout=10)


def main() -> None:
    with ActorSystem() as system:
        system.environment_data["site"] = "Paris"
        supervisor = SupervisorHandle.start(system, SupervisorSpec(children=[hosted("shop", Start(Shop))]))
        shop = system.named("shop")
        print(shop.ask("started", timeout=10))

        system.environment_data["site"] = "London"
        print(shop.ask("still", timeout=10))

        supervisor.terminate_child("shop")
        supervisor.restart_child("shop")
        print(shop.ask("restarted", timeout=10))
        supervisor.stop(timeout=10)


if __name__ == "__main__":
    main()
