"""Messages that go to the method for their type, and calls whose arguments and answers a type checker knows.

python examples/11_handlers_and_calls.py
"""

from __future__ import annotations

from dataclasses import dataclass

from regrow.actors import Actor, ActorSystem, ask_call, call, handles, tell_call, typed_proxy


@dataclass(frozen=True, slots=True)
class Deposit:
    amount: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    amount: int


class Account(Actor):
    def __init__(self) -> None:
        self.balance = 0

    @handles(Deposit)
    def on_deposit(self, message: Deposit) -> int:
        self.balance += message.amount
        return self.balance

    @handles(Withdraw)
    def on_withdraw(self, message: Withdraw) -> int:
        return self.on_deposit(Deposit(-message.amount))

    def interest(self, percent: float) -> float:
        return self.balance * percent / 100


def main() -> None:
    with ActorSystem() as system:
        account = system.spawn(Account)
        print("deposit:", account.ask(Deposit(100)))
        print("withdraw:", account.ask(Withdraw(30)))

        print("call:", ask_call(account, Account.interest, 10.0))  # a float, for the type checker too
        print("future:", call(account, Account.interest, percent=20.0).get(timeout=1.0))
        tell_call(account, Account.on_deposit, Deposit(30))
        print("proxy:", typed_proxy(account, timeout=1.0).ask(Account.interest, 50.0))

    try:

        class Sloppy(Actor):  # pyright: ignore[reportUnusedClass]
            @handles(Deposit)  # type: ignore[arg-type]
            def on_deposit(self, message: Withdraw) -> None:
                """Take the wrong thing."""

    except TypeError as error:
        print(error)


if __name__ == "__main__":
    main()
