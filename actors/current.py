"""Which actor's code runs on this thread: asked by whoever must know who is calling."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from ..protocol.exits import KILLED
from .control import ActorExit

if TYPE_CHECKING:
    from .dispatchers.pool import PoolDispatcher
    from .dispatchers.worker import Worker
    from .life import Life

__all__ = ("FENCES", "Fences", "Here", "calling_life", "current_life", "enter_life", "here")


class Here:
    """What is known of one thread."""

    __slots__ = ("depth", "interrupt", "interruptible", "life", "may_wait", "pool", "worker")

    def __init__(self) -> None:
        self.life: Life | None = None  # whose turn runs on it
        self.depth = 0  # of turns that run inside each other, because who asks runs the one who answers
        self.interrupt: BaseException | None = None  # raised by a turn that was run for who waits on this thread
        self.pool: PoolDispatcher | None = None  # whose it is: it has others to do its work while it waits
        self.worker: Worker | None = None  # which of its threads it is
        self.may_wait = True  # False: a full mailbox must not keep it waiting, others depend on it
        self.interruptible = False  # another thread may raise something in it, between any two steps


class _Threads(threading.local):
    def __init__(self) -> None:
        self.here = Here()


_threads: Final = _Threads()


def here() -> Here:
    """What is known of this thread."""
    return _threads.here


class Fences:
    """How many abandoned lives still run: as long as there is none, nobody who sends has to look who sends."""

    __slots__ = ("_lock", "count")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.count = 0

    def put_up(self) -> None:
        """Count one more; before it is fenced."""
        with self._lock:
            self.count += 1

    def take_down(self) -> None:
        """Count one less; once its code has come to its end."""
        with self._lock:
            self.count -= 1


FENCES: Final = Fences()
"""Of the whole process: an actor of one system may send to one of another."""


def current_life() -> Life | None:
    """The life whose turn runs on this thread, None outside of any actor."""
    return _threads.here.life


def calling_life() -> Life | None:
    """The same, for those who send or start something. Errors: ActorExit, which ends an abandoned life's code."""
    life = _threads.here.life
    if life is not None and life.fenced:
        raise ActorExit(KILLED, killed=True)
    return life


def enter_life(life: Life | None) -> Life | None:
    """Say whose turn begins on this thread; gives whose it was."""
    me = _threads.here
    before, me.life = me.life, life
    return before
