"""Forks that nobody needs yet: the next start finds one that has done all but become somebody.

Bounded, counted, watched: a spare that dies is replaced, and if spares die again and again there are none any more.
They know what their zygote knew when it forked them, so they are dismissed when it has learned something since.

Runs in: the I/O thread, but for `take`, which gives one away in the thread that needs it: that saves a start the hop.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from functools import partial
from typing import Final

from ...protocol.errors import CodecError
from .kernel_facts import is_stopped
from .launcher import LaunchOutcome, LaunchRequest, discard
from .loop import READ, Interest, IoLoop
from .zygote_link import Fork

__all__ = ("SPARES_MAX", "Spares")

SPARES_MAX: Final = 16  # each one holds a few megabytes that are its own
LOST_MAX: Final = 3  # in a row, before any was needed: then something here does not let them live


class Spares:
    """The forks at hand. `ask` asks the zygote that serves for one more, or gives None if there is none."""

    def __init__(self, loop: IoLoop, *, ask: Callable[[], Fork | None], warn: Callable[[str], None]) -> None:
        self.wanted = 0  # how many to keep; set by `want`
        self.taken = 0
        self.lost = 0
        self._loop = loop
        self._ask = ask
        self._warn = warn
        self._lock = threading.Lock()  # guards the list and `at_hand`: whoever takes one off the list has it alone
        self._forks: list[Fork] = []  # the oldest first; the last ones may not be there yet
        self._lost_in_a_row = 0

    def want(self, wanted: int) -> None:
        """Keep so many from the next `refill` on, whatever has become of those before. Runs in: any thread."""
        with self._lock:
            self.wanted = wanted
            self._lost_in_a_row = 0

    def take(self, request: LaunchRequest, on_launched: Callable[[LaunchOutcome], None]) -> bool:
        """Let one that is there become this; say whether there was one. Runs in: any thread."""
        while True:
            with self._lock:
                fork = next((fork for fork in self._forks if fork.at_hand), None)
                if fork is None or fork.process is None:
                    return False
                self._forks.remove(fork)
            if is_stopped(fork.process.pid):  # by a signal: it would not answer
                self._loop.call(partial(self._dismiss, fork))
                continue
            try:
                fork.become(request, on_launched)
            except (OSError, CodecError) as error:
                self._loop.call(partial(self._dismiss, fork))
                if isinstance(error, CodecError) or error.errno == errno.EMSGSIZE:
                    return False  # no fork can be told
                continue  # it has died just now
            self._count()
            return True

    def pids(self) -> tuple[int, ...]:
        """Their numbers. Runs in: any thread."""
        with self._lock:
            return tuple(fork.process.pid for fork in self._forks if fork.at_hand and fork.process is not None)

    def next_unborn(self) -> Fork | None:
        """Give one that was asked for and is not there yet, and forget it: it is somebody's now."""
        with self._lock:
            fork = next((fork for fork in self._forks if fork.process is None), None)
            if fork is not None:
                self._forks.remove(fork)
            return fork

    def refill(self) -> None:
        """Ask for as many as are missing; dismiss those that are too many."""
        with self._lock:
            excess, self._forks = self._forks[self.wanted :], self._forks[: self.wanted]
        for fork in excess:
            self._dismiss(fork)
        while len(self._forks) < self.wanted and self._lost_in_a_row < LOST_MAX:
            fresh = self._ask()
            if fresh is None:
                return
            with self._lock:
                self._forks.append(fresh)

    def dismiss_all(self) -> None:
        """Let all go: their zygote does not serve any more, or has learned something since."""
        with self._lock:
            forks, self._forks = self._forks, []
        for fork in forks:
            self._dismiss(fork)

    def close(self) -> None:
        """Let all go, when there is no loop any more."""
        with self._lock:
            forks, self._forks = self._forks, []
        for fork in forks:
            fork.cradle.close()

    def born(self, fork: Fork) -> None:
        """Watch one that is there now, then let it be taken; unless it was dismissed meanwhile."""
        if fork.process is None:
            raise AssertionError("a fork without a process")
        if fork not in self._forks:  # only this thread takes one off that is not at hand
            self._dismiss(fork)
            return
        self._loop.watch(Interest(fork.process.death_fd, lambda _: self._died(fork), self._failed), READ)
        with self._lock:
            fork.at_hand = True  # not a moment before: from here on another thread may have it

    def forget(self, fork: Fork) -> bool:
        """Forget one that will not be; say whether it was a spare."""
        with self._lock:
            known = fork in self._forks
            if known:
                self._forks.remove(fork)
        return known

    def _count(self) -> None:
        with self._lock:
            self.taken += 1
            self._lost_in_a_row = 0

    def _dismiss(self, fork: Fork) -> None:
        fork.cradle.close()
        if fork.process is not None:
            discard(fork.process, self._loop, self._failed)

    def _died(self, fork: Fork) -> None:
        process = fork.process
        if process is None:
            raise AssertionError("a fork without a process")
        self._loop.forget(process.death_fd)
        if not self.forget(fork):
            return  # somebody has it: who took it watches it from now on, or gives it back to be dismissed
        self.lost += 1
        self._lost_in_a_row += 1
        if self._lost_in_a_row == LOST_MAX:
            self._warn(f"{LOST_MAX} spare processes have died before anybody needed them; no more are kept")
        fork.cradle.close()
        process.reap(lambda _end: process.close())
        self.refill()

    def _failed(self, error: Exception) -> None:
        self._warn(f"spares: {type(error).__name__}: {error}")
