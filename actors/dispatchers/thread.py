"""A thread for every life: handlers may block, libraries may be bound to their thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ..clock import monotonic
from ..errors import AsyncElsewhere
from .dispatcher import NO_LIMIT, Rest
from .futex_hash import FutexHash

if TYPE_CHECKING:
    from ..current import Here
    from ..life import Life

__all__ = ("ThreadDispatcher",)


class ThreadDispatcher:
    """One daemon thread a life, named `regrow-NAME`; idle lives wait on a lock, which is the cheapest wake there is."""

    name = "thread"
    runs_coroutines = False
    lends = False

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
            thread.start()
        except BaseException:
            if thread.ident is None:  # else it runs, and an interrupt has come while that was waited for
                self._threads.pop(thread, None)
            raise

    def wake(self, life: Life) -> None:
        """Let its thread go on."""
        life.place.release()

    def lends_here(self, life: Life, me: Here, *, exact: bool) -> bool:
        """No: its code is bound to its thread."""
        del life, me, exact
        return False

    def would_block(self) -> bool:
        """Never: each has a thread of its own."""
        return False

    def run_here(self, life: Life, me: Here) -> None:
        """Refuse: its code is bound to its thread."""
        del me
        raise AssertionError(f"{life}: a thread's life is not lent")

    def drive(
        self,
        life: Life,
        coroutine: Coroutine[Any, Any, object],
        done: Callable[[BaseException | None, object], None],
    ) -> None:
        """Refuse. Errors: AsyncElsewhere."""
        del done
        coroutine.close()
        raise AsyncElsewhere(life.ref, self.name)

    def cut(self, life: Life) -> None:
        """Nothing can be done: a thread cannot be ended from outside."""

    def publish_to(self, publish: Callable[[object], None]) -> None:
        """There is nothing to tell."""

    def rescue(self) -> None:
        """Nothing to do: a thread goes only when its life does."""

    def close(self, deadline: float) -> bool:
        """Join every thread. Gives False if some run on."""
        own = threading.current_thread()
        for thread in tuple(self._threads):
            if thread is not own:
                thread.join(max(0.0, deadline - monotonic()))
        return not any(thread.is_alive() for thread in tuple(self._threads) if thread is not own)

    def _run(self, life: Life, gate: threading.Lock) -> None:
        rest = Rest.OVER
        try:
            while True:
                life.mailbox.begin()
                rest = life.turn(NO_LIMIT)
                if rest is not Rest.IDLE:
                    return
                gate.acquire()
        finally:
            if rest is not Rest.MOVED:
                life.finished()
            self._threads.pop(threading.current_thread(), None)
