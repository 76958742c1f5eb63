"""Two actors in processes of their own talk through a port; the process that hosts them carries none of it.

Run it: python examples/16_ports.py
"""

from regrow import Actor, ActorSystem, ChildSpec, Isolation, Start, SupervisorHandle, SupervisorSpec
from regrow.actors import Port, PortClosed, PortMessage, ReplyHandle
from regrow.protocol.exits import Shutdown


class Counter(Actor):
    """Lives in a process of its own, and counts the words of what comes through its port."""

    def on_receive(self, message: object) -> None:
        match message:
            case Port() as port:
                port.open(self.ref)
            case PortMessage(port, ""):
                port.close(Shutdown("an empty line"))
            case PortMessage(port, str(line)):
                port.tell((line, len(line.split())))


class Reader(Actor):
    """Lives in another one, and has its lines counted there."""

    port: Port
    answer: ReplyHandle

    def on_receive(self, message: object) -> None:
        match message:
            case Port() as port:
                self.port = port
                port.open(self.ref)
            case ("count", str(line)):
                self.answer = self.defer_reply()
                self.port.tell(line)
            case PortMessage(_, (line, words)):
                self.answer.set(f"{words} words in {line!r}")
            case PortClosed(_, reason):
                self.answer.set(str(reason))


def main() -> None:
    with ActorSystem() as system:
        specs = [
            ChildSpec(id=kind.__name__, start=Start(kind), isolation=Isolation.PROCESS, name=kind.__name__)
            for kind in (Counter, Reader)
        ]
        supervisor = SupervisorHandle.start(system, SupervisorSpec(name="root", children=specs))
        counter, reader = system.whereis("Counter"), system.whereis("Reader")
        assert counter is not None
        assert reader is not None

        first, second = Port.pair()
        counter.tell(first)
        reader.tell(second)
        print("used up here:", first.closed, second.closed)
        print("counted:     ", reader.ask(("count", "let it crash"), timeout=5))
        print("counted:     ", reader.ask(("count", "and start it again"), timeout=5))
        print("closed:      ", reader.ask(("count", ""), timeout=5))
        supervisor.stop(timeout=10)


if __name__ == "__main__":
    main()
