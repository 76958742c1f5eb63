"""Two processes of one host that talk: through a port of theirs, and through the host. Imported by both of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.actor_serving import last, middle
from benchmarks.process_goods import Tally, expect, small, tallied
from benchmarks.process_lives import WAIT
from regrow.actors import Actor, ActorRef, Port, PortMessage, ReplyHandle

__all__ = ("Neighbour", "measure_neighbours")

ROUNDS_PER_MESSAGE: Final = 0.02  # round trips for each message of the other measurement
LOOK_EVERY: Final = 256  # messages between looks at whether the other one keeps pace
clock = time.perf_counter


class Neighbour(Actor):
    """Counts what it is told by the other one, sends back what is to come back, and measures when it is asked to."""

    port: Port
    other: ActorRef[Any]
    answer: ReplyHandle

    def __init__(self) -> None:
        super().__init__()
        self._tally = Tally()
        self._left = 0
        self._began = 0.0
        self._times: list[float] = []

    def on_receive(self, message: Any) -> object:
        match message:
            case PortMessage(port, said):
                return self._heard(said, port.tell)
            case ("open", Port() as port):
                self.port = port
                port.open(self.ref)
            case ("know", ActorRef() as other):
                self.other = other
            case ("send", str(way), int(count)):
                self.answer = self.defer_reply()
                self._send(self._way(way), count)
            case ("round trips", str(way), int(count)):
                self.answer, self._left, self._times = self.defer_reply(), count, []
                self._ping(self._way(way))
            case "said":
                return self._tally.said()
            case _:
                return self._heard(message, self.other.tell)
        return None

    def _way(self, way: str) -> Callable[[object], Any]:
        return self.port.tell if way == "port" else self.other.tell

    def _send(self, tell: Callable[[object], Any], count: int) -> None:
        for number in range(count):
            told = tell(small(number))
            if number % LOOK_EVERY == 0:
                told.wait(WAIT)
        tell("all")

    def _ping(self, tell: Callable[[object], Any]) -> None:
        self._began = clock()
        tell("ping")

    def _heard(self, said: Any, tell: Callable[[object], Any]) -> None:
        if said == "ping":
            tell("pong")
        elif said == "pong":
            self._times.append((clock() - self._began) * 1e6)
            self._left -= 1
            if self._left:
                self._ping(tell)
            else:
                self.answer.set((middle(self._times), last(self._times)))
        elif said == "all":
            tell("counted")
        elif said == "counted":
            self.answer.set()
        else:
            self._tally.take(said)


def measure_neighbours(first: ActorRef, second: ActorRef, count: int) -> dict[str, float]:
    """Give messages a second one way, and microseconds of a round trip, either way."""
    for ref, other, end in zip((first, second), (second, first), Port.pair(), strict=True):
        ref.ask(("open", end), timeout=WAIT)
        ref.ask(("know", other), timeout=WAIT)
    found: dict[str, float] = {}
    began = clock()
    for way in ("port", "host"):
        sent = clock()
        first.ask(("send", way, count), timeout=WAIT)
        found[way] = count / (clock() - sent)
        expect("tally", tallied(count), second.ask("said", timeout=WAIT))
        rounds = max(50, int(count * ROUNDS_PER_MESSAGE))
        found[f"{way} p50"], found[f"{way} p99"] = first.ask(("round trips", way, rounds), timeout=WAIT)
    return {**found, "seconds": clock() - began}
