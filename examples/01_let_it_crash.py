"""Let it crash: a bad message ends the actor, its supervisor starts a fresh one, and the address stays the same.

Run it: python examples/01_let_it_crash.py
"""

from regrow import Actor, ActorSystem, ChildSpec, Start, SupervisorHandle, SupervisorSpec
from regrow.supervision.events import ChildStarted, ChildTerminated


class Account(Actor):
    """Keeps a balance. There is no error handling in it: what goes wrong, goes wrong in a fresh state."""

    def on_start(self) -> None:
        self.balance = 0

    def on_receive(self, message: object) -> object:
        match message:
            case ("deposit", int(amount)):
                self.balance += amount
                return self.balance
            case _:
                raise ValueError(f"expected ('deposit', int), got {message!r}")


def main() -> None:
    with ActorSystem() as system:
        bank = SupervisorHandle.start(
            system,
            SupervisorSpec(name="bank", children=[ChildSpec(id="account", start=Start(Account), name="account")]),
        )
        account = system.whereis("account")
        assert account is not None
        facts = system.bus.collect(ChildTerminated, ChildStarted)

        print("deposit 10:", account.ask(("deposit", 10), timeout=5))
        print("deposit 5: ", account.ask(("deposit", 5), timeout=5))
        try:
            account.ask("nonsense", timeout=5)
        except ValueError as error:
            print("nonsense:   the asker gets the crash:", error)

        while (fact := facts.get(timeout=5)) != ChildStarted(supervisor="bank", child_id="account", life=2, restarts=1):
            print("event:     ", type(fact).__name__)
        print("deposit 1: ", account.ask(("deposit", 1), timeout=5), "(same ref, fresh state)")
        print("lives:     ", account.incarnation)
        bank.stop(timeout=5)


if __name__ == "__main__":
    main()
