"""How an actor is to be started by `ActorSystem.spawn`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .mailbox_options import UNBOUNDED, MailboxOptions

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("START_SECONDS", "SpawnOptions")

START_SECONDS: Final = 10.0
"""What an actor gets to be ready, if nothing else is said."""


@dataclass(frozen=True, slots=True)
class SpawnOptions:
    """`link` is linked before on_start runs; if the start fails, it gets no exit signal."""

    name: str | None = None  # registered as long as it lives
    start_timeout: float | None = None  # seconds; None: START_SECONDS, and a pooled actor may start on this very thread
    link: ActorRef | None = None
    mailbox: MailboxOptions = UNBOUNDED
    dispatcher: str | None = None  # "thread", "pool" or "asyncio"; None: the class's own, else the system's
