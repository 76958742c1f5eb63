"""A system with hosted processes, and short words for what the tests do with it."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeVar, cast

from hosted_actors import Puppet

from regrow.actors import Actor, ActorRef, ActorSystem, ChildSpec, Isolation, Limits, Start, StartOutcome
from regrow.actors.hosting import HostedRef
from regrow.actors.outcome import StartWaiter

WAIT = 10.0  # seconds; every wait of these tests ends with an event, this is only for when it does not come

T = TypeVar("T")


def settle(true: Callable[[], bool]) -> None:
    """Wait until this is so, for what nobody announces."""
    ticking = threading.Event()
    for _ in range(int(WAIT / 0.01)):
        if true():
            return
        ticking.wait(0.01)
    raise AssertionError(f"expected it within {WAIT} s")


def stop_process(pid: int | None) -> None:
    """Send it a SIGSTOP, and wait until that has stopped it, which is not at once."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    settle(lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")


class Events:
    """Everything a system publishes, in order."""

    def __init__(self, system: ActorSystem) -> None:
        self.seen: list[object] = []
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()
        system.bus.subscribe(self._queue.put)

    def wait(self, kind: type[T], match: Callable[[T], bool] = lambda _event: True) -> T:
        """Give the next event of this type that matches; those before it are passed over."""
        while True:
            event = self._queue.get(timeout=WAIT)
            self.seen.append(event)
            if isinstance(event, kind) and match(event):
                return event

    def all(self) -> list[object]:
        """Give everything up to now."""
        while not self._queue.empty():
            self.seen.append(self._queue.get())
        return self.seen


class Mailbox(Actor):
    """Collects what it is told."""

    def __init__(self, inbox: queue.SimpleQueue[object], trap: bool = False) -> None:
        super().__init__()
        self.inbox = inbox
        self.trap_exit = trap

    def on_receive(self, message: object) -> object:
        if callable(message):
            return message(self)
        self.inbox.put(message)
        return ("got", message)


class Bench:
    """A system and short words for what the tests do with it."""

    def __init__(self, launcher: Literal["exec", "zygote"]) -> None:
        self.system = ActorSystem("test")
        self.events = Events(self.system)
        self.launcher = launcher

    def spec(self, *args: object, target: object = Puppet, **options: object) -> ChildSpec:
        kwargs = cast("dict[str, object]", options.pop("kwargs", {}))
        limits = cast("Limits", options.pop("limits", Limits()))
        timeout = cast("float", options.pop("start_timeout", WAIT))
        assert not options
        return ChildSpec(
            id="puppet",
            start=Start(target, args, kwargs),  # type: ignore[arg-type]
            isolation=Isolation.PROCESS,
            launcher=self.launcher,
            limits=limits,
            start_timeout=timeout,
        )

    def begin(
        self, spec: ChildSpec, *, parent: ActorRef | None = None, ref: ActorRef | None = None
    ) -> queue.SimpleQueue[StartOutcome]:
        outcomes: queue.SimpleQueue[StartOutcome] = queue.SimpleQueue()
        self.system.begin(spec, parent=parent, ref=ref, on_outcome=outcomes.put)
        return outcomes

    def outcome(self, *args: object, parent: ActorRef | None = None, **options: object) -> StartOutcome:
        return self.begin(self.spec(*args, **options), parent=parent).get(timeout=WAIT)

    def start(self, *args: object, parent: ActorRef | None = None, **options: object) -> HostedRef:
        waiter = StartWaiter()
        self.system.begin(self.spec(*args, **options), parent=parent, ref=None, on_outcome=waiter)
        return cast("HostedRef", waiter.wait())

    def look(self, ref: HostedRef) -> None:
        """Have its memory looked at now, and wait for that."""
        assert ref.process is not None
        assert self.system.hosting.loop.run(ref.process.upkeep.look, WAIT)

    def mailbox(self, *, trap: bool = False) -> tuple[ActorRef, queue.SimpleQueue[object]]:
        inbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        return self.system.spawn(Mailbox, inbox, trap), inbox
