"""The beats of a hosted process, written into its black box by its main thread, which handles no messages.

An old beat means that no Python code runs: the GIL is held, the process has no processor, or it is stopped. The beat
of a root that runs on an event loop is one of that loop.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Final

from ..life import Life
from .black_box import PAGE_BYTES, BlackBoxWriter

if TYPE_CHECKING:
    from ..ref import ActorRef

__all__ = ("CHILD_IO", "Pulse", "write_stacks_at_sigusr1")

CHILD_IO: Final = "regrow-child-io"
_CLOCK: Final = "regrow-clock"


class Pulse:
    """Runs in: the main thread."""

    def __init__(self, black_box: BlackBoxWriter) -> None:
        self._black_box = black_box
        self._loop_owes = False  # the event loop has been asked for a beat

    def beat(self, root: ActorRef) -> None:
        """Say that Python code runs, and have the root's event loop say so, too, if it has one."""
        life = root.cell
        waits = isinstance(life, Life) and life.waiting_for is not None
        self._black_box.beat(time.monotonic_ns(), waits=waits)
        self._black_box.hosts(root.system.processes_hosted)
        known = {thread.name: thread.native_id or 0 for thread in threading.enumerate()}
        self._black_box.own_threads(known.get(CHILD_IO, 0), known.get(_CLOCK, 0))
        if isinstance(life, Life) and life.dispatcher.name == "asyncio" and not self._loop_owes:
            self._ask_loop(life)

    def _ask_loop(self, life: Life) -> None:
        from ..dispatchers.asyncio_loop import AsyncioDispatcher  # there already, since it runs the root

        if isinstance(life.dispatcher, AsyncioDispatcher):
            self._loop_owes = True
            with contextlib.suppress(RuntimeError):  # it has been closed: the root is at its end
                life.dispatcher.loop.call_soon_threadsafe(self._loop_beats)

    def _loop_beats(self) -> None:
        self._loop_owes = False
        self._black_box.loop_beat()


def write_stacks_at_sigusr1(black_box_fd: int) -> None:
    """Have all stacks written behind the page when SIGUSR1 comes. The descriptor has to stay open."""
    if hasattr(faulthandler, "register"):
        os.lseek(black_box_fd, PAGE_BYTES, os.SEEK_SET)
        faulthandler.register(signal.SIGUSR1, file=black_box_fd, all_threads=True)
