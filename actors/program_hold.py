"""Keeping a program from ending: Python waits for threads that are no daemons, and ours are daemons all."""

from __future__ import annotations

import os
import threading

__all__ = ("ProgramHold",)


class ProgramHold:
    """As long as somebody holds it, a program whose main thread has returned goes on.

    One thread for all who hold, and none while nobody does. Runs in: any thread; never blocks.
    """

    def __init__(self) -> None:
        self._begin()
        # A fork leaves the thread behind, and those it held the program for; perhaps while it had the lock.
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._holders: set[object] = set()
        self._thread: threading.Thread | None = None

    def take(self, holder: object) -> None:
        """Hold the program. Errors: RuntimeError if the OS gives no thread for the first holder."""
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._wait, name="regrow-hold", daemon=False)
                thread.start()  # it waits for the lock, so it finds the holder
                self._thread = thread
            self._holders.add(holder)

    def drop(self, holder: object) -> None:
        """Let go of it. Nothing happens if it was not held."""
        with self._changed:
            self._holders.discard(holder)
            self._changed.notify()

    def __len__(self) -> int:
        return len(self._holders)

    def _wait(self) -> None:
        with self._changed:
            while self._holders:
                self._changed.wait()  # without a deadline: the program lives as long as its actors do, as with pykka
            self._thread = None
