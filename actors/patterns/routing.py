"""Strategies: in which order a router would like to send a message to its routees; the first that lives gets it.

What lives here: the choice. What must not: sending.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol, TypeAlias

from ..ref import ActorRef
from .hash_ring import REPLICAS, HashRing, Key
from .load import Load, waiting_messages

__all__ = (
    "Broadcast",
    "ConsistentHash",
    "LeastBusy",
    "Pick",
    "RandomPick",
    "RoundRobin",
    "ScatterGather",
    "Strategy",
    "TailChopping",
)


class Pick(Protocol):
    """Sends each message to one routee. Own ones are as welcome as those here."""

    def order(self, routees: Sequence[ActorRef], message: object, /) -> Iterable[ActorRef]:
        """Give the routees, the best first, dead ones too. Runs in: any sender, several at a time."""


class RoundRobin:
    """One after the other."""

    def __init__(self) -> None:
        self._turns = count()

    def order(self, routees: Sequence[ActorRef], _message: object, /) -> Iterator[ActorRef]:
        """Begin with the one after the last."""
        if not routees:
            return
        first = next(self._turns) % len(routees)
        for offset in range(len(routees)):
            yield routees[(first + offset) % len(routees)]


class RandomPick:
    """Any of them, with equal chances; by the random numbers of their system if no others are given."""

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng

    def order(self, routees: Sequence[ActorRef], _message: object, /) -> Iterator[ActorRef]:
        """Shuffle, as far as it is looked at."""
        if not routees:
            return
        rng = routees[0].system.rng if self._rng is None else self._rng
        left = list(routees)
        while left:
            at = rng.randrange(len(left))
            left[at], left[-1] = left[-1], left[at]
            yield left.pop()


class LeastBusy:
    """The one with the least load, by default with the fewest messages waiting; among equals one after the other."""

    def __init__(self, load: Load = waiting_messages) -> None:
        self._load = load
        self._turns = RoundRobin()

    def order(self, routees: Sequence[ActorRef], message: object, /) -> list[ActorRef]:
        """Sort by load, as it is now."""
        return sorted(self._turns.order(routees, message), key=self._load)


def _urn(ref: ActorRef) -> str:
    return ref.actor_urn  # of a name it is that of the name, whoever holds it


class ConsistentHash:
    """Messages with the same key go to the same routee, and few keys move when routees come and go.

    `key(message)` gives a str, bytes or int. `node(ref)` names a routee: by default by its urn, which it has through
    all its lives; a name that it has in every process makes all processes choose alike. While a routee is down its
    keys go to the next one on the ring. Errors: TypeError for another key; ValueError for two routees of one name.
    """

    def __init__(
        self, key: Callable[[object], Key], *, node: Callable[[ActorRef], str] = _urn, replicas: int = REPLICAS
    ) -> None:
        self._key = key
        self._node = node
        self._replicas = replicas
        self._lock = threading.Lock()
        self._last: tuple[ActorRef, ...] = ()
        self._ring = HashRing(replicas=replicas)
        self._refs: dict[str, ActorRef] = {}

    def order(self, routees: Sequence[ActorRef], message: object, /) -> Iterator[ActorRef]:
        """Walk the ring from the key of the message on."""
        key = self._key(message)
        with self._lock:
            if self._last != tuple(routees):
                self._follow(routees)
            ring, refs = self._ring, self._refs
        return (refs[node] for node in ring.walk(key))

    def _follow(self, routees: Sequence[ActorRef]) -> None:
        refs = {self._node(ref): ref for ref in routees}
        if len(refs) != len(set(routees)):
            raise ValueError(f"consistent hash: expected a name of its own for each routee, got {sorted(refs)}")
        self._ring = HashRing(refs, replicas=self._replicas)  # a new one: who walks the old one is not disturbed
        self._refs = refs
        self._last = tuple(routees)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """All of them; the answer to an ask is the list of all answers."""


@dataclass(frozen=True, slots=True)
class ScatterGather:
    """All of them; the answer to an ask is the first that comes."""


@dataclass(frozen=True, slots=True)
class TailChopping:
    """One at random, and another one every `interval` seconds until one has answered, `within` seconds at most.

    For asks that may be handled twice; what is told goes to one.
    Source: akka's TailChoppingRouter.
    """

    interval: float
    within: float = 5.0


Strategy: TypeAlias = Pick | Broadcast | ScatterGather | TailChopping
