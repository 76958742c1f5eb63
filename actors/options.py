"""How an actor is to be started by `ActorSystem.spawn`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .mailbox import MailboxOptions

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("SpawnOptions",)


@dataclass(frozen=True, slots=True)
class SpawnOptions:
    """`link` is linked before on_start runs; if the start fails, it gets no exit signal."""

    name: str | None = None  # registered as long as it lives
    start_timeout: float = 10.0  # seconds
    link: ActorRef | None = None
    mailbox: MailboxOptions = field(default_factory=MailboxOptions)
