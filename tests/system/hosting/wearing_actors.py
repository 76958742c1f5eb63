"""Actors whose processes are replaced, and that would tell if two of them ran at once. No test in here."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from hosted_actors import Order

from regrow.actors import Actor, ActorRef, Start
from regrow.protocol.exits import ExitReason


class Wearing(Actor):
    """Handles its messages under a lock that all of its processes share, so that none handles one beside another.

    It does not start while the file `refuses` exists.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = Path(folder)
        self.handled = 0
        self.kept: list[bytes] = []

    def on_start(self) -> None:
        if (self.folder / "refuses").exists():
            raise RuntimeError("not today")
        if (self.folder / "slow").exists():
            time.sleep(1.0)

    def on_stop(self) -> None:
        with (self.folder / "stopped").open("a") as log:
            log.write(f"{os.getpid()}\n")

    def on_receive(self, message: object) -> object:
        self.handled += 1
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: somebody else handles one
            if isinstance(message, Order):
                return getattr(self, message.what)(message.value)
            return message

    def pid(self, _value: object) -> int:
        return os.getpid()

    def count(self, _value: object) -> int:
        return self.handled

    def forward(self, value: tuple[ActorRef, object]) -> None:
        value[0].tell(value[1])

    def block(self, seconds: float) -> int:
        time.sleep(seconds)
        return os.getpid()

    def wait_for(self, name: str) -> int:
        while not (self.folder / name).exists():
            time.sleep(0.01)
        return os.getpid()

    def grow(self, size: int) -> int:
        self.kept.append(b"x" * size)
        return os.getpid()

    def die(self, code: int) -> None:
        os._exit(code)

    def descriptors(self, _value: object) -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def befriend(self, ref: ActorRef) -> int:
        self.link(ref)
        return os.getpid()


class Asking(Actor):
    """Asks somebody at home before it is ready, and is told things by a timer of its own."""

    def __init__(self, home: ActorRef) -> None:
        super().__init__()
        self.answer = home.ask("who am I?", timeout=10)

    def on_receive(self, message: object) -> object:
        return (self.answer, os.getpid())


class Stubborn(Actor):
    """Takes its time to end."""

    def on_stop_request(self, reason: ExitReason) -> None:
        time.sleep(0.3)
        self.exit(reason)

    def on_receive(self, message: object) -> object:
        return os.getpid()


def tree_start(folder: str) -> Start:
    """A supervision tree for a process of its own."""
    from regrow.actors import ChildSpec
    from regrow.supervision import Supervisor, SupervisorSpec

    leaf = ChildSpec(id="leaf", start=Start(Wearing, (folder,)))
    return Start(Supervisor, (SupervisorSpec(children=(leaf,)),))
