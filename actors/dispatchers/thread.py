"""A thread for every life: handlers may block, libraries may be bound to their thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..current import here
from ..rest import IDLE
from .bell import Bell, Waiter
from .dispatcher import NO_LIMIT
from .futex_hash import FutexHash
from .threads import begin, ended
from .turns import leave, take_turn
from .without_coroutines import WithoutCoroutines

if TYPE_CHECKING:
    from ..current import Here
    from ..life import Life

__all__ = ("ThreadDispatcher",)


class ThreadDispatcher(WithoutCoroutines):
    """One daemon thread a life, named `regrow-NAME`; idle lives wait on a lock, which is the cheapest wake there is."""

    name = "thread"

    def __init__(self) -> None:
        self._threads: dict[threading.Thread, None] = {}
        self._futex_hash = FutexHash()

    def launch(self, life: Life) -> None:
        """Start its thread. Errors: RuntimeError if the OS gives no more threads."""
        gate = threading.Lock()
        gate.acquire()
        life.place = gate
        thread = threading.Thread(target=self._run, args=(life, gate), name=f"regrow-{life.label}", daemon=True)
        self._threads[thread] = None
        self._futex_hash.make_room(len(self._threads))
        try:
            begin(thread)
        except BaseException:
            if thread.ident is None:  # else it runs, and an interrupt has come while that was waited for
                self._threads.pop(thread, None)
            raise

    def wake(self, life: Life) -> None:
        """Let its thread go on."""
        life.place.release()

    def linger(self, life: Life, where: Callable[[Waiter], object]) -> None:
        """Have it wait for its next message there, for a moment, before it sleeps. Once; runs in: its own thread.

        Errors: OSError if there is no descriptor left to ring with.
        """
        life.place = Bell(life.place)  # whoever knows only the gate opens that, and is seen a moment later
        life.lingers = where

    def lends_here(self, life: Life, me: Here, *, exact: bool) -> bool:
        """No: its code is bound to its thread."""
        del life, me, exact
        return False

    def run_here(self, life: Life, me: Here) -> None:
        """Refuse: its code is bound to its thread."""
        del me
        raise AssertionError(f"{life}: a thread's life is not lent")

    def publish_to(self, publish: Callable[[object], None]) -> None:
        """There is nothing to tell."""

    def close(self, deadline: float) -> bool:
        """Join every thread. Gives False if some run on."""
        own = threading.current_thread()
        return all(ended(thread, deadline) for thread in tuple(self._threads) if thread is not own)

    def _run(self, life: Life, gate: threading.Lock) -> None:
        me = here()
        try:
            while True:
                life.mailbox.begin()
                rest = take_turn(life, me, NO_LIMIT)
                if rest is not IDLE:
                    break
                if life.lingers is not None:
                    life.place.linger(life.lingers)
                gate.acquire()
            leave(life, rest)
        finally:
            if isinstance(life.place, Bell):
                life.place.close()
            self._threads.pop(threading.current_thread(), None)
