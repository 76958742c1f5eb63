"""What tests of dispatchers wait for: the end of an actor, or something that nobody tells of."""

from __future__ import annotations

import threading
from collections.abc import Callable

from regrow.actors import ActorExited
from regrow.actors.bus import EventQueue


def exited(exits: EventQueue) -> ActorExited:
    """Give the next end."""
    event = exits.get()
    assert isinstance(event, ActorExited)
    return event


def until(true: Callable[[], bool]) -> None:
    """Look again and again until it is so."""
    ticking = threading.Event()
    for _ in range(5_000):
        if true():
            return
        ticking.wait(0.001)
    raise AssertionError("expected it within 5 seconds")
