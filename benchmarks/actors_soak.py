"""No message lost, reordered per sender, or answered twice, while actors are killed, stopped, crashed and restarted.

`python -m benchmarks.actors_soak [--seconds 300] [--seed N] [--dispatchers thread,pool,asyncio]`. Eight producers,
threads and actors, tell and ask ten actors, half of them supervised, while two more threads end these at random. In
short epochs: when the messages of one have all come to something, the books are judged (`actor_judge.py`) and opened
anew; the ending goes on all the while. Exits with 1 at the first epoch that the judge objects to.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import random
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue

from benchmarks.actor_judge import Asked, Books, Told, Verdict, judge
from benchmarks.actor_ours import open_system
from benchmarks.soak_cast import AsyncTarget, ChaosCrash, Ledger, Owed, Producer, Slot, Target, produce
from regrow.actors import (
    ActorDeadError,
    ActorExited,
    ActorSystem,
    ChildSpec,
    DeadLetter,
    MailboxFull,
    MailboxOptions,
    Overflow,
    SpawnOptions,
    Start,
    StartError,
)
from regrow.protocol.exits import KILLED, SHUTDOWN
from regrow.supervision import (
    NO_BACKOFF,
    RestartIntensity,
    SupervisionError,
    SupervisorHandle,
    SupervisorSpec,
)

__all__ = ("main", "soak")

SUPERVISED, LOOSE, THREADS, ACTORS = 5, 5, 4, 4
ENDERS = 2  # threads that end them
MESSAGES = 400  # of each producer in an epoch
SETTLE = 20.0  # seconds until what is under way must have come to something
CALM = 1.0  # seconds without news after which a cancelled handler is taken for gone
HUNG = 120.0  # seconds of one epoch after which all stacks are printed and the program ends
SWITCHES = (1e-6, 1e-4, 5e-3)  # seconds that a thread may run: how finely threads are interleaved
BOUNDS = (
    MailboxOptions(),
    MailboxOptions(maxsize=20),
    MailboxOptions(maxsize=20, overflow=Overflow.DROP_OLDEST),
    MailboxOptions(maxsize=20, overflow=Overflow.LATEST),
    MailboxOptions(maxsize=50, overflow=Overflow.DROP_NEWEST),
)


class _Arena:
    """One system with all that takes part. Everything but the chaos runs in the thread that made it."""

    def __init__(self, dispatcher: str, rng: random.Random) -> None:
        self.system: ActorSystem = open_system(dispatcher)
        self.rng = rng
        self.awaits = dispatcher == "asyncio"
        self.ledger = Ledger(Books())
        self.deeds = 0
        self._owed: SimpleQueue[Owed | None] = SimpleQueue()
        self._kept: deque[Owed] = deque()
        self._over = threading.Event()
        self._failed: list[BaseException] = []
        self.system.bus.subscribe(self._heard_letter, DeadLetter)
        self.system.bus.subscribe(self._heard_exit, ActorExited)
        self.slots = [Slot(number) for number in range(SUPERVISED + LOOSE)]
        self.supervisor = self._supervise()
        for slot in self.slots[SUPERVISED:]:
            self._refill(slot)
        self.done: SimpleQueue[int] = SimpleQueue()
        self.producers = [
            self.system.spawn(Producer, THREADS + n, self.slots, self.ledger, self.done, not self.awaits)
            for n in range(ACTORS)
        ]
        works = (*(partial(self._end_somebody, rng.getrandbits(32)) for _ in range(ENDERS)), self._answer_later)
        self._threads = [
            threading.Thread(target=self._watched, args=(work,), name=f"soak {number}")
            for number, work in enumerate(works)
        ]
        for thread in self._threads:
            thread.start()

    def epoch(self, number: int) -> Verdict:
        """Send, wait until all of it has come to something, judge, begin new books."""
        sys.setswitchinterval(self.rng.choice(SWITCHES))
        before = time.monotonic()
        seeds = [self.rng.getrandbits(32) for _ in range(THREADS + ACTORS)]
        senders = [
            threading.Thread(target=self._send, args=(number, sender, seeds[sender]), name=f"soak sender {sender}")
            for sender in range(THREADS)
        ]
        for sender in senders:
            sender.start()
        for producer, seed in zip(self.producers, seeds[THREADS:], strict=True):
            producer.tell(("go", number, MESSAGES, seed))
        for _ in range(THREADS + ACTORS):
            self.done.get(timeout=HUNG)
        for sender in senders:
            sender.join(HUNG)
        books = self.ledger.books
        self._settle(books)
        verdict = judge(books, number, cut_may_lose=self.awaits)
        self.ledger.books = Books()  # who still writes to the old ones has handled something twice: judged with them
        late = judge(books, number, cut_may_lose=self.awaits)
        verdict = late if len(late.objections) > len(verdict.objections) else verdict
        if self._failed:
            verdict.object(f"a thread of the soak failed: {self._failed[0]!r}")
        verdict.counts["milliseconds"] = int((time.monotonic() - before) * 1000)
        return verdict

    def _settle(self, books: Books) -> None:
        """Wait until nothing is under way; where a kill may cancel a handler, until nothing has come for a while."""
        began = changed = time.monotonic()
        before = -1
        while (left := books.under_way()) and time.monotonic() < began + SETTLE:
            if left != before:
                before, changed = left, time.monotonic()
            elif self.awaits and left <= sum(books.cut.values()) and time.monotonic() > changed + CALM:
                return
            self._answer_kept()
            time.sleep(0.005)

    def close(self) -> list[str]:
        """End all of it; gives what is left over."""
        self._over.set()
        self._owed.put(None)
        for thread in self._threads:
            thread.join(SETTLE)
        left = [f"still running: {ref}" for ref in self.system.shutdown(SETTLE)]
        left += [f"thread of the soak still runs: {thread.name}" for thread in self._threads if thread.is_alive()]
        return left

    def _supervise(self) -> SupervisorHandle:
        kind = AsyncTarget if self.awaits else Target
        children = tuple(
            ChildSpec(id=f"s{n}", name=f"s{n}", start=Start(kind, (n, self.ledger, self._owed)))
            for n in range(SUPERVISED)
        )
        spec = SupervisorSpec(children=children, intensity=RestartIntensity(10**6, 0.001), backoff=NO_BACKOFF)
        handle = SupervisorHandle.start(self.system, spec)
        for slot in self.slots[:SUPERVISED]:
            ref = self.system.whereis(f"s{slot.number}")
            if ref is None:
                raise AssertionError(f"s{slot.number} is not registered after its start")
            slot.ref = ref
        return handle

    def _refill(self, slot: Slot) -> None:
        """Start a loose one anew: another actor, with another address."""
        options = SpawnOptions(mailbox=BOUNDS[slot.number % len(BOUNDS)])
        kind = AsyncTarget if self.awaits and slot.number % 2 else Target
        try:
            slot.ref = self.system.spawn(kind, slot.number, self.ledger, self._owed, options=options)
        except StartError:
            return  # ended at once by somebody: next time

    def _end_somebody(self, seed: int) -> None:
        rng = random.Random(seed)
        while not self._over.wait(rng.expovariate(1000)):
            slot = rng.choice(self.slots)
            deed = rng.randrange(8)
            try:
                self._do(deed, slot)
            except (ActorDeadError, MailboxFull, SupervisionError):
                pass  # it has ended already, or is being started
            if slot.number >= SUPERVISED and not slot.ref.is_alive():
                with slot.lock:
                    if not slot.ref.is_alive():
                        self._refill(slot)

    def _do(self, deed: int, slot: Slot) -> None:
        self.deeds += 1
        match deed:
            case 0 | 1:
                slot.ref.kill()
            case 2:
                slot.ref.shutdown()
            case 3:
                slot.ref.stop(block=False)
            case 4:
                slot.ref.exit(SHUTDOWN)
            case 5:
                slot.ref.tell(ChaosCrash())
            case 6:
                slot.ref.ask(ChaosCrash(), block=False)
            case _ if slot.number < SUPERVISED:
                self.supervisor.terminate_child(f"s{slot.number}", timeout=SETTLE)
                self.supervisor.restart_child(f"s{slot.number}", timeout=SETTLE)
            case _:
                slot.ref.exit(KILLED)

    def _answer_later(self) -> None:
        while (owed := self._owed.get()) is not None:
            if owed.message.number % 4 == 0:
                self._kept.append(owed)  # answered at the end of the epoch: by then its actor may be gone
            else:
                owed.handle.set(owed.message)

    def _answer_kept(self) -> None:
        """Answer for those who still live; for the others the runtime must have done so when they ended."""
        while self._kept:
            owed = self._kept.popleft()
            if owed.ref.incarnation == owed.life and owed.ref.is_alive():
                owed.handle.set(owed.message)

    def _send(self, epoch: int, sender: int, seed: int) -> None:
        try:
            rng = random.Random(seed)
            produce(epoch, sender, range(MESSAGES), self.slots, self.ledger, rng, may_wait=True)
        except BaseException as error:
            self._failed.append(error)
            raise
        finally:
            self.done.put(sender)

    def _watched(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._failed.append(error)
            raise

    def _heard_letter(self, event: object) -> None:
        assert isinstance(event, DeadLetter)
        if isinstance(event.message, Told | Asked):
            self.ledger.books.dead.append((event.to.urn, event.message))

    def _heard_exit(self, event: object) -> None:
        assert isinstance(event, ActorExited)
        if event.reason == KILLED and event.report is not None and event.report.in_hand == "Told":
            self.ledger.books.cut[event.ref.urn] += 1


def soak(dispatcher: str, seconds: float, seed: int) -> tuple[Counter[str], list[str]]:
    """Run epochs for so long; gives what was counted, and the objections, at the first epoch that has some.

    Errors: NotImplementedError if there is no such dispatcher.
    """
    rng = random.Random(f"{seed} {dispatcher}")
    threads, switch = set(threading.enumerate()), sys.getswitchinterval()
    counts: Counter[str] = Counter()
    objections: list[str] = []
    arena = _Arena(dispatcher, rng)
    end = time.monotonic() + seconds
    try:
        while not objections and (time.monotonic() < end or not counts["epochs"]):
            faulthandler.dump_traceback_later(HUNG + SETTLE, exit=True)
            verdict = arena.epoch(counts["epochs"])
            counts["epochs"] += 1
            counts.update(verdict.counts)
            objections += verdict.objections
    finally:
        faulthandler.dump_traceback_later(HUNG, exit=True)
        objections += arena.close()
        faulthandler.cancel_dump_traceback_later()
        sys.setswitchinterval(switch)
    counts["deeds of chaos"] = arena.deeds
    deadline = time.monotonic() + 5.0
    while (left := set(threading.enumerate()) - threads) and time.monotonic() < deadline:
        time.sleep(0.01)
    objections += [f"thread left behind: {thread.name}" for thread in left]
    return counts, objections


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak each dispatcher for its share of the time; 1 if there are objections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="for all dispatchers together")
    parser.add_argument("--seed", type=int, default=None, help="of the deeds; threads do as they like all the same")
    parser.add_argument("--dispatchers", default="thread,pool,asyncio", help="by comma")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().getrandbits(32) if given.seed is None else given.seed
    logging.disable(logging.CRITICAL)  # thousands of ends that were asked for
    available = []
    for name in given.dispatchers.split(","):
        try:
            open_system(name).shutdown()
        except NotImplementedError:
            print(f"{name}: not available")
        else:
            available.append(name)
    failed = not available
    for name in available:
        counts, objections = soak(name, given.seconds / len(available), seed)
        print(f"{name}, seed {seed}: {', '.join(f'{what} {n:,}' for what, n in sorted(counts.items()))}", flush=True)
        for words in objections:
            print(f"  OBJECTION {words}", flush=True)
        failed = failed or bool(objections)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
