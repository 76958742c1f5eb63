"""What one life of a hosted process is begun with, and how far it can get."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from ...protocol.host.messages import Init
from ..child_spec import Limits
from ..outcome import StartOutcome
from .black_box import BlackBox

if TYPE_CHECKING:
    from ..ref import ActorRef

__all__ = ("Conception", "ProcessState")


class ProcessState(Enum):
    """How far this life is."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conception:
    """All that one life is begun with. The descriptors belong to the life from then on."""

    init: Init
    sock: socket.socket
    stdout_fd: int
    stderr_fd: int
    black_box: BlackBox
    start_timeout: float
    limits: Limits
    parent: ActorRef | None
    on_outcome: Callable[[StartOutcome], None]
