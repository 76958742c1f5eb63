"""A producer goes at the pace of a process that is slower: it awaits what `tell` gives, or asks for room first.

Run it: python examples/15_keep_pace.py
"""

import asyncio
import time

from regrow import Actor, ActorRef, ActorSystem, ChildSpec, Isolation, Start, SupervisorHandle, SupervisorSpec
from regrow.actors import MailboxHigh, MailboxLow


class Press(Actor):
    """Lives in a process of its own, and takes a millisecond for every sheet."""

    def on_receive(self, message: object) -> object:
        if isinstance(message, int):
            time.sleep(0.001)
        return message


async def feed(press: ActorRef, sheets: int) -> int:
    """Give the most that were ever waiting."""
    most = 0
    for sheet in range(sheets):
        await press.tell(sheet)  # at once while there is room, else when half of the window is free again
        most = max(most, press.load())
    return most


def main() -> None:
    with ActorSystem() as system:
        spec = ChildSpec(id="press", start=Start(Press), isolation=Isolation.PROCESS, name="press")
        supervisor = SupervisorHandle.start(system, SupervisorSpec(name="root", children=[spec]))
        press = system.whereis("press")
        assert press is not None
        crowds: list[str] = []
        system.bus.subscribe(lambda event: crowds.append(type(event).__name__), MailboxHigh, MailboxLow)

        print("kept pace:     ", asyncio.run(feed(press, 1_000)) < 600)
        press.ask("done", timeout=10)

        refused = 0
        for sheet in range(1_000):
            refused += not press.try_tell(sheet)  # the rest is for somebody else
        print("refused some:  ", refused > 0)
        print("had room later:", press.tell("last").wait(timeout=10))
        print("was told of it:", {"MailboxHigh", "MailboxLow"} == set(crowds))
        supervisor.stop(timeout=10)


if __name__ == "__main__":
    main()
