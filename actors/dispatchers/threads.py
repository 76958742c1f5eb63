"""Start and join threads although an interrupt may come between the two."""

from __future__ import annotations

import threading
from typing import Final

from ..clock import monotonic

__all__ = ("begin", "ended")

FIRST_STEP_SECONDS: Final = 1.0  # for a thread that the OS has given, on a loaded machine
_STEP_SECONDS: Final = 0.001


def begin(thread: threading.Thread) -> None:
    """Start a thread. Runs in: the caller's thread; it blocks until the thread runs.

    Errors: RuntimeError if the OS gives none, and KeyboardInterrupt; after either, `ident` is None if there is no
    thread. `Thread.start` alone leaves that open when it is interrupted: what it has started may still have to take its
    first step.
    """
    try:
        thread.start()
    except Exception:
        raise
    except BaseException:
        _has_begun(thread, monotonic() + FIRST_STEP_SECONDS)
        raise


def ended(thread: threading.Thread, deadline: float) -> bool:
    """Wait for a thread's end, also if somebody else is only about to start it; say whether it has ended."""
    if _has_begun(thread, min(deadline, monotonic() + FIRST_STEP_SECONDS)):
        thread.join(max(0.0, deadline - monotonic()))
    return not thread.is_alive()


def _has_begun(thread: threading.Thread, deadline: float) -> bool:
    pause = threading.Event()
    while thread.ident is None:
        if monotonic() >= deadline:
            return False
        pause.wait(_STEP_SECONDS)  # its own event is not ours to wait for
    return True
