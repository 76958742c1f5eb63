"""The pace of a link: whether the window of the other side is used up, who waits until half of it is free again, and
when the other side is told how far this one is.

The counting: `protocol/host/credit.py`. A message is finished with, there, when it has left the mailbox. Nobody says so
of every one, which would cost as much as the rest: the mailboxes are looked at when half of a window has come, and
then again and again as long as so much of it waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..events import MailboxHigh, MailboxLow
from ..futures import AskFuture
from ..mailbox import Mailbox
from ..told import TOLD, Told

if TYPE_CHECKING:
    from ..ref import ActorRef
    from ..system import ActorSystem
    from .link_socket import LinkSocket
    from .loop import IoLoop

__all__ = ("Pace", "waiting_for")


LOOK_SECONDS: Final = 0.001  # between looks at how many messages wait, while the other side may wait to hear of it
LOOK_MAX_SECONDS: Final = 0.02  # the same if nothing moves, or far too much waits


class Pace:
    """Runs in: any thread, but for `after_read`: whoever reads the link. Never blocks.

    `backlog` says how many messages of the other side still wait, `kept` how many of ours that the link has not got.
    MailboxHigh and MailboxLow, of `whom`, are published when the window is used up, and when half of it is free again.
    """

    def __init__(
        self,
        link: LinkSocket,
        loop: IoLoop,
        system: ActorSystem,
        *,
        whom: Callable[[], ActorRef | None],
        backlog: Callable[[], int],
        kept: Callable[[], int] = lambda: 0,
    ) -> None:
        self._link = link
        self._loop = loop
        self._system = system
        self._whom = whom
        self._backlog = backlog
        self._kept = kept
        self._lock = threading.Lock()
        self._room_again: AskFuture[None] = AskFuture()  # for all who wait now
        self._closed = False
        self.held_back = Told(self._room)  # for who has sent while it is saturated
        self._patience = LOOK_SECONDS
        self._looks = False  # another look at the backlog is to come
        self.saturated = False
        link.on_pause = self.after_read

    # Ours, on their way to the other side.

    @property
    def outstanding(self) -> int:
        """How many messages of ours the other side has not begun with, as far as it has said."""
        return self._link.outstanding + self._kept()

    def told(self) -> Told:
        """What to give to who has just sent a message."""
        if self.saturated:
            return self.held_back
        if self._link.has_credit_beside(self._kept()):
            return TOLD
        return self._hold_back()

    def full(self) -> bool:
        """Whether somebody who can do without should not send now."""
        return self.saturated or not self._link.has_credit_beside(self._kept())

    def look(self) -> None:
        """See whether there is room again: after credit has come."""
        if not self.saturated or not (self._closed or self._link.has_room_beside(self._kept())):
            return
        with self._lock:
            fallen, self.saturated = self.saturated, False
            room, self._room_again = self._room_again, AskFuture()
        if fallen:
            self._publish(MailboxLow)
        room.try_set(None)

    def close(self) -> None:
        """The other side has gone: nobody waits for it any more."""
        self._closed = True
        self.look()

    def _hold_back(self) -> Told:
        with self._lock:
            if self._closed:
                return TOLD
            risen, self.saturated = not self.saturated, True
        if risen:
            self._publish(MailboxHigh)
        self.look()  # the credit that ends this may have come a moment ago
        return self.held_back

    def _room(self) -> AskFuture[None] | None:
        with self._lock:
            return self._room_again if self.saturated else None

    def _publish(self, event: type[MailboxHigh | MailboxLow]) -> None:
        whom = self._whom()
        if whom is not None:
            self._system.bus.publish(event(whom, self.outstanding))

    # Theirs, here.

    def after_read(self) -> None:
        """Take credit, and give it: after messages have come."""
        self.look()
        if self._link.protocol.has_unfinished:
            self._settle()

    def _settle(self) -> None:
        protocol = self._link.protocol
        before = protocol.unfinished
        protocol.finished_but(self._backlog())
        if not protocol.unfinished or self._looks or self._closed:
            return
        if protocol.is_flooded:  # by somebody who does not wait for credit; it takes long until there is any
            self._patience = LOOK_MAX_SECONDS
        elif protocol.unfinished < before:
            self._patience = LOOK_SECONDS
        else:
            self._patience = min(2 * self._patience, LOOK_MAX_SECONDS)
        self._look_later()

    def _look_later(self) -> None:
        self._looks = True
        clock = self._system.clock
        clock.call_at(clock.now() + self._patience, lambda: self._loop.call(self._look_again))

    def _look_again(self) -> None:
        if not self._link.turn.acquire(blocking=False):
            self._look_later()  # somebody reads at this moment, on a thread of his own
            return
        try:
            self._looks = False
            if not self._closed and self._link.protocol.has_unfinished:
                self._settle()
                self._link.write()
        finally:
            self._link.turn.release()


def waiting_for(ref: ActorRef) -> int:
    """How many messages one has not begun with: in its mailbox, or on their way to another process."""
    cell = ref.cell
    if cell is None or not cell.alive:
        return 0
    pace = getattr(cell, "pace", None)
    if isinstance(pace, Pace):
        return pace.outstanding
    mailbox = getattr(cell, "mailbox", None)
    return mailbox.waiting() if isinstance(mailbox, Mailbox) else 0
