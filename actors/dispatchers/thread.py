"""A thread for every life: handlers may block, libraries may be bound to their thread."""

from __future__ import annotations

import threading

from ..clock import monotonic
from .dispatcher import Runnable
from .futex_hash import FutexHash

__all__ = ("ThreadDispatcher",)


class ThreadDispatcher:
    """One daemon thread a life, named `regrow-NAME`; idle lives wait on a lock, which is the cheapest wake there is."""

    def __init__(self) -> None:
        self._threads: dict[threading.Thread, None] = {}
        self._futex_hash = FutexHash()

    def launch(self, runnable: Runnable) -> None:
        """Start its thread. Errors: RuntimeError if the OS gives no more threads."""
        gate = threading.Lock()
        gate.acquire()
        runnable.on_wake(gate.release)
        thread = threading.Thread(target=self._run, args=(runnable, gate), name=f"regrow-{runnable.label}", daemon=True)
        self._threads[thread] = None
        self._futex_hash.make_room(len(self._threads))
        try:
            thread.start()
        except BaseException:
            if thread.ident is None:  # else it runs, and an interrupt has come while that was waited for
                self._threads.pop(thread, None)
            raise

    def close(self, deadline: float) -> bool:
        """Join every thread. Gives False if some run on."""
        own = threading.current_thread()
        for thread in tuple(self._threads):
            if thread is not own:
                thread.join(max(0.0, deadline - monotonic()))
        return not any(thread.is_alive() for thread in tuple(self._threads) if thread is not own)

    def _run(self, runnable: Runnable, gate: threading.Lock) -> None:
        try:
            while runnable.turn():
                gate.acquire()
        finally:
            runnable.finished()
            self._threads.pop(threading.current_thread(), None)
