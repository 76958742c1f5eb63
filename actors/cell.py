"""The cell: one life of anything that can be addressed, linked and watched, wherever it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..protocol.exits import ExitReason
from .mailbox import Envelope
from .signals import Down, ExitReport

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("Cell",)


class Cell(Protocol):
    """What an ActorRef is bound to, anew for every life. All of it may be called from any thread and never blocks.

    Local actors (`Life`) and hosted processes implement it. Whoever implements it calls `system.enroll(ref)` before
    the life can end and `system.announce_exit(...)` exactly once when it has.
    """

    @property
    def incarnation(self) -> int:
        """Which life of the ref this is, from 1 on."""

    @property
    def parent(self) -> ActorRef | None:
        """Who began this life and is linked to it; None for a root, and for what lives elsewhere."""

    @property
    def alive(self) -> bool:
        """True as long as it takes messages."""

    @property
    def full(self) -> bool:
        """Whether it has no room for another message of a user now."""

    def put(self, envelope: Envelope) -> None:
        """Take a message. Errors: ActorDeadError if it does not any more, MailboxFull."""

    def exit_signal(
        self,
        sender: ActorRef | None,
        reason: ExitReason,
        *,
        incarnation: int = 0,
        report: ExitReport | None = None,
    ) -> None:
        """Take an exit signal, from a link or sent on purpose; the dead ignore it."""

    def down_signal(self, down: Down) -> None:
        """Take the end of something that this one monitors; the dead ignore it."""

    def withdraw_down(self, monitor: int) -> None:
        """Forget a Down, or news of a group, of this monitor that waits to be handled."""

    def stop_request(self, reason: ExitReason, deadline: float | None) -> None:
        """Take a request to end, ahead of what users sent; the dead ignore it."""

    def kill(self) -> None:
        """End at once with KILLED; the exit has been announced when this returns (hosted: soon after)."""
