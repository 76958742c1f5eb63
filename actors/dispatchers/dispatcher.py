"""The seam between a life and where it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ("Dispatcher", "Runnable")


class Runnable(Protocol):
    """What a dispatcher runs: a life, one turn after the other, never two at a time."""

    @property
    def label(self) -> str:
        """What to call its thread."""

    def on_wake(self, wake: Callable[[], object]) -> None:
        """Learn what to call when it is idle and a message comes: exactly once for each idle turn."""

    def turn(self) -> bool:
        """Run until nothing is left to do. True: idle, call again after wake. False: over, never call again."""

    def finished(self) -> None:
        """Hear that no thread runs it any more."""


class Dispatcher(Protocol):
    """A place to run lives."""

    def launch(self, runnable: Runnable) -> None:
        """Begin to run it. Never waits for it. Errors: RuntimeError if there is no thread to be had."""

    def close(self, deadline: float) -> bool:
        """Wait until `deadline` (monotonic) for every thread to end. Gives False if some have not."""
