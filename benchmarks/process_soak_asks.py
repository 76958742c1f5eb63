"""Who asks in `benchmarks.processes_soak`: random requests to processes that are killed meanwhile."""

from __future__ import annotations

import random
import threading
import zlib
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Final

import pykka

from regrow.actors import ActorDeadError, ActorRef, AskFuture, Blob, MailboxFull
from regrow.actors.hosting import HostedRef, OutboxFull

__all__ = ("ANSWER_SECONDS", "Askers")

ANSWER_SECONDS: Final = 30.0  # until an answer is taken for never coming
FUTURES_MAX: Final = 2000  # asks whose answers nobody waits for at once


class Askers:
    """What their threads share. `pick` gives whom to ask next, None while nobody is there; `home` hears of them."""

    def __init__(self, pick: Callable[[random.Random], HostedRef | None], home: ActorRef[Any]) -> None:
        self.outcomes: Counter[str] = Counter()
        self.objections: list[str] = []
        self.over = threading.Event()
        self.futures: deque[tuple[str, AskFuture[Any]]] = deque()
        self._pick = pick
        self._home = home

    def run(self, seed: int) -> None:
        rng = random.Random(f"asks {seed}")
        while not self.over.is_set():
            ref = self._pick(rng)
            if ref is None:
                self.over.wait(0.001)
                continue
            what, message, fits = self._request(rng)
            try:
                self._send(rng, ref, what, message, fits)
            except pykka.Timeout:
                self.objections.append(f"no answer to {what} from {ref} within {ANSWER_SECONDS:g} s")
            except ActorDeadError:
                self.outcomes["died"] += 1
            except (OutboxFull, MailboxFull):
                self.outcomes["refused"] += 1
                self.over.wait(0.002)

    def _send(
        self, rng: random.Random, ref: HostedRef, what: str, message: tuple[Any, ...], fits: Callable[[Any], bool]
    ) -> None:
        way = rng.randrange(4)
        if way == 0:
            ref.tell(message)
            self.outcomes["told"] += 1
        elif way == 1 and len(self.futures) < FUTURES_MAX:
            self.futures.append((what, ref.ask(message, block=False)))
        else:
            answer = ref.ask(message, timeout=ANSWER_SECONDS)
            self.outcomes["answered"] += 1
            if not fits(answer):
                self.objections.append(f"{ref} answered {what} with {str(answer)[:100]}")

    def _request(self, rng: random.Random) -> tuple[str, tuple[Any, ...], Callable[[Any], bool]]:
        def anything(_answer: object) -> bool:
            return True

        match rng.randrange(12):
            case 0:
                return "sleep", ("sleep", rng.random() * 0.02), anything
            case 1:
                return "hold_gil", ("hold_gil", rng.random() * 0.02), anything
            case 2:
                return "compute", ("compute", rng.random() * 0.02), anything
            case 3:
                data = rng.randbytes(100_000)
                return "checksum", ("checksum", Blob(data)), zlib.crc32(data).__eq__
            case 4:
                return "blob", ("blob", 200_000), lambda blob: len(blob) == 200_000 and blob.close() is None
            case 5:
                return "give", ("give", 300_000), (b"g" * 300_000).__eq__
            case 6:
                return "log", ("log", 50), anything
            case 7:
                return "say", ("say", 50), anything
            case 8:
                return "tell_home", ("tell_home", self._home, 20), anything
            case 9:
                return "ask_home", ("ask_home", self._home), "question".__eq__
            case 10 if rng.randrange(20) == 0:
                return "run_program", ("run_program",), anything
            case 11 if rng.randrange(40) == 0:
                return "nest", ("nest",), anything
            case _:
                value = rng.getrandbits(60)
                return "echo", ("echo", value), value.__eq__

    def settle(self) -> None:
        """Wait for the answers that nobody has waited for yet."""
        for what, future in self.futures:
            try:
                future.get(timeout=ANSWER_SECONDS)
                self.outcomes["answered later"] += 1
            except pykka.Timeout:
                self.objections.append(f"the answer to {what} never came")
            except (ActorDeadError, OutboxFull, MailboxFull):
                self.outcomes["died"] += 1
        self.futures.clear()
