"""The graceful end of an actor: what waits is handled, nothing new gets in, and there is a deadline.

`ref.stop()` alone lets messages into the mailbox until its turn comes, and waits for as long as that takes;
`ref.shutdown()` ends it ahead of all that waits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from ...protocol.exits import KILLED, NOPROC, ExitReason, Killed
from ..clock import monotonic
from ..current import calling_life
from ..errors import ActorDeadError, AskTimeout, CallingSelf
from ..events import ActorExited, DeadLetter
from ..named_ref import resolved
from ..pykka_seam import ActorStop
from .load import waiting_messages

if TYPE_CHECKING:
    from ..futures import AskFuture
    from ..ref import ActorRef

__all__ = ("DRAIN_TIMEOUT", "LEFT_MAX", "Drained", "drain", "drain_all")

DRAIN_TIMEOUT: Final = 30.0
LEFT_MAX: Final = 1_000  # messages that a report shows; `lost` counts all


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How it went. Asks that were not handled have been answered with ActorDeadError and are not shown."""

    ref: ActorRef
    in_time: bool  # False: it was killed at the deadline
    reason: ExitReason  # what it ended with; NOPROC if it did not live
    waiting: int = 0  # messages that waited when it was killed
    lost: int = 0  # messages that became dead letters meanwhile: refused, or left behind
    left: tuple[object, ...] = ()  # the first of them

    @property
    def complete(self) -> bool:
        """Say whether everything that it had was handled."""
        return self.in_time and not self.lost


@runtime_checkable
class _RefusesNew(Protocol):
    """A life that can take no more messages of users and still handle those that wait."""

    def refuse_new(self, reason: ExitReason) -> None: ...


def drain(ref: ActorRef, timeout: float = DRAIN_TIMEOUT) -> Drained:
    """Let it handle what waits, then end with NORMAL; kill it when `timeout` seconds are over.

    What is sent meanwhile is refused like messages to the dead. A supervisor restarts a permanent child that was
    drained, as after every end: let it terminate the child, or make the child transient.
    Runs in: any thread but its own; blocks. Errors: CallingSelf.
    """
    return drain_all([ref], timeout)[0]


def drain_all(refs: Iterable[ActorRef], timeout: float = DRAIN_TIMEOUT) -> list[Drained]:
    """Drain several at the same time under one deadline; the reports are in their order."""
    deadline = monotonic() + timeout
    life = calling_life()
    drains = [_Drain(resolved(ref)) for ref in refs]
    if life is not None and any(each.ref is life.ref for each in drains):
        raise CallingSelf(str(life.ref))
    try:
        for each in drains:
            each.begin(None if life is None else life.ref)
        return [each.wait(deadline) for each in drains]
    finally:
        for each in drains:
            each.close()


class _Drain:
    def __init__(self, ref: ActorRef) -> None:
        self.ref = ref
        self._incarnation = ref.incarnation
        self._lost = 0
        self._left: list[object] = []
        self._reason: ExitReason | None = None
        self._future: AskFuture[Any] | None = None
        self._unsubscribe = ref.system.bus.subscribe(self._hear, DeadLetter, ActorExited)

    def begin(self, asker: ActorRef | None) -> None:
        self._future = self.ref.ask_for(asker, ActorStop(), waits=True)
        cell: object = self.ref.cell
        if isinstance(cell, _RefusesNew):
            cell.refuse_new(NOPROC)

    def wait(self, deadline: float) -> Drained:
        if self._future is None:
            raise AssertionError("waited for a drain that has not begun")
        waiting, in_time = 0, True
        try:
            self._future.get(timeout=max(0.0, deadline - monotonic()))
        except AskTimeout:
            in_time = False
            waiting = max(0, waiting_messages(self.ref) - 1)  # without the request to stop
            self.ref.kill()
        except ActorDeadError as dead:
            self._reason = self._reason or dead.reason or NOPROC
        reason = self._reason or KILLED
        return Drained(
            ref=self.ref,
            in_time=in_time or not isinstance(reason, Killed),
            reason=reason,
            waiting=waiting,
            lost=self._lost,
            left=tuple(self._left),
        )

    def close(self) -> None:
        self._unsubscribe()

    def _hear(self, event: object) -> None:
        match event:
            case ActorExited(ref=self.ref, incarnation=self._incarnation, reason=reason):
                self._reason = reason
            case DeadLetter(to=self.ref, message=message):
                self._lost += 1
                if len(self._left) < LEFT_MAX:
                    self._left.append(message)
            case _:
                return
