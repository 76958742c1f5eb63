"""What each end of a link has unfinished at the other: counters in both directions, and a window that they fill.

What lives here: counting, and when the other end is to be told. What must not: who waits for credit (`pace.py` of the
shell). Nobody is kept from sending without credit, so that nothing that waits for an answer can wait for itself.
Source: the cumulative credit of RSocket and of HTTP/2's WINDOW_UPDATE, granted again at half of the window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from ..errors import LocalProtocolError, RemoteProtocolError
from ..frames import Frame
from ..limits import WINDOW_MAX
from .messages import Window

__all__ = ("WRAP", "Credit", "check_window")

WRAP: Final = 1 << 32
"""Where the counters of a frame's header begin anew."""


class Credit:
    """The counters of one end. Not locked: as LinkProtocol, which is one."""

    def __init__(self, window_messages: int, window_bytes: int, *, acknowledge_on_receipt: bool) -> None:
        self.resize(Window(window_messages, window_bytes), LocalProtocolError)
        self._acknowledge_on_receipt = acknowledge_on_receipt
        self._waiting = 0  # credited messages in the data lane
        self._sent = 0
        self._unfinished: deque[int] = deque()  # bytes of each credited message that the peer has not finished
        self._unfinished_bytes = 0
        self._received = 0
        self._received_bytes = 0  # since all of it was finished with, and the peer was told
        self._finished = 0
        self._told = 0  # what the last frame of ours said in `acked`

    @property
    def said(self) -> int:
        """Tells and asks that were given to `send` and `tell`, so far."""
        return self._sent + self._waiting

    @property
    def in_flight(self) -> int:
        """Tells and asks that were sent and that the peer has not finished with."""
        return len(self._unfinished)

    @property
    def outstanding(self) -> int:
        """As `in_flight`, with those that wait to be written."""
        return len(self._unfinished) + self._waiting

    @property
    def has_credit(self) -> bool:
        """Whether another tell or ask fits the window of the peer; one that waits to be written counts as sent."""
        return self.has_credit_for(1)

    def has_credit_for(self, count: int, waiting_bytes: int = 0) -> bool:
        """Whether so many more fit, while so many bytes wait to be written."""
        fits = self.outstanding + count <= self._window_messages
        return fits and self._unfinished_bytes + waiting_bytes < self._window_bytes

    @property
    def has_room(self) -> bool:
        """Whether no more than half of the window is used, so that who waits for credit gets enough to go on with."""
        return self.has_room_beside(0)

    def has_room_beside(self, count: int, waiting_bytes: int = 0) -> bool:
        """The same, with so many more messages, and while so many bytes wait to be written."""
        room = self.outstanding + count <= self._window_messages // 2
        return room and self._unfinished_bytes + waiting_bytes <= self._window_bytes // 2

    @property
    def unfinished(self) -> int:
        """How many tells and asks of the peer have come and are not finished with."""
        return self._received - self._finished

    @property
    def is_flooded(self) -> bool:
        """Whether the peer has sent far more than the window."""
        return self.unfinished > 2 * self._window_messages

    @property
    def has_unfinished(self) -> bool:
        """Whether so much has come that was not yet finished with that the peer waits to hear of it."""
        return self._is_much(self._received - self._told)

    def acknowledge(self, count: int = 1) -> None:
        """Say that `count` tells and asks of the peer have been finished with. The next frame tells the peer."""
        if self._finished + count > self._received:
            raise LocalProtocolError("acknowledge", expected=f"at most {self.unfinished} unfinished", got=count)
        self._finished += count

    def finished_but(self, waiting: int) -> None:
        """Say that all tells and asks of the peer have been finished with, but for `waiting` at most."""
        self._finished = max(self._finished, self._received - waiting)

    def resize(self, window: Window, error: type[LocalProtocolError | RemoteProtocolError]) -> None:
        """Have another window from now on, both ways. Errors: `error` for a number that makes none."""
        check_window(window, error)
        self._window_messages, self._window_bytes = window.messages, window.bytes

    def _count_out(self, sizes: Sequence[int]) -> None:
        self._waiting -= len(sizes)
        self._sent += len(sizes)
        self._unfinished.extend(sizes)
        self._unfinished_bytes += sum(sizes)

    def _tell(self) -> int:
        """Give what the next frame says of what was finished with."""
        self._told = self._finished
        if self._told == self._received:
            self._received_bytes = 0
        return self._told

    @property
    def _is_owed(self) -> bool:
        """Whether so much was finished with that the peer may wait to hear of it."""
        return self._is_much(self._finished - self._told)

    def _is_much(self, untold: int) -> bool:
        """Whether so many that the peer was not told of are half of a window, by their number or their bytes."""
        if untold >= max(1, self._window_messages // 2):
            return True
        return untold > 0 and self._received_bytes >= self._window_bytes // 2

    def _count_in(self, frame: Frame, credited: int) -> None:
        """Check the header's counters and take the credit that they grant."""
        if frame.sequence != (self._received + credited) % WRAP:
            raise RemoteProtocolError(
                "frame sequence", expected=str((self._received + credited) % WRAP), got=frame.sequence
            )
        finished = (frame.acked - (self._sent - len(self._unfinished))) % WRAP
        if finished > len(self._unfinished):
            raise RemoteProtocolError("frame acked", expected=f"at most {self._sent % WRAP}", got=frame.acked)
        for _ in range(finished):
            self._unfinished_bytes -= self._unfinished.popleft()
        self._received += credited
        if credited:
            self._received_bytes += len(frame.payload)
        if self._acknowledge_on_receipt:
            self._finished = self._received


def check_window(window: Window, error: type[LocalProtocolError | RemoteProtocolError]) -> None:
    """Refuse numbers that make no window. Errors: `error`."""
    for name, value in (("messages", window.messages), ("bytes", window.bytes)):
        if not 0 < value <= WINDOW_MAX:
            raise error(f"window.{name}", expected=f"1 to {WINDOW_MAX}", got=value)
