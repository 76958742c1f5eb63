"""Persist, then acknowledge: what waits until it is safe to say it.

What lives here: the changes of one turn of the gateway's loop, the messages that wait for them, and their release once
the store has committed. What must not: which message has to wait; the broker marks them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from regrow.connect.store import Change, Store, StoreError
from regrow.protocol.session.messages import Message

__all__ = ("Commits",)


class Commits:
    """Runs in: the gateway's loop; only the store calls back from its own thread."""

    def __init__(
        self,
        store: Store,
        say: Callable[[str, Message], None],
        fail: Callable[[StoreError], None],
        observe: Callable[[float], None] | None = None,  # told, by any thread, how many seconds a commit took
    ) -> None:
        self._store = store
        self._say = say
        self._fail = fail
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._changes: list[Change] = []  # of this turn
        self._held: list[tuple[str, Message]] = []  # of this turn: connection, message
        self._done: deque[tuple[list[tuple[str, Message]], StoreError | None]] = deque()
        self._release_scheduled = False

    def save(self, change: Change) -> None:
        """Add a change to this turn."""
        self._changes.append(change)

    def hold(self, connection: str, message: Message) -> None:
        """Say a message once everything saved so far is safe."""
        self._held.append((connection, message))

    def end_turn(self) -> None:
        """Hand the store what this turn has to save: one write a turn, however many changes."""
        if not self._changes and not self._held:
            return
        changes, held = self._changes, self._held
        self._changes, self._held = [], []

        began = self._loop.time()

        def committed(error: StoreError | None) -> None:
            if self._observe is not None:
                self._observe(self._loop.time() - began)
            self._done.append((held, error))
            if not self._release_scheduled:  # one wake-up a commit, however many turns it holds
                self._release_scheduled = True
                self._loop.call_soon_threadsafe(self.release)

        self._store.write(changes, committed)

    def release(self) -> None:
        """Say what waited for commits that are done."""
        self._release_scheduled = False
        while self._done:
            held, error = self._done.popleft()
            if error is not None:
                self._fail(error)
                return
            for connection, message in held:
                self._say(connection, message)

    async def barrier(self, seconds: float) -> bool:
        """Wait until all that was asked to be saved is safe and its messages are said; False if that took too long."""
        self.end_turn()
        done = asyncio.Event()

        def committed(_: StoreError | None) -> None:
            self._loop.call_soon_threadsafe(done.set)

        self._store.write((), committed)
        try:
            async with asyncio.timeout(seconds):
                await done.wait()
        except TimeoutError:
            return False
        self.release()
        return True
