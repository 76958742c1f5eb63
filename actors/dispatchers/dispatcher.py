"""The seam between a life and where it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from ..current import Here
    from ..life import Life

__all__ = ("DEPTH_MAX", "NO_LIMIT", "QUANTUM", "Dispatcher", "report_mistake")

NO_LIMIT: Final = 1 << 62

QUANTUM: Final = 64
"""Messages that a life handles before the next one has its turn, where lives share a thread."""

DEPTH_MAX: Final = 16
"""Turns inside each other on one thread: each of them takes stack. Beyond, the next one waits for a thread."""


def report_mistake(error: BaseException) -> None:
    """Let a mistake of ours, which has ended a life, be seen; the thread has others to run."""
    threading.excepthook(
        threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
    )


class Dispatcher(Protocol):
    """A place to run lives: one turn of a life after the other, never two at a time."""

    @property
    def name(self) -> str:
        """What it is called where a dispatcher is chosen."""

    @property
    def runs_coroutines(self) -> bool:
        """True if hooks and handlers may be `async def`."""

    def lends_here(self, life: Life, me: Here, *, exact: bool) -> bool:
        """Say whether this thread, whose owner waits for `life`, may run a turn of it now. `exact`: for a set time."""

    def would_block(self) -> bool:
        """Say whether to wait on this thread, now, would keep all its lives from running."""

    def launch(self, life: Life) -> None:
        """Begin to run it. Never waits for it. Errors: RuntimeError if there is no thread to be had."""

    def wake(self, life: Life) -> None:
        """Let an idle life have a turn. Runs in: any thread; once for each time that it went idle."""

    def run_here(self, life: Life, me: Here) -> None:
        """Run a turn that this thread has seized (`Mailbox.seize`). Only where lives are lent."""

    def drive(
        self,
        life: Life,
        coroutine: Coroutine[Any, Any, object],
        done: Callable[[BaseException | None, object], None],
    ) -> None:
        """Run a coroutine of a life; `done` gets its error or its value, and then its turn goes on.

        Errors: AsyncElsewhere where coroutines cannot run.
        """

    def cut(self, life: Life) -> None:
        """Hear that a life was killed while its code ran: cancel what can be cancelled. Runs in: any thread."""

    def publish_to(self, publish: Callable[[object], None]) -> None:
        """Tell events here, if it has any to tell."""

    def rescue(self) -> None:
        """End those lives that cannot run any more, because what ran them has gone. Runs in: any thread."""

    def close(self, deadline: float) -> bool:
        """Wait until `deadline` (monotonic) for every thread to end. Gives False if some have not."""
