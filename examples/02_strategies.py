"""Who is restarted when one child crashes: the three strategies, side by side.

Run it: python examples/02_strategies.py
"""

from regrow import Actor, ActorSystem, Backoff, ChildSpec, Start, Strategy, SupervisorHandle, SupervisorSpec
from regrow.supervision.events import ChildStarted

CHILDREN = ("database", "cache", "web")


class Part(Actor):
    """Crashes when it is told to."""

    def on_receive(self, message: object) -> object:
        raise RuntimeError("boom")


def restarted_after_a_crash_of(victim: str, strategy: Strategy) -> list[str]:
    """Crash one of three children; give who was started anew, in the order of the starts."""
    with ActorSystem() as system:
        supervisor = SupervisorHandle.start(
            system,
            SupervisorSpec(
                strategy=strategy,
                children=[ChildSpec(id=child, start=Start(Part), name=child) for child in CHILDREN],
                backoff=Backoff(initial=0.0),
            ),
        )
        starts = system.bus.collect(ChildStarted)
        ref = system.whereis(victim)
        assert ref is not None
        ref.tell("crash")

        expected = {
            Strategy.ONE_FOR_ONE: [victim],
            Strategy.ONE_FOR_ALL: list(CHILDREN),
            Strategy.REST_FOR_ONE: list(CHILDREN[CHILDREN.index(victim) :]),
        }[strategy]
        seen: list[str] = []
        while len(seen) < len(expected):
            fact = starts.get(timeout=5)
            assert isinstance(fact, ChildStarted)
            seen.append(fact.child_id)
        assert seen == expected
        supervisor.stop(timeout=5)
        return seen


def main() -> None:
    print("three children, started in this order:", ", ".join(CHILDREN))
    for strategy in Strategy:
        print(f"{strategy:>13}: cache crashes, restarted: {', '.join(restarted_after_a_crash_of('cache', strategy))}")


if __name__ == "__main__":
    main()
