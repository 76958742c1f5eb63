"""Sending to many, of whom some may be dead: nobody misses anything because of another one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from .errors import RegrowError

if TYPE_CHECKING:
    from .ref import ActorRef

__all__ = ("Broadcast", "Undelivered", "broadcast")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Undelivered:
    """One who did not get it, and why."""

    ref: ActorRef
    error: RegrowError


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What came of sending to many: how many took it, and who did not."""

    sent: int
    failures: tuple[Undelivered, ...] = ()

    def __bool__(self) -> bool:
        return not self.failures


def broadcast(to: Iterable[T], ref_of: Callable[[T], ActorRef], send: Callable[[T], object]) -> Broadcast:
    """Call `send` with each; what the runtime refuses for one (dead, full) is reported, and the others still get it.

    Runs in: the caller's thread; waits only where `send` does. Errors: whatever else `send` raises, at once.
    """
    sent = 0
    failures: list[Undelivered] = []
    for one in to:
        try:
            send(one)
        except RegrowError as error:
            failures.append(Undelivered(ref_of(one), error))
        else:
            sent += 1
    return Broadcast(sent, tuple(failures))
