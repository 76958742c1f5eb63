"""How a turn ends, and how it stands with whoever reads a mailbox when it does."""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ("AWAITS", "IDLE", "MORE", "MOVED", "OVER", "Rest")


class Rest(Enum):
    """How a turn ended."""

    IDLE = "idle"  # it will be woken when there is something to do
    MORE = "more"  # there may be more to do, and others have their turn first
    AWAITS = "awaits"  # a coroutine of it runs; the turn goes on when that is done
    MOVED = "moved"  # another dispatcher runs it from now on
    OVER = "over"  # the life has ended; never again


# Every turn looks at some of them, and what is looked up in an Enum costs as much as a call.
IDLE: Final = Rest.IDLE
MORE: Final = Rest.MORE
AWAITS: Final = Rest.AWAITS
MOVED: Final = Rest.MOVED
OVER: Final = Rest.OVER
