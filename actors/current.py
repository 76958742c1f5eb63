"""Which actor's code runs on this thread: asked by whoever must know who is calling."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from ..protocol.exits import KILLED
from .control import ActorExit

if TYPE_CHECKING:
    from .life import Life

__all__ = ("calling_life", "current_life", "enter_life")


class _Current(threading.local):
    life: Life | None = None


_current = _Current()


def current_life() -> Life | None:
    """The life whose turn runs on this thread, None outside of any actor."""
    return _current.life


def calling_life() -> Life | None:
    """The same, for those who send or start something. Errors: ActorExit, which ends an abandoned life's code."""
    life = _current.life
    if life is not None and life.fenced:
        raise ActorExit(KILLED, killed=True)
    return life


def enter_life(life: Life | None) -> Life | None:
    """Say whose turn begins on this thread; gives whose it was."""
    before, _current.life = _current.life, life
    return before
