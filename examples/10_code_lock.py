"""A state machine: a door that opens for a code and locks itself; who comes too early is let in later.

Run it: python examples/10_code_lock.py
"""

from regrow.actors import ActorSystem
from regrow.actors.patterns import (
    Call,
    Cast,
    Event,
    GenStateMachine,
    Postpone,
    Result,
    StateTimedOut,
    StateTimeout,
    keep_state,
    next_state,
    state,
)
from regrow.actors.testing import ManualClock


class Door(GenStateMachine[str]):
    """Locked or open; digits are told, people ask."""

    initial = "locked"

    def __init__(self, code: str) -> None:
        self.code = code
        self.entered = ""

    @state
    def locked(self, event: Event) -> Result[str]:
        match event:
            case Cast(str(digit)):
                self.entered = (self.entered + digit)[-len(self.code) :]
                return next_state("open", StateTimeout(10.0)) if self.entered == self.code else keep_state()
            case Call("come in"):
                return keep_state(Postpone())
            case Call("look"):
                return keep_state(event.reply("the door is locked"))
        raise ValueError(event)

    @state
    def open(self, event: Event) -> Result[str]:
        match event:
            case StateTimedOut():
                self.entered = ""
                return next_state("locked")
            case Call("come in"):
                return keep_state(event.reply("welcome"))
            case Call("look"):
                return keep_state(event.reply("the door is open"))
        return keep_state()


def main() -> None:
    clock = ManualClock()  # so that nobody has to wait for the door
    with ActorSystem(clock=clock) as system:
        door = system.spawn(Door, "1234")
        visitor = door.ask("come in", block=False)  # is not answered yet
        print(door.ask("look", timeout=5))
        for digit in "1234":
            door.tell(digit)
        print(door.ask("look", timeout=5))
        print("visitor:", visitor.get(timeout=5))
        clock.advance(10)
        print(door.ask("look", timeout=5))


if __name__ == "__main__":
    main()
