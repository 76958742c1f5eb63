"""Under stress no message is lost: every ask is answered, every tell is handled, dead-lettered or refused."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from regrow.actors import (
    Actor,
    ActorDeadError,
    ActorRef,
    ActorSystem,
    ChildSpec,
    DeadLetter,
    Exit,
    Restart,
    Start,
    Started,
    StartFailed,
)
from regrow.actors.clock import monotonic

SECONDS = 1.5
SENDERS = 4


@pytest.fixture
def frantic_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Counting(Actor):
    def __init__(self, handled: set[tuple[int, int]]) -> None:
        self._handled = handled

    def on_receive(self, message: object) -> object:
        if message == "crash":
            raise ValueError("told to")
        if isinstance(message, tuple):
            self._handled.add(message)
        return message


class Restarter(Actor):
    """Begins the next life as soon as the last has ended, as a supervisor with no limit would."""

    trap_exit = True

    def __init__(self, spec: ChildSpec, first: list[ActorRef], started: threading.Event) -> None:
        self._spec = spec
        self._first = first
        self._started = started

    def on_start(self) -> None:
        self._child = self.system.begin(self._spec, parent=self.ref, ref=None, on_outcome=self.ref.tell)
        self._first.append(self._child)

    def on_receive(self, message: object) -> None:
        match message:
            case Started():
                self._started.set()
            case Exit() | StartFailed():
                self.system.begin(self._spec, parent=self.ref, ref=self._child, on_outcome=self.ref.tell)


def test_no_message_is_lost_while_an_actor_is_crashed_and_killed_and_restarted(
    system: ActorSystem, frantic_threads: None
) -> None:
    handled: set[tuple[int, int]] = set()
    letters: list[object] = []
    system.bus.subscribe(lambda event: letters.append(event.message), DeadLetter)  # type: ignore[attr-defined]
    first: list[ActorRef] = []
    started = threading.Event()
    spec = ChildSpec(id="c", start=Start(Counting, (handled,)), restart=Restart.PERMANENT)
    boss = system.spawn(Restarter, spec, first, started)
    assert started.wait(5)
    (ref,) = first
    deadline = monotonic() + SECONDS
    told: list[set[tuple[int, int]]] = [set() for _ in range(SENDERS)]
    refused: list[set[tuple[int, int]]] = [set() for _ in range(SENDERS)]
    asks: Counter[str] = Counter()
    lives_seen: set[int] = set()

    def sender(me: int) -> None:
        number = 0
        while monotonic() < deadline:
            number += 1
            message = (me, number)
            if number % 3 == 0:
                try:
                    assert ref.ask(message, timeout=10) == message
                    asks["answered"] += 1
                except ActorDeadError:
                    asks["refused"] += 1
                except ValueError:
                    raise AssertionError("an ask got the error of another message") from None
                continue
            told[me].add(message)
            try:
                ref.tell(message)
            except ActorDeadError:
                refused[me].add(message)

    def breaker() -> None:
        turn = 0
        while monotonic() < deadline:
            turn += 1
            lives_seen.add(ref.incarnation)
            try:
                if turn % 3 == 0:
                    ref.kill()
                elif turn % 3 == 1:
                    ref.tell("crash")
                else:
                    ref.ask("crash", timeout=10)
            except (ActorDeadError, ValueError):
                pass
            threading.Event().wait(0.0005)

    threads = [threading.Thread(target=sender, args=(me,)) for me in range(SENDERS)]
    threads.append(threading.Thread(target=breaker))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "somebody waits for an answer that never comes"
    boss.stop()
    assert system.shutdown(5.0) == ()
    sent = set().union(*told)
    lost = sent - handled - {letter for letter in letters if isinstance(letter, tuple)}
    assert lost == set()
    # Refused ones are dead letters as well, and nothing that was handled is reported lost.
    assert set().union(*refused) <= {letter for letter in letters if isinstance(letter, tuple)}
    assert handled.isdisjoint(letter for letter in letters if isinstance(letter, tuple))
    assert len(lives_seen) > 3
    assert asks["answered"] > 0
