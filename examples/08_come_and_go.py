"""Children that come and go: one for each visitor, under a supervisor that restarts who crashes and forgets who leaves.

Run it: python examples/08_come_and_go.py
"""

from regrow import (
    Actor,
    ActorSystem,
    ChildSpec,
    DynamicSpec,
    DynamicSupervisorHandle,
    Restart,
    RestartIntensity,
    Start,
)
from regrow.protocol.exits import NORMAL
from regrow.supervision import ChildStarted, ChildTerminated, MaxChildren


class Visitor(Actor):
    """Says hello in the name of its house; trips, or leaves, when it is told to."""

    def __init__(self, house: str, name: str) -> None:
        super().__init__()
        self.greeting = f"{name} is in {house}, in life {self.incarnation}"

    def on_receive(self, message: object) -> object:
        if message == "trip":
            raise RuntimeError("tripped")
        if message == "leave":
            self.exit(NORMAL)
        return self.greeting


VISITORS = DynamicSpec(
    template=ChildSpec(id="visitor", start=Start(Visitor), restart=Restart.TRANSIENT),
    extra_arguments=("the museum",),
    max_children=3,
    intensity=RestartIntensity(max_restarts=10, max_seconds=5.0),
    name="visitors",
)


def main() -> None:
    with ActorSystem() as system:
        visitors = DynamicSupervisorHandle.start(system, VISITORS)
        starts, ends = system.bus.collect(ChildStarted), system.bus.collect(ChildTerminated)
        refs = {}
        for name in ("ada", "bob", "eve"):
            started = visitors.start_child_with(name)
            assert started.ref is not None
            refs[name] = started.ref
            print(f"{started.child_id}: {started.ref.ask('hello', timeout=5)}")
            starts.get(timeout=5)
        try:
            visitors.start_child_with("zoe")
        except MaxChildren as full:
            print(f"zoe: {full}")

        refs["bob"].tell("trip")
        starts.get(timeout=5)
        print(f"visitor-2: {refs['bob'].ask('hello', timeout=5)}")

        refs["eve"].tell("leave")
        gone = None
        while gone != "visitor-3":
            fact = ends.get(timeout=5)
            assert isinstance(fact, ChildTerminated)
            gone = fact.child_id
        print("still there:", ", ".join(sorted(info.id for info in visitors.which_children())))
        visitors.terminate_child(refs["ada"])
        print("after ada has been sent home:", visitors.count_children())
        visitors.stop(timeout=5)


if __name__ == "__main__":
    main()
