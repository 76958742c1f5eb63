"""Names, keys and groups: finding an actor by what it does, whichever life it is in.

Run it: python examples/09_find_each_other.py
"""

from regrow import Actor, ActorSystem, ChildSpec, Start, SupervisorHandle, SupervisorSpec
from regrow.actors import ActorDeadError, GroupJoined, GroupLeft, KeyTaken, Registry
from regrow.supervision.events import ChildStarted


class Room(Actor):
    """A place in a chat: it registers itself, anew in every life."""

    def __init__(self, rooms: Registry[str, int], number: str) -> None:
        self.rooms, self.number = rooms, number

    def on_start(self) -> None:
        self.rooms.register(self.number, 0)
        self.system.groups.join("rooms")

    def on_receive(self, message: object) -> object:
        if message == "fire":
            raise RuntimeError("the room is on fire")
        guests = self.rooms.update_value(self.number, lambda count: count + 1)
        return f"{message} is in room {self.number}, guests: {guests[0] if guests else 0}"


class Porter(Actor):
    """Sees rooms come and go, from the moment at which it has got those that are there."""

    def on_start(self) -> None:
        self.monitor_number, rooms = self.system.groups.monitor("rooms")
        print("the porter sees rooms:", len(rooms))
        self.seen: list[str] = []

    def on_receive(self, message: object) -> object:
        match message:
            case GroupJoined(refs=refs):
                self.seen += ["opened"] * len(refs)
            case GroupLeft(refs=refs):
                self.seen += ["closed"] * len(refs)
        return self.seen


def main() -> None:
    with ActorSystem() as system:
        rooms: Registry[str, int] = Registry(system, "rooms")
        specs = [ChildSpec(id=f"room-{number}", start=Start(Room, (rooms, number))) for number in "12"]
        SupervisorHandle.start(system, SupervisorSpec(name="house", children=specs))
        porter = system.spawn(Porter)

        room = rooms.via("1")  # an address that is a key: good for all lives
        print(room.ask("Ada", timeout=5))
        print(room.ask("Bob", timeout=5))
        print("guests by room:", {entry.key: entry.value for entry in rooms.select(lambda _entry: True)})
        try:
            rooms.register("1", 0, ref=porter)
        except KeyTaken as error:
            print("the porter is not room", error.key)

        started = system.bus.collect(ChildStarted)
        room.tell("fire")
        started.get(timeout=5)
        print(room.ask("Cy", timeout=5))  # the same address, another life
        print("the porter saw:", porter.ask("what?", timeout=5))
        print("rooms told:", system.groups.tell_all("rooms", "everybody").sent)
        try:
            rooms.via("13").tell("Dee")
        except ActorDeadError as error:
            print(error)


if __name__ == "__main__":
    main()
