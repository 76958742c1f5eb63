"""The actors of tree.toml, which says where each of them lives and how it is looked after."""

import regrow
from regrow import Actor, ActorRef


class Pricing(Actor):
    """Computes prices, in a process of its own."""

    def on_receive(self, message: object) -> object:
        match message:
            case ("price", int(sold)):
                return round(1.0 + sold * 0.1, 2)
        raise ValueError(f"expected ('price', int), got {message!r}")


class Shelf(Actor):
    """Keeps what can be sold."""

    def __init__(self, apples: int) -> None:
        self.apples = apples

    def on_receive(self, message: object) -> object:
        self.apples -= 1
        return self.apples


class Till(Actor):
    """Sells an apple now and then, and jams at every fifth: its supervisor starts another one, the rest goes on."""

    def __init__(self, pause: float) -> None:
        self.pause = pause
        self.sold = 0

    def on_start(self) -> None:
        self.every(self.pause, "sell")

    def on_receive(self, message: object) -> None:
        left = self.neighbor("shelf").ask("take", timeout=5)
        price = self.neighbor("pricing").ask(("price", self.sold), timeout=5)
        self.sold += 1
        regrow.logger.info("sold an apple for {}, {} are left", price, left)
        if self.sold == 5:
            raise RuntimeError("the drawer is stuck")

    def neighbor(self, name: str) -> ActorRef:
        """Find another part by its name; one that is being restarted just now is not found."""
        ref = self.system.whereis(name)
        if ref is None:
            raise LookupError(f"{name} is not there")
        return ref
