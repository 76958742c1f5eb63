"""An actor in an OS process of its own: same messages, but a crash in C, or a kill, ends only that process.

Run it: python examples/04_hosted_process.py
"""

import ctypes
import os

from regrow import Actor, ActorSystem, ChildSpec, Isolation, Start, SupervisorHandle, SupervisorSpec
from regrow.actors import ActorDeadError, Down
from regrow.protocol.errors import CodecError
from regrow.supervision.events import ChildStarted


class Calculator(Actor):
    """Lives in a process of its own; only plain values reach it."""

    def on_receive(self, message: object) -> object:
        match message:
            case "pid":
                return os.getpid()
            case ("sum", list(numbers)):
                return sum(numbers)
            case "die":
                ctypes.string_at(0)  # reads where nothing is, as a bug in C code does
        return None


class Watcher(Actor):
    """Monitors over the process boundary work like any monitor."""

    def __init__(self, subject_name: str) -> None:
        self.subject_name = subject_name

    def on_start(self) -> None:
        subject = self.system.whereis(self.subject_name)
        assert subject is not None
        self.monitor(subject)

    def on_receive(self, message: object) -> None:
        if isinstance(message, Down):
            self.system.bus.publish(message)


def main() -> None:
    with ActorSystem() as system:
        facts = system.bus.collect(ChildStarted, Down)
        spec = ChildSpec(id="calculator", start=Start(Calculator), isolation=Isolation.PROCESS, name="calculator")
        supervisor = SupervisorHandle.start(system, SupervisorSpec(name="root", children=[spec]))
        calculator = system.whereis("calculator")
        assert calculator is not None
        system.spawn(Watcher, "calculator")

        first = calculator.ask("pid", timeout=5)
        print("another process:", first != os.getpid())
        print("sum:            ", calculator.ask(("sum", [1, 2, 3]), timeout=5))
        try:
            calculator.tell(("sum", [1, {"callback": print}]))
        except CodecError as error:
            print("refused:        ", error)

        try:
            calculator.ask("die", timeout=5)
        except ActorDeadError as error:
            print("asked a dying:  ", error)
        while not isinstance(fact := facts.get(timeout=5), Down):
            pass
        print("monitor:        ", fact.reason)
        while not (isinstance(fact := facts.get(timeout=5), ChildStarted) and fact.life == 2):
            pass
        print("a new process:  ", calculator.ask("pid", timeout=5) != first)
        supervisor.stop(timeout=10)


if __name__ == "__main__":
    main()
