"""The address of an actor: stable through all of its lives."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

import pykka

from ..protocol.exits import KILLED, SHUTDOWN, ExitReason
from .asking import ask_here
from .control import ActorExit
from .current import FENCES, calling_life, current_life, here
from .errors import ActorDeadError, CallingSelf, MailboxFull
from .events import DeadLetter
from .futures import AskFuture
from .looking import Looking
from .mailbox import Envelope
from .pykka_seam import ActorStop, OnCell, StableProxy
from .told import TOLD, Told

if TYPE_CHECKING:
    from typing_extensions import TypeVar as _TypeVar

    from .cell import Cell
    from .mailbox import Mailbox
    from .named_ref import NamedRef
    from .system import ActorSystem

    A = _TypeVar("A", bound=pykka.Actor, default=Any)
else:
    A = TypeVar("A", bound=pykka.Actor)

__all__ = ("UNSET", "ActorRef", "Unset")


class Unset(Enum):
    """Tells a timeout that is not given from None, which is none at all."""

    UNSET = "the system's"


UNSET: Final = Unset.UNSET


class ActorRef(OnCell, Looking, pykka.ActorRef[A]):
    """Where to send messages. It outlives crashes: a restart binds it to the next life.

    Between two lives messages are refused: `tell` raises ActorDeadError (and a DeadLetter event is published), `ask`
    answers with ActorDeadError at once. Differs from OTP: there a message to the dead is dropped; here an actor that
    tells one that may be down has to expect that, or it crashes as well.
    `ask` and `proxy` are typed as loosely as pykka's are.

    Runs in: any thread. Only `ask`, `stop` (with block=True) and a full mailbox with Overflow.BLOCK ever wait.
    """

    def __init__(
        self,
        system: ActorSystem,
        *,
        name: str,
        actor_class: type[A],
        urn: str | None = None,
        path: str | None = None,
    ) -> None:
        self.system = system
        self.name = name  # for people; `system.whereis` knows it only if it was registered
        self.path = name if path is None else path  # for people: the ids of the children from the root down to it
        self.actor_class = actor_class
        self._urn = urn
        self._cell: Cell | None = None
        self._direct: Mailbox | None = None

    @staticmethod
    def named(system: ActorSystem, name: str) -> NamedRef:
        """Give the address of whoever has this name at each send, through restarts and replacements."""
        return system.named(name)

    @property
    def urn(self) -> str:
        """Unique in the world; one for all lives. Made when it is first asked for, which is never for most."""
        urn = self._urn
        if urn is None:
            urn = self.system.relations.name_urn(self)
        return urn

    @property
    def known_urn(self) -> str | None:
        """The same, None if it has not been asked for yet."""
        return self._urn

    if not TYPE_CHECKING:
        actor_urn = urn

    @property
    def incarnation(self) -> int:
        """The number of the latest life, 0 before the first."""
        cell = self._cell
        return 0 if cell is None else cell.incarnation

    @property
    def cell(self) -> Cell | None:
        """The latest life."""
        return self._cell

    @property
    def direct(self) -> Mailbox | None:
        """The mailbox of the latest life, if all there is to sending is to append to it."""
        return self._direct

    @property
    def lives_elsewhere(self) -> bool:
        """True for an actor of another process: its own system knows whether it lives."""
        return False

    @property
    def hosted(self) -> bool:
        """True for the ref of a child that lives in an OS process of its own, in all its lives."""
        return False

    @property
    def pid(self) -> int | None:
        """The process that it lives in, if that is another one than ours."""
        return None

    def take_urn(self, urn: str) -> str:
        """Be called so, for good. Only for `Relations.name_urn`."""
        self._urn = urn
        return urn

    def bind(self, cell: Cell) -> None:
        """Let the ref lead to a new life. Only for those who begin lives."""
        self._cell = cell
        self._direct = getattr(cell, "direct", None)  # a Life's mailbox, if all there is to sending is to append

    def is_alive(self) -> bool:
        """Say whether it takes messages now."""
        cell = self._cell
        return cell is not None and cell.alive

    def tell(self, message: object) -> Told:  # type: ignore[override]  # pykka gives nothing
        """Send and forget, or await what it gives to keep the receiver's pace. Errors: ActorDeadError; MailboxFull."""
        if FENCES.count:  # somebody is fenced off, or traced
            life = calling_life()
            if life is not None:
                life.note_out(message, self)
        box = self._direct
        if box is None:
            return self._post(Envelope(message))
        box.user.append(message)
        if box.heedful:  # it sleeps, or is gone
            box.notice(message)
        return TOLD

    def try_tell(self, message: object) -> bool:
        """Send only if there is room; False if there is none, and then nothing was sent. Never blocks.

        There is none in a mailbox whose `maxsize` is reached, unless that drops another message for it, and in another
        process that has a window of messages which it has not begun with. Errors: as `tell`, but for MailboxFull.
        """
        cell = self._cell
        if cell is not None and cell.full and cell.alive:
            return False
        if self._direct is not None or self.hosted or self.lives_elsewhere:  # there nobody is ever kept waiting
            self.tell(message)
            return True
        self._note_out(message)
        try:
            self._post(Envelope(message, hurried=True))
        except MailboxFull:  # it has filled up since
            return False
        return True

    def _note_out(self, message: object) -> None:
        if FENCES.count:  # somebody is fenced off, or traced
            life = calling_life()
            if life is not None:
                life.note_out(message, self)

    def _post(self, envelope: Envelope) -> Told:
        cell = self._cell
        try:
            if cell is None:
                raise ActorDeadError(self)
            cell.put(envelope)
        except ActorDeadError:
            self._undelivered(envelope.message)
            raise
        return TOLD

    def _undelivered(self, message: object) -> None:
        self.system.bus.publish(DeadLetter(self, message, "not alive"))

    @overload
    def ask(self, message: object, *, block: Literal[False], timeout: float | None = None) -> pykka.Future[Any]: ...

    @overload
    def ask(self, message: object, *, block: Literal[True] = True, timeout: float | Unset | None = UNSET) -> Any: ...

    @overload
    def ask(self, message: object, *, block: bool = True, timeout: float | Unset | None = UNSET) -> Any: ...

    def ask(self, message: object, *, block: bool = True, timeout: float | Unset | None = UNSET) -> Any:
        """Send and get the answer: wait for it, or with `block=False` get a future of it (which can be awaited).

        It waits as long as the system says (`ask_timeout`), up to `timeout` seconds, or with None for ever. A `timeout`
        of your own is kept exactly; without one the handler of a pooled actor may run on this very thread.
        Errors: what the handler raised (it died of that); ActorDeadError with the exit reason; AskTimeout;
        CallingSelf; MailboxFull.
        """
        me = here()
        life = me.life
        if life is not None and life.fenced:
            raise ActorExit(KILLED, killed=True)
        if FENCES.count and life is not None:
            life.note_out(message, self)
        box = self._direct
        if block and timeout is UNSET and box is not None and box.heedful:
            owner: Any = box.owner  # a Life: nothing else has a mailbox that is sent to directly
            lent = ask_here(owner, message, me)
            if lent is not None:
                if lent._done and lent._error is None:
                    return lent._value
                return lent.wait_for(self.system.ask_timeout, exact=False)
        future = self.ask_for(None if life is None else life.ref, message, waits=block)
        if not block:
            return future
        if timeout is UNSET:
            return future.wait_for(self.system.ask_timeout, exact=False)
        return future.wait_for(timeout, exact=timeout is not None)

    def ask_for(self, asker: ActorRef[Any] | None, message: object, *, waits: bool = False) -> AskFuture[Any]:
        """Ask in somebody's name, who waits for the answer or does not. Never blocks. Errors: MailboxFull."""
        cell = self._cell
        future: AskFuture[Any] = AskFuture()
        if asker is not None:
            future.asker = asker
        if waits:
            future.waits = True
        try:
            if cell is None:
                raise ActorDeadError(self)
            cell.put(Envelope(message, future))
        except ActorDeadError as error:
            future.try_fail(error)
        return future

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Ask it to end with NORMAL after all messages that wait already (pykka's poison pill).

        Gives True if it has ended by this, False if it was dead; a future of that with `block=False`.
        Errors: AskTimeout; CallingSelf if an actor waits for its own end, or for that of a supervisor above it.
        """
        if not block:
            return super().stop(block=False)
        life = calling_life()
        if life is not None and life.ref is self:
            raise CallingSelf(str(self))
        message, box = ActorStop(), self._direct
        future: AskFuture[Any] | None = None
        if timeout is None and box is not None and box.heedful:
            owner: Any = box.owner
            future = ask_here(owner, message, here())
        if future is None:
            future = self.ask_for(None if life is None else life.ref, message, waits=True)
        try:
            future.get(timeout=timeout)
        except ActorDeadError:
            return False
        return True

    def proxy(self) -> pykka.ActorProxy[A]:
        """Wrap it so that methods can be called; the proxy survives restarts. Errors: ActorDeadError."""
        return StableProxy(actor_ref=self)

    def exit(self, reason: ExitReason) -> None:
        """Send an exit signal: ends those who do not trap exits; NORMAL is ignored by them.

        From the actor itself NORMAL ends it too. Differs from OTP: KILLED here is the signal that links pass on, so
        it can be trapped; the untrappable one is `kill()`.
        Source: erlang:exit/2.
        """
        life = calling_life()
        cell = self._cell
        if cell is not None:
            if life is None:
                cell.exit_signal(None, reason)
            else:
                cell.exit_signal(life.ref, reason, incarnation=life.incarnation)

    def shutdown(self, reason: ExitReason = SHUTDOWN, *, deadline: float | None = None) -> None:
        """Ask it to end, ahead of all messages that wait; returns at once. `deadline` is monotonic seconds."""
        cell = self._cell
        if cell is not None:
            cell.stop_request(reason, deadline)

    def kill(self) -> None:
        """End it at once with KILLED, without any hook.

        An actor that is idle is gone when this returns. A thread that is busy cannot be ended: its exit is announced
        at once, its messages are refused, it can send and start nothing any more (but still end others, which late
        cleanup has to), and it is reported as unstopped until it comes to its end.
        Errors: in the actor itself it does not return.
        """
        life = current_life()
        if life is not None and life.ref is self and life is self._cell:
            raise ActorExit(KILLED, killed=True)
        cell = self._cell
        if cell is not None:
            cell.kill()

    def link_made(self, peer: ActorRef) -> None:
        """Hear that `peer` has been linked to it; a ref of another process passes it on."""

    def link_dropped(self, peer: ActorRef) -> None:
        """Hear that `peer` has been unlinked from it."""

    def monitor_made(self, monitor: int, owner: ActorRef) -> None:
        """Hear that `owner` monitors it; a ref of another process passes it on."""

    def monitor_dropped(self, monitor: int) -> None:
        """Hear that a monitor on it has been taken back."""

    def __repr__(self) -> str:
        return f"<ActorRef {self}>"

    def __str__(self) -> str:
        kind = self.actor_class.__name__
        # Below a supervisor an id says little without the way to it; a registered name is the only one in its system.
        name = self.path if self.path.endswith(f"/{self.name}") else self.name
        return f"{kind} ({self.actor_urn})" if name == kind else f"{name} ({kind} {self.actor_urn})"
