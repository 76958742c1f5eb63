"""Who takes part in `benchmarks.actors_soak`: producers that send, targets that are ended, and what both write down."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterable, Sequence
from queue import SimpleQueue
from typing import Any, NamedTuple

from benchmarks.actor_judge import Asked, Books, Told
from regrow.actors import Actor, ActorDeadError, ActorRef, AskFuture, MailboxFull, ReplyHandle

__all__ = ("AsyncTarget", "ChaosCrash", "Held", "Ledger", "Owed", "Producer", "Slot", "Target", "produce")

CHUNK = 50  # messages that an actor sends before others have their turn
WAIT = 20.0  # seconds until an answer is taken for never coming


class ChaosCrash:
    """Makes whoever handles it crash."""


class Ledger:
    """Where the books are that are written now."""

    def __init__(self, books: Books) -> None:
        self.books = books


class Owed(NamedTuple):
    """An answer that somebody else is to give, for this life."""

    handle: ReplyHandle
    message: Asked
    ref: ActorRef[Any]
    life: int


class Slot:
    """A place that somebody is sent to; who that is changes where nobody restarts the one before."""

    ref: ActorRef[Any]

    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()  # held while a new one is put there


class Held:
    """The answer to an ask, with how often it was said to be there."""

    def __init__(self, future: AskFuture[Any] | None) -> None:
        self.future = future
        self.times = 0
        if future is None:
            self.times = 1  # refused on the spot
        else:
            future.add_done_callback(self._count)

    def outcome(self) -> tuple[str, object]:
        """Give what came of it."""
        if self.future is None:
            return "full", None
        if not self.future.done:
            return "none", None
        try:
            return "value", self.future.get(timeout=0)
        except ActorDeadError as error:
            return "dead", error
        except MailboxFull as error:
            return "full", error
        except Exception as error:  # noqa: BLE001 - whatever it is, the judge objects to it
            return "error", error

    def _count(self) -> None:
        self.times += 1


class Target(Actor):
    """Writes down what it handles, as the first thing; sometimes takes its time, sometimes lets others answer."""

    def __init__(self, number: int, ledger: Ledger, owed: SimpleQueue[Owed | None]) -> None:
        super().__init__()
        self._ledger = ledger
        self._owed = owed
        self._seen = number

    def on_receive(self, message: object) -> object:
        self._note(message)
        if self._seen % 40 == 0:
            time.sleep(0.0005)  # busy when a kill comes
        return message

    def _note(self, message: object) -> None:
        if isinstance(message, ChaosCrash):
            raise RuntimeError("told to crash")
        assert isinstance(message, Told | Asked)
        self._ledger.books.handled.append((self.ref.urn, self.incarnation, message))
        self._seen += 1
        if isinstance(message, Asked) and message.later:
            self._owed.put(Owed(self.defer_reply(), message, self.ref, self.incarnation))


class AsyncTarget(Target):
    """The same in a coroutine, which a kill may cancel."""

    async def on_receive(self, message: object) -> object:
        self._note(message)
        if self._seen % 40 == 0:
            await asyncio.sleep(0.0005)
        return message


class Producer(Actor):
    """Sends in chunks. Nobody ends it."""

    def __init__(
        self, sender: int, slots: Sequence[Slot], ledger: Ledger, done: SimpleQueue[int], may_wait: bool
    ) -> None:
        super().__init__()
        self._sender = sender
        self._slots = slots
        self._ledger = ledger
        self._done = done
        self._may_wait = may_wait

    def on_receive(self, message: Any) -> None:
        match message:
            case ("go", int(epoch), int(amount), int(seed)):
                self._rng = random.Random(seed)
                self._chunk(epoch, 0, amount)
            case ("on", int(epoch), int(first), int(amount)):
                self._chunk(epoch, first, amount)

    def _chunk(self, epoch: int, first: int, amount: int) -> None:
        numbers = range(first, min(amount, first + CHUNK))
        produce(epoch, self._sender, numbers, self._slots, self._ledger, self._rng, may_wait=self._may_wait)
        if numbers.stop < amount:
            self.ref.tell(("on", epoch, numbers.stop, amount))
        else:
            self._done.put(self._sender)


def produce(
    epoch: int,
    sender: int,
    numbers: Iterable[int],
    slots: Sequence[Slot],
    ledger: Ledger,
    rng: random.Random,
    *,
    may_wait: bool,
) -> None:
    """Tell and ask at random, and write down what came of it here."""
    books = ledger.books
    for number in numbers:
        ref = rng.choice(slots).ref
        chance = rng.random()
        if chance < 0.7:
            _tell(ref, Told(epoch, sender, number), books)
        else:
            _ask(ref, Asked(epoch, sender, number, later=chance > 0.9), books, waits=may_wait and chance < 0.72)
        if chance < 0.002:
            time.sleep(0.001)


def _tell(ref: ActorRef[Any], message: Told, books: Books) -> None:
    books.told.append((ref.urn, message))
    try:
        ref.tell(message)
    except ActorDeadError:
        books.refused.append(message)
    except MailboxFull:
        books.full.append(message)


def _ask(ref: ActorRef[Any], message: Asked, books: Books, *, waits: bool) -> None:
    try:
        future = ref.ask(message, block=False)
    except MailboxFull:
        books.full.append(message)
        books.asked.append((ref.urn, message, Held(None)))
        return
    assert isinstance(future, AskFuture)
    books.asked.append((ref.urn, message, Held(future)))
    if waits:
        try:
            future.get(timeout=WAIT)
        except (ActorDeadError, MailboxFull):
            return  # an answer as well: the judge looks at it
