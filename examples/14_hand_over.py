"""Large data and sockets change hands between processes by descriptor: nothing is copied.

Run it: python examples/14_hand_over.py
"""

import socket

from regrow import Actor, ActorSystem, ChildSpec, Isolation, Start, SupervisorHandle, SupervisorSpec
from regrow.actors import Blob


class Scientist(Actor):
    """Lives in a process of its own."""

    def on_receive(self, message: object) -> object:
        match message:
            case ("brighten", Blob() as picture):
                brighter = Blob.of_size(len(picture))
                brighter.memory()[:] = bytes(min(255, value + 40) for value in picture.memory())
                picture.close()
                return brighter  # is ours from here on
            case ("talk to", socket.socket() as visitor):
                with visitor:
                    visitor.sendall(b"hello, " + visitor.recv(100))
        return None


def main() -> None:
    with ActorSystem() as system:
        spec = ChildSpec(id="scientist", start=Start(Scientist), isolation=Isolation.PROCESS, name="scientist")
        supervisor = SupervisorHandle.start(system, SupervisorSpec(name="root", children=[spec]))
        scientist = system.whereis("scientist")
        assert scientist is not None

        picture = Blob.of_size(100_000)
        picture.memory()[:4] = bytes((0, 100, 200, 250))
        brighter = scientist.ask(("brighten", picture), timeout=5)
        print("gone here:  ", picture.closed)
        print("came back:  ", list(brighter.memory()[:4]), "of", len(brighter))
        brighter.close()

        ours, theirs = socket.socketpair()
        scientist.tell(("talk to", theirs))
        ours.sendall(b"anybody")
        print("was told:   ", ours.recv(100).decode())
        ours.close()
        supervisor.stop(timeout=10)


if __name__ == "__main__":
    main()
