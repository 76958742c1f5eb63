"""A router: one address for many, without a hop between. As an actor it can be given a name, and be asked from afar.

Routees that are down are passed over, and used again when their next life has begun: a ref leads to all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from ..actor import Actor
from ..current import calling_life
from ..errors import ActorDeadError, CallingSelf, MailboxFull
from ..events import DeadLetter
from ..futures import AskFuture
from ..named_ref import resolved
from ..signals import Down
from .errors import NoRoutee
from .gather import ASK_TIMEOUT, all_of, ask_each, first_of
from .routing import Broadcast, Pick, RandomPick, RoundRobin, ScatterGather, Strategy, TailChopping
from .tail_chopping import chop_tails

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..replies import ReplyHandle

__all__ = ("AddRoutee", "GetRoutees", "RemoveRoutee", "Router", "RouterActor")

SPREAD: Final = (Broadcast, ScatterGather)


class Router:
    """Sends to its routees as its strategy says; on the sender's own thread, so it costs a choice and no message.

    `routees` are refs, or a function that gives those of the moment, as the members of a group: it is called for every
    message. Errors, of all sending: NoRoutee if none lives.
    Runs in: any thread, several at a time.
    """

    def __init__(
        self,
        routees: Iterable[ActorRef] | Callable[[], Iterable[ActorRef]],
        strategy: Strategy | None = None,
        *,
        name: str = "router",
    ) -> None:
        self.name = name
        self.strategy: Strategy = RoundRobin() if strategy is None else strategy
        self._lock = threading.Lock()
        self._source = routees if callable(routees) else None
        self._routees: tuple[ActorRef, ...] = () if callable(routees) else tuple(dict.fromkeys(routees))

    @property
    def routees(self) -> tuple[ActorRef, ...]:
        """All of them, dead ones too."""
        return self._routees if self._source is None else tuple(self._source())

    def add(self, ref: ActorRef) -> bool:
        """Let one more in. Gives False if it is there."""
        with self._lock:
            self._refuse_source()
            if ref in self._routees:
                return False
            self._routees = (*self._routees, ref)
            return True

    def remove(self, ref: ActorRef) -> bool:
        """Take one out; what it has been sent stays with it. Gives False if it is not there."""
        with self._lock:
            self._refuse_source()
            before = len(self._routees)
            self._routees = tuple(kept for kept in self._routees if kept is not ref)
            return len(self._routees) < before

    def resize(self, routees: Iterable[ActorRef]) -> None:
        """Have these from now on."""
        with self._lock:
            self._refuse_source()
            self._routees = tuple(dict.fromkeys(routees))

    def prune(self) -> tuple[ActorRef, ...]:
        """Take out those that do not live now, also if they would be restarted; gives them."""
        with self._lock:
            self._refuse_source()
            gone = tuple(ref for ref in self._routees if not ref.is_alive())
            self._routees = tuple(ref for ref in self._routees if ref not in gone)
            return gone

    def tell(self, message: object) -> None:
        """Send and forget. Errors: NoRoutee; MailboxFull of the one that was chosen."""
        routees = self.routees
        if isinstance(self.strategy, SPREAD):
            if not self._tell_all(routees, message):
                raise NoRoutee(self.name, len(routees))
            return
        for ref in self._pick().order(routees, message):
            if ref.is_alive():
                try:
                    ref.tell(message)
                except ActorDeadError:
                    continue  # it has ended right now
                return
        raise NoRoutee(self.name, len(routees))

    def broadcast(self, message: object) -> int:
        """Tell all that live, whatever the strategy; gives how many. Who is full misses it, with a dead letter."""
        return self._tell_all(self.routees, message)

    @overload
    def ask(self, message: object, *, timeout: float | None = ASK_TIMEOUT) -> object: ...

    @overload
    def ask(
        self, message: object, *, block: Literal[False], timeout: float | None = ASK_TIMEOUT
    ) -> AskFuture[object]: ...

    def ask(self, message: object, *, block: bool = True, timeout: float | None = ASK_TIMEOUT) -> object:
        """Send and get the answer, of one or of many, as the strategy says; or a future of it, with `block=False`.

        Errors: NoRoutee; those of an ask; NoAnswer with the errors of all, where several were asked for one answer.
        """
        life = calling_life()
        own = None if life is None else life.ref
        future = self.ask_for(own, message, waits=block)
        return future.get(timeout=timeout) if block else future

    def ask_for(self, asker: ActorRef | None, message: object, *, waits: bool = False) -> AskFuture[Any]:
        """Ask in somebody's name. Never waits. Errors: NoRoutee; CallingSelf; MailboxFull."""
        routees = self.routees
        if isinstance(self.strategy, (*SPREAD, TailChopping)):
            return self._ask_many([ref for ref in routees if ref.is_alive()], asker, message, waits=waits)
        for ref in self._pick().order(routees, message):
            if ref.is_alive():
                future = ref.ask_for(asker, message, waits=waits)
                if not (future.done and isinstance(future.error, ActorDeadError)):
                    return future
        raise NoRoutee(self.name, len(routees))

    def _ask_many(
        self, routees: Sequence[ActorRef], asker: ActorRef | None, message: object, *, waits: bool
    ) -> AskFuture[Any]:
        if not routees:
            raise NoRoutee(self.name, len(self.routees))
        if waits and asker is not None and any(resolved(ref) is asker for ref in routees):
            raise CallingSelf(str(asker))
        match self.strategy:
            case TailChopping(interval, within):
                ask = [lambda ref=ref: ref.ask_for(asker, message) for ref in RandomPick().order(routees, message)]
                return chop_tails(ask, routees[0].system.clock, interval=interval, within=within)
            case ScatterGather():
                return first_of(ask_each(routees, message, waits=waits))
            case _:
                return all_of(ask_each(routees, message, waits=waits))

    def _pick(self) -> Pick:
        strategy = self.strategy
        return strategy if hasattr(strategy, "order") else RandomPick()

    def _tell_all(self, routees: Iterable[ActorRef], message: object) -> int:
        sent = 0
        for ref in routees:
            if not ref.is_alive():
                continue
            try:
                ref.tell(message)
            except ActorDeadError:
                continue
            except MailboxFull as full:
                ref.system.bus.publish(DeadLetter(ref, message, str(full)))
                continue
            sent += 1
        return sent

    def _refuse_source(self) -> None:
        if self._source is not None:
            raise ValueError(f"{self.name}: expected a router of refs, got one whose routees are what a function gives")

    def __repr__(self) -> str:
        return f"<Router {self.name!r}: {self.strategy!r}, {len(self.routees)} routees>"


@dataclass(frozen=True, slots=True)
class AddRoutee:
    """Tells a RouterActor of one more; the answer says whether it is new."""

    ref: ActorRef


@dataclass(frozen=True, slots=True)
class RemoveRoutee:
    """Tells a RouterActor to send no more to this one; the answer says whether it was there."""

    ref: ActorRef


@dataclass(frozen=True, slots=True)
class GetRoutees:
    """Asks a RouterActor for the tuple of its routees."""


class RouterActor(Actor):
    """A router with an address. It waits for nobody: answers go from the routees to who asked.

    With `drop_ended` a routee leaves when its life ends, for routees that nobody restarts; else it is passed over while
    it is down. What is told while no routee lives is a dead letter.
    """

    def __init__(
        self,
        routees: Iterable[ActorRef] | Callable[[], Iterable[ActorRef]],
        strategy: Strategy | None = None,
        *,
        drop_ended: bool = False,
    ) -> None:
        self._router = Router(routees, strategy)
        self._drop_ended = drop_ended

    def on_start(self) -> None:
        """Watch the routees, if those that end are to leave."""
        self._router.name = str(self.ref)
        if self._drop_ended:
            for ref in self._router.routees:
                self.monitor(ref)

    def on_receive(self, message: object) -> object:
        """Do what concerns itself, and send on all else."""
        match message:
            case AddRoutee(ref):
                added = self._router.add(ref)
                if added and self._drop_ended:
                    self.monitor(ref)
                return added
            case RemoveRoutee(ref):
                return self._router.remove(ref)
            case GetRoutees():
                return self._router.routees
            case Down(ref=ref) if self._drop_ended:
                return self._router.remove(ref)
            case _:
                self._route(message)
                return None

    def _route(self, message: object) -> None:
        handle = self.defer_reply()
        try:
            if not handle.wanted:
                handle.set()
                self._router.tell(message)
                return
            answer = self._router.ask_for(self.ref, message)
        except (NoRoutee, MailboxFull) as error:
            if not handle.fail(error):
                self.system.bus.publish(DeadLetter(self.ref, message, str(error)))
            return
        answer.add_done_callback(lambda: _pass_on(answer, handle))


def _pass_on(answer: AskFuture[Any], handle: ReplyHandle) -> None:
    if answer.error is None:
        handle.set(answer.get())
    else:
        handle.fail(answer.error)
