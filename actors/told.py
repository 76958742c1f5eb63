"""What `tell` gives: a message that is on its way, and whether its receiver keeps pace."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

from .errors import AskTimeout

if TYPE_CHECKING:
    from .futures import AskFuture

__all__ = ("TOLD", "Told")


class Told:
    """The message has been taken, and nothing more needs to be done. Who sends many may await it, or `wait`, to keep
    the receiver's pace: it goes on at once while there is credit, else when half of the window is free again.

    Only the link to another process has credit; whoever is told in this one is bounded by its mailbox's options.
    """

    __slots__ = ("_room",)

    def __init__(self, room: Callable[[], AskFuture[None] | None] | None = None) -> None:
        self._room = room  # gives what is answered once there is room, None if there is some

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for room, at most `timeout` seconds; False if there was none. Blocks; the dead need no room."""
        room = None if self._room is None else self._room()
        if room is None:
            return True
        try:
            room.get(timeout=timeout)
        except AskTimeout:
            return False
        return True

    def __await__(self) -> Generator[Any, None, None]:
        """Await room without holding up the event loop."""
        room = None if self._room is None else self._room()
        if room is not None:
            yield from room.__await__()


TOLD: Final = Told()
"""There is room."""
