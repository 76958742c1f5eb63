"""A program written for pykka: the import has changed, the rest is as it was. Then, what it can do now.

python examples/12_moved_from_pykka.py
"""

from __future__ import annotations

from typing import Any

from regrow.actors import ChildSpec, Start, default_system
from regrow.actors import compat as pykka
from regrow.supervision import NO_BACKOFF, ChildStarted, SupervisorHandle, SupervisorSpec


class Greeter(pykka.ThreadingActor):
    def __init__(self, greeting: str = "Hello") -> None:
        super().__init__()
        self.name = greeting
        self.greeted = 0

    def on_receive(self, message: Any) -> Any:
        if message == "fail":
            raise ValueError("failed as told")
        return f"{self.name}, {message}!"

    def greet(self, whom: str) -> str:
        self.greeted += 1
        return f"{self.name}, {whom}! ({self.greeted})"


def as_before() -> None:
    greeter = Greeter.start(greeting="Hi")
    print(greeter.ask("Ann"))
    proxy = greeter.proxy()
    print(pykka.get_all([proxy.greet("Bob"), proxy.greet("Cid")]))
    try:
        greeter.ask("fail")
    except ValueError as error:
        print("the asker gets it:", error)
    print("it lives on:", greeter.ask("Dan"))
    pykka.ActorRegistry.stop_all()


class LetItCrash(Greeter):
    crash_on_ask = True  # one of pykka's rules less


def from_now_on() -> None:
    spec = SupervisorSpec(children=[ChildSpec(id="greeter", start=Start(LetItCrash))], backoff=NO_BACKOFF)
    lives = default_system().bus.collect(ChildStarted)
    handle = SupervisorHandle.start(default_system(), spec)
    lives.get(timeout=5)
    info = handle.which_child("greeter")
    ref = None if info is None else info.ref
    assert ref is not None
    proxy = ref.proxy()
    print(proxy.greet("Eve").get())
    try:
        ref.ask("fail")
    except ValueError as error:
        print("it ends, and is restarted:", error)
    lives.get(timeout=5)
    print("the same proxy, in life", ref.incarnation, "of the actor:", proxy.greet("Eve").get())
    handle.stop()


if __name__ == "__main__":
    as_before()
    from_now_on()
    default_system().shutdown()
